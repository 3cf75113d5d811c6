"""Envoy and Traefik with the recipes of `deploy/`, in which only addresses differ."""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.processes import ROOT, Server, free_port

PLACEHOLDER = "kh_gtw_live_..."


@contextlib.contextmanager
def envoy(program: str, folder: Path, *, keyhouse: int, core: int, credential: str, **changes: str) -> Iterator[Server]:
    """Run Envoy with its recipe while the block runs, between Keyhouse and a payment core on these ports.

    `changes` replace more lines of the recipe, for tests of what they are good for.
    """
    folder.mkdir(parents=True)
    port, recipe = free_port(), ROOT / "deploy" / "envoy"
    secret = folder / "credential.yaml"
    addresses = {
        "port_value: 8000": f"port_value: {keyhouse}",
        "port_value: 9000": f"port_value: {core}",
        "port_value: 8080": f"port_value: {port}",
        "/etc/envoy/keyhouse/credential.yaml": str(secret),
    }
    write_credential(recipe / "credential.yaml.example", secret, credential)
    configuration = adapted(recipe / "envoy.yaml", folder, addresses | changes)
    words = [program, "-c", str(configuration), "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"]
    with processes.running(words, port=port, log=folder / "envoy.log", env=dict(os.environ)) as server:
        yield server


@contextlib.contextmanager
def traefik(
    program: str, folder: Path, *, keyhouse: int, core: int, credential: str, **changes: str
) -> Iterator[Server]:
    """Run Traefik with its recipe while the block runs, between Keyhouse and a payment core on these ports."""
    watched = folder / "keyhouse"
    watched.mkdir(parents=True)
    port, recipe = free_port(), ROOT / "deploy" / "traefik"
    write_credential(recipe / "credential.yml.example", watched / "credential.yml", credential)
    adapted(recipe / "dynamic" / "nobody.yml", watched, {})
    adapted(recipe / "dynamic" / "keyhouse.yml", watched, {":8000": f":{keyhouse}", ":9000": f":{core}"} | changes)
    # Traefik takes up changes at most every two seconds, which adds up in tests that exchange credentials.
    quick = {"providers:": "providers:\n  providersThrottleDuration: 50ms"}
    addresses = {":8080": f":{port}", "/etc/traefik/keyhouse": str(watched)} | quick
    configuration = adapted(recipe / "traefik.yml", folder, addresses)
    words = [program, f"--configFile={configuration}"]
    with processes.running(words, port=port, log=folder / "traefik.log", env=dict(os.environ)) as server:
        yield server


STARTERS: dict[str, Callable[..., AbstractContextManager[Server]]] = {"envoy": envoy, "traefik": traefik}


@dataclass
class Gateway:
    """A running gateway: of which kind, on which port, and where its files are."""

    kind: str
    port: int
    folder: Path

    def take(self, credential: str) -> None:
        """Exchange its credential as its recipe says."""
        path = self.folder / {"envoy": "credential.yaml", "traefik": "keyhouse/credential.yml"}[self.kind]
        write_credential(ROOT / "deploy" / self.kind / f"{path.name}.example", path, credential)


def adapted(source: Path, folder: Path, changes: dict[str, str]) -> Path:
    """Write a file of the recipe into `folder`, with these texts replaced by those; return where it is."""
    text = source.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert before in text, f"{source.name} does not say {before}."
        text = text.replace(before, after)
    (folder / source.name).write_text(text, encoding="utf-8")
    return folder / source.name


def write_credential(example: Path, path: Path, credential: str) -> None:
    """Put the credential where the gateway looks for it, as the recipe says: a new file, moved over the old one."""
    text = example.read_text(encoding="utf-8")
    assert PLACEHOLDER in text
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text.replace(PLACEHOLDER, credential), encoding="utf-8")
    draft.rename(path)
