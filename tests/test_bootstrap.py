"""Starting on a machine that has only Python: `.venv` is whole, or it does not count.

Each test works in a small house of its own: the real `portal/bootstrap.py` beside locks that name one tiny package,
which pip finds in a folder. The real locks differ from it in size only.
"""

import ast
import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.any_database

ROOT = Path(__file__).resolve().parent.parent
SORRY = "The packages could not be installed; the lines above say why. Running the same command tries again."
NOT_OURS = ".venv was not made by Keyhouse and lacks what it needs. Move it away, or activate one that is complete."
START = """
import sys
from portal import bootstrap
bootstrap.enter(sys.argv[1])
import brick
print(sys.prefix, brick.ROOM)
"""


class House:
    """A folder with the bootstrap, two locks and the wheels they name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wheels = folder, folder / "wheels"
        (folder / "portal").mkdir(parents=True)
        self.wheels.mkdir()
        (folder / "portal" / "__init__.py").touch()
        (folder / "portal" / "bootstrap.py").write_bytes((ROOT / "portal" / "bootstrap.py").read_bytes())
        (folder / "start.py").write_text(START)
        self.lock("1.0")

    def lock(self, version: str) -> None:
        """Ask for the package `brick` in this version when running, and for `plumb` as well when testing."""
        run = f"brick=={version} \\\n    --hash=sha256:{self.wheel('brick', version)}\n"
        test = f"plumb==1.0 \\\n    --hash=sha256:{self.wheel('plumb', '1.0')}\n"
        (self.folder / "requirements.txt").write_text(run)
        (self.folder / "requirements-test.txt").write_text(run + test)

    def wheel(self, name: str, version: str) -> str:
        """Write a wheel by hand and return its SHA-256."""
        about = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"ROOM = 'version {version}'\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        sums = {path: hashlib.sha256(text.encode()).digest() for path, text in files.items()}
        lines = [f"{path},sha256={base64.urlsafe_b64encode(sums[path]).decode().rstrip('=')}," for path in files]
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for inside, text in files.items():
                archive.writestr(zipfile.ZipInfo(inside), text)
            archive.writestr(zipfile.ZipInfo(f"{about}/RECORD"), "\n".join([*lines, f"{about}/RECORD,,"]))
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def open(self, command: str = "demo", *, python: str | None = None) -> subprocess.Popen:
        """Start the house with a Python that has nothing installed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        words = [python or sys._base_executable, "start.py", command]
        return subprocess.Popen(
            words, cwd=self.folder, env=kept | offline, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def start(self, command: str = "demo", *, python: str | None = None) -> tuple[int, str, str]:
        """Start the house and return its exit code and what it said on both streams."""
        process = self.open(command, python=python)
        out, err = process.communicate(timeout=120)
        return process.returncode, out.strip(), err.strip()

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    @property
    def marker(self) -> Path:
        return self.venv / "keyhouse.json"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "house")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose environment is complete already; tests leave it complete."""
    house = House(tmp_path_factory.mktemp("whole") / "house")
    assert house.start()[0] == 0
    return house


def test_only_python_is_enough_and_the_second_start_is_silent(house):
    code, out, err = house.start()
    assert (code, out) == (0, f"{house.venv} version 1.0")
    assert err == "Preparing .venv from requirements.txt; this happens once and takes about half a minute ..."
    assert house.start() == (0, f"{house.venv} version 1.0", "")
    assert house.start(python=str(house.venv / "bin" / "python")) == (0, f"{house.venv} version 1.0", "")


def test_tests_add_their_packages_once_and_running_keeps_them(whole):
    before = (whole.venv / "pyvenv.cfg").stat().st_ino
    code, _, err = whole.start("test")
    assert code == 0
    assert "requirements-test.txt" in err
    assert (whole.venv / "pyvenv.cfg").stat().st_ino == before, "a server running from .venv lost its packages"
    assert [whole.start(command)[2] for command in ("test", "demo")] == ["", ""]
    assert subprocess.run([whole.venv / "bin" / "python", "-c", "import plumb"], check=False).returncode == 0


def test_a_changed_lock_is_installed_by_the_next_start(whole):
    whole.lock("2.0")
    assert whole.start()[1].endswith("version 2.0")
    whole.lock("3.0")
    inside = whole.start(python=str(whole.venv / "bin" / "python"))
    assert inside[1].endswith("version 3.0"), "also when .venv itself is active"


def test_a_killed_install_never_looks_complete(house):
    process = house.open()
    deadline = time.monotonic() + 60
    while not (house.venv / "bin" / "python").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not house.marker.exists()
    (house.venv / "lib" / "leftover").mkdir()
    assert house.start()[:2] == (0, f"{house.venv} version 1.0")
    assert not (house.venv / "lib" / "leftover").exists(), "the environment was begun anew"


def test_a_wheel_with_another_hash_is_refused(house):
    lock = house.folder / "requirements.txt"
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))
    code, out, err = house.start()
    assert (code, out) == (1, "")
    assert err.endswith(SORRY)
    assert not house.marker.exists()


def test_two_starts_at_once_install_once(house):
    first, second = house.open(), house.open()
    said = [process.communicate(timeout=120) for process in (first, second)]
    assert [out.strip() for out, _ in said] == [f"{house.venv} version 1.0"] * 2
    assert "".join(err for _, err in said).count("Preparing") == 1


def test_an_environment_of_ones_own_is_used_as_it_is(house, tmp_path):
    own = tmp_path / "own"
    subprocess.run([sys._base_executable, "-m", "venv", "--without-pip", own], check=True)
    [site] = own.glob("lib/python*/site-packages")
    with zipfile.ZipFile(house.wheels / "brick-1.0-py3-none-any.whl") as archive:
        archive.extractall(site)
    assert house.start(python=str(own / "bin" / "python")) == (0, f"{own} version 1.0", "")
    assert not house.venv.exists()


@pytest.mark.parametrize("linked", [False, True], ids=["a folder", "a link"])
def test_an_environment_that_somebody_else_made_is_never_emptied(house, tmp_path, linked):
    theirs = tmp_path / "theirs" if linked else house.venv
    theirs.mkdir()
    (theirs / "work").write_text("of a day")
    if linked:
        house.venv.symlink_to(theirs)
        (house.folder / ".venv.lock").touch()
    code, _, err = house.start()
    assert (code, err) == (1, NOT_OURS)
    assert (theirs / "work").read_text() == "of a day"


@pytest.mark.parametrize("damage", ["folder", "python", "sha256", "text", "gone"])
def test_a_marker_that_does_not_fit_does_not_count(whole, damage):
    told = json.loads(whole.marker.read_text())
    whole.marker.write_text("[1" if damage == "text" else json.dumps(told | {damage: "another"}))
    if damage == "gone":
        whole.marker.unlink()
    probe = "from portal import bootstrap as b; print(b.is_complete(b.RUN_LOCK, inside=True))"
    python = whole.venv / "bin" / "python"
    answer = subprocess.run([python, "-c", probe], cwd=whole.folder, capture_output=True, text=True, check=True)
    whole.marker.write_text(json.dumps(told))
    assert answer.stdout == "False\n"
    assert whole.start()[2] == ""


@pytest.mark.parametrize(
    ("circumstance", "sentence"),
    [
        ("sys.version_info = (3, 9, 2)", "Keyhouse needs Python 3.11 or newer; this is Python 3.9.\n"),
        (
            "sys.modules['ensurepip'] = None",
            "Python's venv module is incomplete here. On Debian and Ubuntu: apt-get install python3-venv\n",
        ),
    ],
    ids=["old Python", "no venv"],
)
def test_a_python_that_cannot_do_it_is_told_so_in_one_sentence(house, circumstance, sentence):
    script = f"import sys; {circumstance}; from portal import bootstrap; bootstrap.enter('demo')"
    answer = subprocess.run(
        [sys._base_executable, "-c", script], cwd=house.folder, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (1, sentence)
    assert not house.venv.exists()


@pytest.mark.parametrize("path", ["manage.py", "portal/__init__.py", "portal/bootstrap.py"])
def test_an_old_python_can_read_the_start(path):
    ast.parse((ROOT / path).read_text(), feature_version=(3, 8))


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_locks_agree_are_hashed_and_name_no_host():
    run, test = pins("requirements.txt"), pins("requirements-test.txt")
    assert "django" in run
    assert "pytest" not in run
    assert run.items() <= test.items(), "adding the test lock would change what is running"
    for lock in ("requirements.txt", "requirements-test.txt"):
        text = (ROOT / lock).read_text()
        assert len(re.findall(r"^[^\s#]", text, re.MULTILINE)) == len(pins(lock)), "a line that pins nothing"
        assert len(re.findall(r"^[\w.-]+.*\\\n +--hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)) == len(pins(lock))
        assert "://" not in text
