"""Prepare `.venv` from the hashed lock and start the command again inside it.

Standard library only, and readable by Python 3.8, so that an old interpreter gets a sentence instead of a
SyntaxError. `.venv` belongs to this file: it counts as complete only while the marker in it, written last, names the
current lock. Whoever keeps an environment of their own activates it under another name; it is then used as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MARKER = VENV / "keyhouse.json"
TURN = ROOT / ".venv.lock"
RUN_LOCK, TEST_LOCK = "requirements.txt", "requirements-test.txt"
OLDEST = (3, 11)


def enter(command: str) -> None:
    """Return where this interpreter can run `command`; otherwise start it again inside a complete `.venv`."""
    if sys.version_info[:2] < OLDEST:
        stop("Keyhouse needs Python 3.11 or newer; this is Python {}.{}.".format(*sys.version_info))
    lock = TEST_LOCK if command == "test" else RUN_LOCK
    inside = os.path.realpath(sys.prefix) == os.path.realpath(VENV)
    elsewhere = not inside and sys.prefix != sys.base_prefix
    if elsewhere and has_everything(lock):
        return
    if not is_complete(lock, inside=inside):
        if not inside and has_everything(lock):
            return
        prepare(lock, inside=inside)
    elif inside:
        return
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def is_complete(lock: str, *, inside: bool) -> bool:
    """Tell whether `.venv` was completed from the current `lock`, in this folder and, if inside it, for this Python."""
    found = read_marker()
    known = (found.get("python") == python_version() or not inside) and found.get("folder") == str(VENV)
    sufficient = found.get("lock") in {lock, TEST_LOCK}  # the test lock contains the run lock
    return known and sufficient and PYTHON.exists() and found.get("sha256") == digest(found["lock"])


def has_everything(lock: str) -> bool:
    """Tell whether the running interpreter has every package that `lock` asks for on all platforms."""
    for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==\S+ \\$", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE):
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            return False
    return True


def prepare(lock: str, *, inside: bool) -> None:
    """Complete `.venv` from `lock`, one start at a time, or stop with a sentence that says why that failed."""
    if importlib.util.find_spec("ensurepip") is None:
        stop("Python's venv module is incomplete here. On Debian and Ubuntu: apt-get install python3-venv")
    if VENV.is_symlink() or (VENV.exists() and not TURN.exists()):
        # Making an environment anew empties its folder, so never one that somebody else made.
        stop(".venv was not made by Keyhouse and lacks what it needs. Move it away, or activate one that is complete.")
    try:
        with one_at_a_time() as held:
            if not is_complete(lock, inside=inside):
                install(lock, held=held)
    except subprocess.CalledProcessError:
        stop("The packages could not be installed; the lines above say why. Running the same command tries again.")
    except OSError as error:
        stop(f"Keyhouse cannot write its environment {VENV}: {error.strerror}.")
    except KeyboardInterrupt:
        stop("Interrupted. The next start begins the environment anew.", code=130)


def install(lock: str, *, held: int) -> None:
    """Install `lock` into `.venv`; over a complete one it only adds, so that a running server keeps its packages."""
    found = read_marker()
    if found.get("lock") == TEST_LOCK:
        lock = TEST_LOCK
    say(f"Preparing .venv from {lock}; this happens once and takes about half a minute ...")
    keep = found.get("folder") == str(VENV) and found.get("python") == python_version() and PYTHON.exists()
    MARKER.unlink(missing_ok=True)

    def run(*command: str) -> None:
        # The child holds the lock too: if this process is killed, nobody clears .venv while pip still writes to it.
        subprocess.run(command, check=True, cwd=ROOT, pass_fds=[held])

    if not keep:
        run(getattr(sys, "_base_executable", sys.executable), "-I", "-m", "venv", "--clear", str(VENV))
    pip = [str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq"]
    # Wheels only: the hashes of the lock do not reach what building a source archive would fetch.
    run(*pip, "install", "--require-hashes", "--only-binary=:all:", "-r", lock)
    marker = {"folder": str(VENV), "python": python_version(), "lock": lock, "sha256": digest(lock)}
    draft = MARKER.with_suffix(".draft")
    draft.write_text(json.dumps(marker), encoding="utf-8")
    draft.replace(MARKER)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[int]:
    """Hold the lock file beside `.venv`; the kernel lets go of it when its last holder ends, however it ends."""
    with open(TURN, "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is preparing .venv; waiting for it ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def read_marker() -> dict[str, str]:
    """Return what the marker in `.venv` says, nothing where it is missing or malformed."""
    try:
        return dict(json.loads(MARKER.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def digest(lock: str) -> str:
    """Return the SHA-256 of a lock file."""
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def python_version() -> str:
    """Return the version that decides where a `.venv` keeps its packages."""
    return "{}.{}".format(*sys.version_info)


def say(line: str) -> None:
    """Speak on the error stream: the output of a command belongs to the command."""
    print(line, file=sys.stderr, flush=True)


def stop(sentence: str, *, code: int = 1) -> NoReturn:
    """End the start with one plain sentence."""
    say(sentence)
    raise SystemExit(code)
