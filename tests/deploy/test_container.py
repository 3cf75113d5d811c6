"""The Containerfile, its steps run as they stand, in order, in a folder in the place of a container.

What is not shown here: that a container's runtime reads the file as we do. Two steps are cut short: the packages are
those of this test run, and the style sheets were gathered before, for other tests too.
OWASP ASVS 5.0: 13.2.2, 13.3.1, 13.4.1, 15.2.3; PCI DSS 4.0: 2.2.4, 2.2.6, 6.3.2, 8.6.2.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.deploy.test_systemd import known_variables
from tests.processes import ROOT, free_port, gathered_static_files, running

FOLDER = ROOT / "deploy" / "container"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
TEXT = (FOLDER / "Containerfile").read_text(encoding="utf-8")
STEPS = [line.split(" ", 1) for line in TEXT.splitlines() if line and not line.startswith("#")]
BUILD = STEPS[: [name for name, _ in STEPS].index("FROM", 1)]
FINAL = STEPS[len(BUILD) :]
PACKAGES = {"venv", "pip"}
"""Words of the steps that make the environment, in whose place the tests' own stands."""


def said(name: str) -> list[str]:
    return [words for step, words in FINAL if step == name]


def environment() -> dict[str, str]:
    return dict(words.split("=", 1) for words in said("ENV"))


class Box:
    """A folder that stands for the root of a container."""

    def __init__(self, folder: Path, built: "Box | None" = None) -> None:
        self.folder = self.inside = folder
        self.built = built
        self.as_built: dict[Path, int] = {}

    def path(self, words: str) -> Path:
        return self.folder / words.lstrip("/") if words.startswith("/") else self.inside / words

    def run(self, step: str, words: str) -> None:
        """Do what a step says, with the container's own folders below this one."""
        if step == "WORKDIR":
            self.inside = self.path(words)
            self.inside.mkdir(parents=True, exist_ok=True)
        elif step == "COPY":
            self.copy(words)
        elif step == "RUN" and set(words.split()) & PACKAGES:
            self.path("/opt/venv").parent.mkdir(parents=True, exist_ok=True)
            if not self.path("/opt/venv").exists():
                self.path("/opt/venv").symlink_to(sys.prefix)
        elif step == "RUN":
            tried = f"{self.translated(words)} --dry-run" if " collectstatic " in words else self.translated(words)
            subprocess.run(["sh", "-ec", tried], cwd=self.inside, env=bare(), check=True)
            if " collectstatic " in words:
                shutil.copytree(gathered_static_files() / "static", self.path("/tmp/gathered/static"))  # noqa: S108

    def copy(self, words: str) -> None:
        *sources, target = words.removeprefix("--from=build ").split()
        for source in sources:
            origin = self.built.path(source) if self.built else ROOT / source
            goal = self.path(target) / source if target == "./" else self.path(target)
            goal.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_symlink():
                goal.symlink_to(origin.resolve())
            elif origin.is_dir():
                shutil.copytree(origin, goal, ignore=None if self.built else shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(origin, goal)

    def translated(self, words: str) -> str:
        return re.sub(r"(?<![\w.])/(opt|tmp)/", rf"{self.folder}/\1/", words)

    def content(self) -> dict[Path, int]:
        """Return every file and when it was written."""
        return {path: path.stat().st_mtime_ns for path in self.folder.rglob("*") if path.is_file()}


def bare() -> dict[str, str]:
    """Return an environment with nothing of ours in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KEYHOUSE_", "D", "PYTHON"))}


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Box:
    """Return what the steps make."""
    built = Box(tmp_path_factory.mktemp("build"))
    for step, words in BUILD:
        built.run(step, words)
    final = Box(tmp_path_factory.mktemp("final"), built)
    for step, words in FINAL:
        if step in {"COPY", "WORKDIR"}:
            final.run(step, words)
    final.as_built = final.content()
    return final


def test_there_is_no_step_that_we_do_not_know():
    """What this test does not run, it would not notice."""
    assert {step for step, _ in BUILD} == {"FROM", "WORKDIR", "COPY", "RUN"}
    known = {"FROM", "COPY", "WORKDIR", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {step for step, _ in FINAL} == known
    assert {words.split()[0] for step, words in STEPS if step == "FROM"} == {"python:3.11-slim"}


def test_the_packages_come_from_the_hashed_lock_and_nobody_is_root():
    """PCI DSS 2.2.4, 6.3.2; ASVS 13.2.2, 15.2.3: and neither tests nor a repository are in it."""
    (install,) = (words for step, words in BUILD if step == "RUN" and " install " in words)
    assert {"--require-hashes", "--only-binary=:all:", "requirements.txt"} <= set(install.split())
    assert said("USER") == ["10001:10001"]
    copied = {source for step, words in BUILD if step == "COPY" for source in words.split()[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    assert not {"tests", "deploy", ".git", ".", "var"} & copied
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"} <= copied


def test_every_variable_exists_and_none_is_a_secret():
    """PCI DSS 2.2.6, 8.6.2; ASVS 13.3.1: an image is copied to many places."""
    told = dict(line.split("=", 1) for line in README.split("<<END\n")[1].split("\nEND")[0].splitlines())
    assert (set(environment()) | set(told)) - {"PYTHONDONTWRITEBYTECODE"} <= known_variables()
    assert not [name for name in environment() if re.search("SECRET|KEYS?$|PEPPER|URL|DEMO", name)]
    assert set(re.findall(r"^keyhouse .*? keyhouse ([a-z_]+)", README, re.MULTILINE)) <= set(get_commands())


@pytest.fixture
def served(box: Box, tmp_path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Run the container's program, on the loopback; yield its port and its environment."""
    port = free_port()
    house = {f"KEYHOUSE_{name}": secrets.token_hex(32) for name in ("SECRET_KEY", "AUDIT_KEY", "VAULT_KEYS")}
    house |= {"KEYHOUSE_TOKEN_PEPPERS": secrets.token_hex(32), "KEYHOUSE_HOSTS": "portal.shop.example"}
    house |= {"KEYHOUSE_EMAIL_URL": "smtp://localhost", "DATABASE_URL": f"sqlite:///{tmp_path}/keyhouse.sqlite3"}
    house |= {"KEYHOUSE_AUDIT_JOURNAL": f"{tmp_path}/audit.journal"}  # a volume, as the README mounts it
    house |= {name: box.translated(f"{value}/").rstrip("/") for name, value in environment().items()}
    words = json.loads(said("ENTRYPOINT")[0]) + json.loads(said("CMD")[0]) + ["--workers", "1"]
    words = [{"0.0.0.0": "127.0.0.1", "8000": str(port)}.get(word, box.translated(word)) for word in words]  # noqa: S104
    with running(words, port=port, log=tmp_path / "log", env=bare() | house, folder=box.inside):
        yield port, bare() | house


def test_what_was_built_serves_and_writes_nothing_where_it_lies(box, served):
    """PCI DSS 2.2.4: so its file system can be read-only; the health check says that it lives, and when it does not."""
    port, house = served
    words = json.loads(said("HEALTHCHECK")[0].split("CMD ")[1])
    command = [box.translated(word).replace("8000", str(port)) for word in words]
    assert subprocess.run(command, cwd=box.inside, env=house, check=False).returncode == 0
    elsewhere = [word.replace(str(port), str(free_port())) for word in command]
    assert subprocess.run(elsewhere, cwd=box.inside, env=house, check=False, capture_output=True).returncode
    assert box.content() == box.as_built
    assert (box.inside / "var" / "static" / "staticfiles.json").exists()
    assert not list((box.inside / "var").rglob("*secret*"))
