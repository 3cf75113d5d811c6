"""The units of `deploy/systemd`: what they name exists, what its README says works, and they may do next to nothing.

OWASP ASVS 5.0: 13.1.4, 13.2.2, 13.3.1, 13.3.2, 15.2.3; PCI DSS 4.0: 2.2.4, 2.2.6, 8.6.2, 10.3.4, 10.4.1.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from portal.server import GRACE_SECONDS
from tests.processes import ROOT

FOLDER = ROOT / "deploy" / "systemd"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
SERVE, CHECK, TIMER = (FOLDER / f"keyhouse{name}" for name in (".service", "-check@.service", "-check@.timer"))
SECRETS = {"secret_key", "token_peppers", "vault_keys", "audit_key", "database_url", "email_url"}


def lines(unit: Path) -> list[tuple[str, str]]:
    """Return the settings of a unit, in order."""
    text = unit.read_text(encoding="utf-8")
    return re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)


def environment_of(unit: Path, folder: Path) -> dict[str, str]:
    """Return the environment that systemd gives to the unit's program, with its credentials in `folder`."""
    named = [value.replace("%d", str(folder)) for name, value in lines(unit) if name == "Environment"]
    file = [line for line in (FOLDER / "keyhouse.env").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    return dict(line.split("=", 1) for line in named + file)


def known_variables() -> set[str]:
    """Return every variable that the settings read, and `<name>_FILE` of what may be a file."""
    source = "".join((ROOT / "portal" / name).read_text(encoding="utf-8") for name in ("settings.py", "environment.py"))
    return set(re.findall(r'"((?:KEYHOUSE_|DATABASE_)[A-Z_]+)"', source)) | {
        f"{name}_FILE" for name in of_files(source)
    }


def of_files(source: str) -> set[str]:
    return set(re.findall(r'read_(?:secret|text)\("(\w+)"', source))


@pytest.mark.parametrize("unit", [SERVE, CHECK], ids=lambda unit: unit.name)
def test_every_variable_of_a_unit_is_one_that_keyhouse_reads(unit):
    """PCI DSS 2.2.6: one that is misspelt would be without effect, and nobody would see it."""
    named = set(environment_of(unit, Path("/run"))) - {"PYTHONDONTWRITEBYTECODE"}
    assert named <= known_variables()
    assert {"KEYHOUSE_HOSTS", "KEYHOUSE_BEHIND_PROXY", "KEYHOUSE_VAR", "DATABASE_URL_FILE"} <= named


@pytest.mark.parametrize("unit", [SERVE, CHECK], ids=lambda unit: unit.name)
def test_secrets_come_as_credentials_that_root_alone_can_read(unit):
    """ASVS 13.3.1, PCI DSS 8.6.2: no secret in a unit, in its environment or on its command line."""
    loaded = dict(value.split(":") for name, value in lines(unit) if name == "LoadCredential")
    assert loaded == {name: f"/etc/keyhouse/secrets/{name}" for name in SECRETS}
    told = {path for name, path in environment_of(unit, Path("/run")).items() if name.endswith("_FILE")}
    assert told == {f"/run/{name}" for name in SECRETS}
    for file in FOLDER.iterdir():
        assert not re.search(r"[0-9a-f]{32}|KEYHOUSE_DEMO", file.read_text(encoding="utf-8")), file


def test_every_command_that_a_unit_runs_exists():
    """PCI DSS 8.2.6, 10.4.1: the daily checks, and the server."""
    words = [value.split() for unit in (SERVE, CHECK) for name, value in lines(unit) if name == "ExecStart"]
    assert [each[:2] for each in words] == [["/opt/keyhouse/.venv/bin/python", "manage.py"]] * 2
    enabled = set(re.findall(r"keyhouse-check@(\w+)\.timer", README))
    assert enabled == {"audit", "tree", "people"}
    run = {words[0][2], *(words[1][2].replace("%i", each) for each in enabled)}
    assert run == {"serve", "check_audit", "check_tree", "check_people"}
    typed = set(re.findall(r"(?:^|`)keyhouse ([a-z_]+)", README, re.MULTILINE))
    assert {"check", "migrate", "create_administrator", "rotate_keys"} <= typed
    assert run | typed <= set(get_commands())


def test_the_server_is_started_again_and_given_time_to_stop():
    """`serve` ends where the same worker dies twice within five seconds; a stopping worker writes its counts."""
    said = dict(lines(SERVE))
    assert (said["Restart"], said["StartLimitIntervalSec"], said["KillMode"]) == ("always", "0", "mixed")
    assert int(said["TimeoutStopSec"]) > GRACE_SECONDS
    assert ("OnCalendar", "daily") in lines(TIMER)
    assert ("Persistent", "yes") in lines(TIMER)


def test_both_services_are_shut_in_alike():
    """ASVS 13.2.2, PCI DSS 2.2.4: the check needs no more than the server."""

    def walls(unit: Path) -> list[tuple[str, str]]:
        found = lines(unit)
        return found[found.index(("StateDirectory", "keyhouse")) : found.index(("SystemCallErrorNumber", "EPERM")) + 1]

    assert walls(SERVE) == walls(CHECK)
    assert {("ProtectSystem", "strict"), ("NoNewPrivileges", "yes"), ("CapabilityBoundingSet", "")} <= set(walls(SERVE))


def test_what_the_readme_types_makes_a_house_that_starts(tmp_path):
    """PCI DSS 2.2.2, 2.2.6, 3.6.1: the secrets drawn as it says are good ones, and nobody else reads the files."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl on this machine")
    block = next(each for each in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "openssl" in each)
    subprocess.run(["sh", "-ec", block.replace("/etc/keyhouse", str(tmp_path))], check=True)
    folder = tmp_path / "secrets"
    assert {file.name for file in folder.iterdir()} == SECRETS
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KEYHOUSE_", "D"))}
    ours |= environment_of(SERVE, folder) | {"KEYHOUSE_VAR": str(tmp_path)}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "DEBUG"]
    done = subprocess.run(command, cwd=ROOT, env=ours, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


# systemd's own opinion


@pytest.fixture(scope="module")
def analyze() -> str:
    """Return the path of systemd's own judge of units."""
    return shutil.which("systemd-analyze") or pytest.skip("no systemd on this machine (apt-get install systemd)")


@pytest.fixture(scope="module")
def units(tmp_path_factory) -> Path:
    """Return a folder with the units, in which only the program is another: that of the service is not here."""
    folder = tmp_path_factory.mktemp("units")
    for unit in (SERVE, CHECK, TIMER):
        text = unit.read_text(encoding="utf-8").replace("/opt/keyhouse/.venv/bin/python", sys.executable)
        (folder / unit.name).write_text(text, encoding="utf-8")
    return folder


def test_systemd_finds_nothing_wrong(analyze, units):
    names = ["keyhouse.service", "keyhouse-check@audit.service", "keyhouse-check@tree.timer"]
    for unit in (units / "keyhouse-check@.service", units / "keyhouse-check@.timer"):
        for each in ("audit", "tree"):
            shutil.copy(unit, units / unit.name.replace("@", f"@{each}"))
    words = [analyze, "verify", "--man=no", *(str(units / name) for name in names)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "keyhouse" in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_rates_the_units_as_the_readme_says(analyze, units):
    """ASVS 13.2.2, PCI DSS 2.2.4: 0 may do nothing, 10 everything."""
    most = float(re.search(r"hold the units at (\d\.\d) or below", README)[1])
    for unit in (SERVE, CHECK):
        words = [
            analyze,
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={int(most * 10)}",
            str(units / unit.name),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
