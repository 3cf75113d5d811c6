"""`manage.py check_audit`: whether the audit log is as it was written, and whether all of it is there."""

from collections.abc import Iterator
from itertools import chain
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts import audit, comparison
from accounts.comparison import Comparison, Restore
from accounts.models import AuditEvent, Entity, User
from portal.management.operators import OperatorCommand
from portal.replay import must_be_acknowledged

MOST_SENTENCES = 100
"""Shown one by one. With the wrong key every event is a fault, and a million lines tell no more than these."""


class Command(OperatorCommand):
    """Follow the chain from its first event to its last, and hold the journal against it."""

    help = (
        "Checks the whole audit chain, and the journal against it. Exit code 1 where an event was changed, removed or "
        "added behind its back, or cut off at the end, and where nobody acknowledged that a backup was put back."
    )

    def handle(self, *_: str, **__: Any) -> None:
        """Print a sentence for every fault, then how many events were read in what time."""
        began, faults = perf_counter(), 0
        compared = comparison.compare()
        last = AuditEvent.objects.order_by("-number").first()
        end = last.number if last else 0
        for faults, sentence in enumerate(chain(audit.verify(), disagreements(compared, end)), start=1):
            if faults <= MOST_SENTENCES:
                self.stdout.write(sentence)
        took = perf_counter() - began
        if faults:
            raise CommandError(
                f"The audit log is not as it was written, or was put back; faults: {faults}, found in {took:.2f} s. "
                "Where every event is one, KEYHOUSE_AUDIT_KEY is not the key they were written with."
            )
        for restore in compared.restored.values():
            self.stdout.write(f"{put_back(restore)} Somebody has acknowledged it.")
        if last is None:
            if Entity.objects.exists() or User.objects.exclude(last_login=None).exists():
                raise CommandError("The audit log is empty, and yet there are entities or people have signed in.")
            self.stdout.write("The audit log is empty.")
            return
        if not compared.count:
            self.explain(
                f"There is no journal at {settings.AUDIT_JOURNAL}, or nothing in it: whether events were cut off at "
                "the end of the log cannot be told. Compare the last number and HMAC with a note of your own."
            )
        mac = f"The last is number {end}, {bytes(last.mac).hex()[:16]}."
        self.stdout.write(f"The audit log is whole: {end} events, read in {took:.2f} s. {mac}")


def disagreements(found: Comparison, end: int) -> Iterator[str]:
    """Yield a sentence for each place where the journal tells something else than the log, which ends with `end`."""
    for place in found.unreadable:
        yield f"Line {place} of the journal was not written by Keyhouse with this key, or not as a whole."
    for place in found.copied:
        yield f"Line {place} of the journal is a copy: it tells a second time that a backup was put back."
    for number in sorted({number for number, _mac in found.strange if number <= end}):
        yield f"Event {number}: is not the one that the journal tells of."
    beyond = [number for number, _mac in found.strange if number > end]
    if beyond:
        yield (
            f"The log ends with event {end}, and the journal tells of events up to {max(beyond)}: the end was cut off, "
            "or an older backup was put back. After a backup, `manage.py replay_journal` ends again what had ended."
        )
    for restore in found.pending:
        yield f"{put_back(restore)} {must_be_acknowledged(restore.number)}"


def put_back(restore: Restore) -> str:
    """Return what is known of a restore, acknowledged or not."""
    return (
        f"A backup was put back, or the end of the log cut off, before {restore.at}: "
        f"after event {restore.agreed} the log begins anew, as event {restore.number} tells."
    )
