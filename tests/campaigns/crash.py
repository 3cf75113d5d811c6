"""Workers are killed under load, again and again: nothing that was acknowledged is lost, and hardly a count.

    python -m tests.campaigns.crash --kills 50

DATABASE_URL says on which database; it gets one of its own there. Meanwhile gateways ask, people switch tokens off and
on in the portal, and an operator does so on the command line. What it must show: every change that was answered is in
the database and in the audit log, once; no change is there by half; the chain is whole; of the counts, about a
second's are lost at most with each worker; nothing breaks but the connections it had; and whoever asks again is
answered.
"""

import argparse
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection

from accounts import audit, tree
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests import processes
from tests.campaigns import stage
from tests.factories import make_entity, make_gateway, make_merchant, make_token, make_user
from tests.reading import client_of
from tokens.models import Token, UsageBucket

WORKERS, CALLERS, PEOPLE, TOKENS = 2, 6, 3, 4
MOST_BROKEN = 2 * CALLERS
"""Connections that one kill may break: a caller's own, and the next one, which may wait in line at the dying worker."""
"""Processes of the server; connections that ask; people who change things, and how many tokens each of them has."""
LOST_SECONDS = 1.2
"""The promise: counts are written once a second, and writing takes a moment."""
BROKE = re.compile(r"[\w.]+(Error|Timeout|Interrupted|Unreachable)\b")
"""How the last line of a traceback begins in the log."""
VERBS = {"active": "deactivate", "inactive": "reactivate"}
AFTER = {"deactivate": "inactive", "reactivate": "active"}
EVENTS = {AuditEvent.Type.TOKEN_DEACTIVATED: "inactive", AuditEvent.Type.TOKEN_REACTIVATED: "active"}


@dataclass
class Report:
    """What happened, and what was lost."""

    kills: int = 0
    answered: int = 0
    broken: int = 0
    lost_counts: int = 0
    seconds: float = 0.0
    acknowledged: Counter = field(default_factory=Counter)
    uncertain: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def lost_seconds(self) -> float:
        """In how many seconds as many decisions were answered as were lost with one worker, on average."""
        return self.lost_counts / self.kills / (self.answered / self.seconds)

    @property
    def holds(self) -> bool:
        return not self.faults and self.lost_seconds < LOST_SECONDS and self.broken <= self.kills * MOST_BROKEN

    def __str__(self) -> str:
        changes = ", ".join(f"{count} {how}" for how, count in sorted(self.acknowledged.items()))
        return (
            f"{connection.vendor}: {self.kills} workers killed in {self.seconds:.0f} s; "
            f"changes acknowledged: {changes}; {self.uncertain} broken off; {len(self.faults)} faults; "
            f"{self.answered} decisions answered, {self.broken} connections broken, {self.lost_counts} counts lost: "
            f"those of {self.lost_seconds:.2f} s each time"
        )


class Switch:
    """A token that somebody switches off and on, and what is known about it."""

    def __init__(self, merchant: Entity) -> None:
        self.token, _ = make_token(merchant)
        self.status = "active"
        self.acknowledged = self.uncertain = 0

    def faults(self) -> list[str]:
        """Return what the database and the audit log say otherwise than the answers did."""
        told = AuditEvent.objects.filter(target=self.token.key_id, type__in=EVENTS).order_by("number")
        states = [EVENTS[kind] for kind in told.values_list("type", flat=True)]
        stored = Token.objects.get(pk=self.token.pk).status
        wrong = []
        if stored != self.status:
            wrong.append(f"{self.token.key_id} is {stored} and was said to be {self.status}.")
        if states != [("inactive", "active")[number % 2] for number in range(len(states))]:
            wrong.append(f"{self.token.key_id} has the events {states}.")
        if (states or ["active"])[-1] != stored:
            wrong.append(f"{self.token.key_id} is {stored}; its last event says {states[-1]}.")
        if not self.acknowledged <= len(states) <= self.acknowledged + self.uncertain:
            wrong.append(f"{self.token.key_id}: {len(states)} events for {self.acknowledged} answers.")
        return wrong


class Person(threading.Thread):
    """Somebody who switches tokens off and on in the portal, one after the other, whatever happens."""

    def __init__(self, port: int, merchant: Entity, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._stop_asked = port, stop
        self.switches = [Switch(merchant) for _ in range(TOKENS)]
        client = client_of(make_user(Role.ADMINISTRATOR, on=merchant))
        self._csrf = "c" * 32
        cookies = {"keyhouse": next(iter(client.cookies.values())).value, "keyhouse-csrf": self._csrf}
        self._cookies = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self.odd: Counter = Counter()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            for switch in self.switches:
                self._change(switch)
        connection.close()

    def _change(self, switch: Switch) -> None:
        verb = VERBS[switch.status]
        try:
            status = self._post(f"/tokens/{switch.token.key_id}/{verb}/")
        except (OSError, http.client.HTTPException):
            status = None
        if status == HTTPStatus.FOUND:
            switch.acknowledged += 1
            switch.status = AFTER[verb]
            return
        # Done or not: the answer is lost, or says that it cannot be done now. What counts is what is stored.
        if status is not None:
            self.odd[status] += 1
        switch.uncertain += 1
        switch.status = Token.objects.get(pk=switch.token.pk).status
        time.sleep(0.05)

    def _post(self, path: str) -> int:
        line = http.client.HTTPConnection(processes.HOST, self._port, timeout=20)
        try:
            form = f"csrfmiddlewaretoken={self._csrf}"
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            line.request("POST", path, form, {"Host": "localhost", "Cookie": self._cookies, **kind})
            answer = line.getresponse()
            answer.read()
            return answer.status
        finally:
            line.close()


class Operator(threading.Thread):
    """Somebody who issues tokens and deactivates them, by `manage.py`."""

    def __init__(self, folder: Path, merchant: Entity, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._environment = processes.environment(folder)
        self._merchant, self._stop_asked = merchant, stop
        self.issued: list[str] = []
        self.stopped: list[str] = []

    def run(self) -> None:
        while not self._stop_asked.is_set():
            issued = self._manage("issue_token", self._merchant.entity_id)
            key_id = issued.stdout.strip()[len("kh_api_live_") :][:16]
            if issued.returncode:
                continue
            self.issued.append(key_id)
            if self._manage("deactivate_token", key_id).returncode == 0:
                self.stopped.append(key_id)

    def _manage(self, *words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=processes.ROOT, env=self._environment, capture_output=True, text=True, check=False
        )

    def faults(self) -> list[str]:
        """Return a sentence for each token that is not as the command said."""
        stored = dict(Token.objects.filter(key_id__in=self.issued).values_list("key_id", "status"))
        wanted = dict.fromkeys(self.issued, "active") | dict.fromkeys(self.stopped, "inactive")
        return [
            f"{key} is {stored.get(key)}, not {status}." for key, status in wanted.items() if stored.get(key) != status
        ]


def workers_of(server: processes.Server) -> list[int]:
    """Return the server's worker processes, the oldest first."""
    listed = ["ps", "-o", "pid=,args=", "--ppid", str(server.process.pid)]
    lines = subprocess.run(listed, capture_output=True, text=True, check=False).stdout.splitlines()
    return sorted(int(line.split()[0]) for line in lines if "resource_tracker" not in line and "<defunct>" not in line)


def listening(server: processes.Server) -> int:
    """Return how many of the workers take connections: each has a socket of its own."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    places = [line.split()[1:4:2] for line in lines]  # its address, and its state: 0A is listening
    return sum(state == "0A" and int(place.partition(":")[2], 16) == server.port for place, state in places)


def crash(folder: Path, *, kills: int, seed: int = 1) -> Report:
    """Kill workers of a server of the present database so many times; return what was lost."""
    chance, stop, report = random.Random(seed), threading.Event(), Report()
    merchant = make_merchant(under=make_entity(Entity.Kind.COMPANY))
    token, secret = make_token(merchant)
    question = stage.question(secret, make_gateway()[1])
    answers: Counter = Counter()
    broken: list[OSError] = []
    with processes.portal(folder, workers=WORKERS, threads=4, pages=True, KEYHOUSE_HTTPS="no") as server:

        def ask(line: socket.socket) -> None:
            answers[stage.status(line, question)] += 1

        people = [Person(server.port, merchant, stop) for _ in range(PEOPLE)]
        operator = Operator(folder, merchant, stop)
        begun = time.monotonic()
        with stage.Callers(server.port, ask, threads=CALLERS, broken=broken.append) as callers:
            for each in [*people, operator]:
                each.start()
            report.kills = _kill(server, kills, chance, callers)
            stop.set()
            for each in [*people, operator]:
                each.join()
        report.seconds = time.monotonic() - begun
        ended = server.stop()
        log = server.log.read_text(encoding="utf-8", errors="replace")
    switches = [switch for person in people for switch in person.switches]
    report.answered, report.broken = answers[200], len(broken)
    report.acknowledged["in the portal"] = sum(switch.acknowledged for switch in switches)
    report.acknowledged["by command"] = len(operator.issued) + len(operator.stopped)
    report.uncertain = sum(switch.uncertain for switch in switches)
    counted = UsageBucket.objects.filter(token=token, outcome="good").values_list("count", flat=True)
    report.lost_counts = max(answers[200] - sum(counted), 0)
    report.faults = [fault for switch in switches for fault in switch.faults()] + operator.faults()
    report.faults += [*audit.verify(), *tree.check()]
    report.faults += _odd(answers, people, log)
    if ended:
        report.faults.append(f"The server ended with {ended}.")
    return report


def _odd(answers: Counter, people: list[Person], log: str) -> list[str]:
    """Return a sentence for each kind of answer that nobody should have got, and what the log calls broken."""
    found = [f"A decision was answered {status}, {count} times." for status, count in answers.items() if status != 200]
    odd = sum((person.odd for person in people), Counter(answers))
    found += [f"{count} answers were {status}." for status, count in odd.items() if status not in {200, 409}]
    return found + [line for line in log.splitlines() if BROKE.match(line)]


def _kill(server: processes.Server, kills: int, chance: random.Random, callers: stage.Callers) -> int:
    """Kill one worker after the other, each time once all are there again; return how many it were."""
    for number in range(kills):
        _wait_for_workers(server)
        time.sleep(chance.uniform(0.2, 1.2))
        # The older one: the server takes two ends of the same worker in five seconds for a fault that stays.
        os.kill(workers_of(server)[0], signal.SIGKILL)
        assert processes.wait_until(lambda: listening(server) < WORKERS, pause=0.005), "It is not gone."
        assert server.process.poll() is None, f"The server ended at kill {number}."
        callers.check()
    _wait_for_workers(server)
    return kills


def _wait_for_workers(server: processes.Server) -> None:
    assert processes.wait_until(lambda: listening(server) == WORKERS == len(workers_of(server))), (
        "One has not come back."
    )


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with stage.own_database(), tempfile.TemporaryDirectory() as folder:
        report = crash(Path(folder), kills=options.kills, seed=options.seed)
    print(report, *report.faults[:20], sep="\n")  # noqa: T201  a command speaks
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
