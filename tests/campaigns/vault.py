"""The vault goes over to a new key: many rows, in a measured time, and killed with -9 at random points on the way.

    python -m tests.campaigns.vault --keys 100000 --kills 20

DATABASE_URL says on which database; it gets one of its own there. What it must show: after each kill every key opens
and holds the value it was given, what the audit log tells is what the rows say, and the next run finishes the rest.
"""

import argparse
import base64
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from django.db import connection, transaction
from django.test import override_settings

from accounts import audit
from accounts.models import AuditEvent, Entity
from tests import processes
from tests.bench import bulk
from tests.campaigns import stage
from tokens import signing, vault
from tokens.models import SharedKey

SLOTS = [(slot, mode) for slot in SharedKey.Slot.values for mode in SharedKey.Mode.values]
COLUMNS = [
    "alias", "description", "mode", "status", "created_at", "entity_id", "slot", "key_id", "ciphertext", "vault_key",
    "last4",
]  # fmt: skip
FIRST = 1_000_000
"""Primary key of the first merchant."""
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Report:
    """What was done, in what time, and what was lost."""

    keys: int
    seconds: float = 0.0
    """How long one run took that nobody interrupted."""
    waited: float = 0.0
    """Seconds that another writer, with something to write all the time, had to wait for it at most."""
    kills: int = 0
    left: list[int] = field(default_factory=list)
    """How many keys were still to be done after each kill."""
    unreadable: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        midway = sum(0 < left < self.keys for left in self.left)
        rate = self.keys / max(self.seconds, 0.1)  # a tenth is as exactly as the command tells
        return (
            f"{connection.vendor}: {self.keys:,} keys encrypted anew in {self.seconds:.1f} s "
            f"({rate:,.0f}/s), another writer waited {self.waited * 1000:.0f} ms at most; "
            f"killed {self.kills} times, {midway} of them midway: "
            f"{self.unreadable} keys unreadable, {len(self.broken)} broken promises"
        )


class Campaign:
    """A database full of keys, and a command that is killed while it encrypts them anew."""

    def __init__(self, keys: int, folder: Path, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._folder = folder
        self._vault_keys = {1: self._chance.randbytes(32)}
        self.report = Report(keys)
        with override_settings(VAULT_KEYS=self._vault_keys):
            fill(keys)

    def run(self, kills: int) -> Report:
        """Measure one whole run, then kill `kills` others, looking at every key each time, and finish."""
        self._add_key()
        process = self._start()
        while process.poll() is None:
            self.report.waited = max(self.report.waited, self._write())
        said, _ = process.communicate()
        self.report.seconds = float(said.partition("Done in ")[2].split(" ")[0])
        self._check()
        while self.report.kills < kills:
            if not self._left():
                self._add_key()
            if self._killed():
                self.report.kills += 1
                self.report.left.append(self._left())
            self._check()
        self._finish()
        return self.report

    def _write(self) -> float:
        """Change something else in the database, then rest a little; return how long the change took."""
        begun = time.perf_counter()
        Entity.objects.filter(pk=FIRST).update(suspended_at=None)
        took = time.perf_counter() - begun
        time.sleep(0.005)
        return took

    def _add_key(self) -> None:
        self._vault_keys |= {max(self._vault_keys) + 1: self._chance.randbytes(32)}

    def _killed(self) -> bool:
        """Start a run and kill it somewhere, most often midway; return whether it was still running."""
        process = self._start()
        transactions = self.report.keys // vault.BATCH + 1
        for _ in range(self._chance.randrange(max(2, min(transactions, 20)))):
            process.stdout.readline()
        time.sleep(self._chance.random() * 0.05)
        process.kill()
        process.communicate()
        return process.returncode < 0

    def _start(self) -> subprocess.Popen:
        keys = ",".join(f"{number}:{key.hex()}" for number, key in self._vault_keys.items())
        environment = processes.environment(self._folder, KEYHOUSE_VAULT_KEYS=keys)
        words = [sys.executable, "manage.py", "rotate_keys"]
        return subprocess.Popen(words, cwd=processes.ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    def _left(self) -> int:
        with override_settings(VAULT_KEYS=self._vault_keys):
            return vault.waiting()

    def _check(self) -> None:
        """Open every key with all the keys there are, and hold the audit log against the rows."""
        newest = max(self._vault_keys)
        with override_settings(VAULT_KEYS=self._vault_keys):
            self.report.unreadable += sum(not is_whole(key) for key in SharedKey.objects.iterator())
        done = SharedKey.objects.filter(vault_key=newest).count()
        events = AuditEvent.objects.filter(type=AuditEvent.Type.KEYS_REENCRYPTED, details__vault_key=newest)
        told = sum(event.details["keys"] for event in events)
        if told != done:
            self.report.broken.append(f"{done} keys stand under number {newest}, and the log tells of {told}.")
        self.report.broken += audit.verify()

    def _finish(self) -> None:
        process = self._start()
        process.communicate()
        if process.returncode:
            self.report.broken.append(f"The last run ended with {process.returncode}.")
        newest = max(self._vault_keys)
        self._vault_keys = {newest: self._vault_keys[newest]}
        self._check()


def value_of(key_id: str) -> bytes:
    """Return what the key with this ID holds, an HMAC key: known without being written down anywhere."""
    return signing.PREFIX.encode() + base64.b64encode(hashlib.sha256(key_id.encode()).digest())


def is_whole(key: SharedKey) -> bool:
    """Whether `key` opens and holds what it was given."""
    try:
        return vault.open_(key) == value_of(key.key_id)
    except vault.Unreadable:
        return False


def fill(keys: int) -> None:
    """Make merchants with all slots filled, sealed under the newest key, until there are so many keys."""
    merchants = range(FIRST, FIRST + -(-keys // len(SLOTS)))
    now = bulk.moment(NOW)
    place = ["tree_id", "lft", "rght", "level"]
    with transaction.atomic():
        bulk.load(
            "accounts_entity",
            ["id", "entity_id", "kind", "name", "status", "created_at", *place],
            ((pk, f"mer_{pk:016d}", "merchant", f"Merchant {pk}", "active", now, pk, 1, 2, 0) for pk in merchants),
        )
        bulk.load(
            "tokens_sharedkey",
            COLUMNS,
            (
                (
                    "Key",
                    "",
                    key.mode,
                    "active",
                    now,
                    key.entity_id,
                    key.slot,
                    key.key_id,
                    key.ciphertext,
                    key.vault_key,
                    "",
                )
                for key in _sealed(merchants, keys)
            ),
        )
    bulk.settle()


def _sealed(merchants: range, keys: int) -> Iterator[SharedKey]:
    for number in range(keys):
        slot, mode = SLOTS[number % len(SLOTS)]
        merchant = merchants[number // len(SLOTS)]
        key = SharedKey(key_id=f"{number:016d}", entity_id=merchant, slot=slot, mode=mode)
        vault.seal(value_of(key.key_id), key)
        yield key


def main() -> int:
    """Run the campaign in a database of its own; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the points at which it is killed")
    options = parser.parse_args()
    with stage.own_database(), tempfile.TemporaryDirectory() as folder:
        report = Campaign(options.keys, Path(folder), options.seed).run(options.kills)
    print(report, *report.broken, sep="\n")  # noqa: T201  a command speaks
    return 1 if report.unreadable or report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
