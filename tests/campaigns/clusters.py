"""A PostgreSQL of one's own, to be stopped, killed and frozen: no other campaign and no test sees anything of it."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import processes

UNPRIVILEGED = "postgres"
"""As whom PostgreSQL runs where root would start it, which it refuses."""


def programs() -> Path | None:
    """Return the folder with the newest of this machine's PostgreSQLs; None where there is none."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [*newest, *(Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep))]
    needed = ("initdb", "postgres", "pg_isready")
    return next((folder for folder in found if all((folder / name).exists() for name in needed)), None)


class Cluster:
    """A database server in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        binaries = programs()
        if binaries is None:
            raise RuntimeError("There is no PostgreSQL on this machine (apt-get install postgresql).")
        self._binaries, self._folder = binaries, folder / "cluster"
        self.port = processes.free_port()
        self._server: subprocess.Popen | None = None
        self._folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._folder, UNPRIVILEGED, UNPRIVILEGED)
        self._run(
            "initdb", "-D", self._folder, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"
        )

    @property
    def url(self) -> str:
        return f"postgres://postgres@{processes.HOST}:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and return once it takes connections."""
        own = {"port": self.port, "listen_addresses": processes.HOST, "unix_socket_directories": self._folder}
        words = [word for name, value in own.items() for word in ("-c", f"{name}={value}")]
        log = (self._folder / "server.log").open("ab")
        self._server = self._popen("postgres", "-D", self._folder, *words, stdout=log, stderr=log)
        ready = ["pg_isready", "-q", "-h", processes.HOST, "-p", self.port]
        assert processes.wait_until(lambda: self._run(*ready, check=False) == 0), "It does not start."

    def stop(self) -> None:
        """Stop it as an operator does: every connection is closed."""
        assert self._server
        self._server.send_signal(signal.SIGINT)
        self._server.wait(60)

    def kill(self) -> None:
        """End all of its processes at once, as a lack of memory or of power would."""
        self._signal(signal.SIGKILL)
        assert self._server
        self._server.wait(60)

    def freeze(self) -> None:
        """Let all of its processes stand still: the kernel still takes connections, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._server
        self._server.send_signal(signal.SIGSTOP)  # or it would go on to start what is not in the list
        for pid in [*_children(self._server.pid), self._server.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _popen(self, program: str, *words: object, **options: object) -> subprocess.Popen:
        user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [str(self._binaries / program), *(str(word) for word in words)]
        return subprocess.Popen(command, cwd="/", **user, **options)

    def _run(self, program: str, *words: object, check: bool = True) -> int:
        done = self._popen(program, *words, stdout=subprocess.DEVNULL)
        code = done.wait(60)
        assert code == 0 or not check, f"{program} failed."
        return code


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Run a new cluster in `folder` while the block runs."""
    if os.geteuid() == 0:
        folder.chmod(0o711)  # so that its user gets to its own folder in it
    cluster = Cluster(folder)
    cluster.start()
    try:
        yield cluster
    finally:
        if cluster._server and cluster._server.poll() is None:
            cluster.kill()


def _children(pid: int) -> list[int]:
    """Return the processes that `pid` has started and that still run."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]
