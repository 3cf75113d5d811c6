"""`manage.py check_audit`: whether the audit log is as it was written."""

from time import perf_counter
from typing import Any

from django.core.management.base import CommandError

from accounts import audit
from accounts.models import AuditEvent, Entity, User
from portal.management.operators import OperatorCommand

MOST_SENTENCES = 100
"""Shown one by one. With the wrong key every event is a fault, and a million lines tell no more than these."""


class Command(OperatorCommand):
    """Follow the chain from its first event to its last."""

    help = "Checks the whole audit chain. Exit code 1 where an event was changed, removed or added behind its back."

    def handle(self, *_: str, **__: Any) -> None:
        """Print a sentence for every fault, then how many events were read in what time."""
        began, faults = perf_counter(), 0
        for faults, sentence in enumerate(audit.verify(), start=1):
            if faults <= MOST_SENTENCES:
                self.stdout.write(sentence)
        took = perf_counter() - began
        last = AuditEvent.objects.order_by("-number").first()
        if faults:
            raise CommandError(
                f"The audit log is not as it was written; faults: {faults}, found in {took:.2f} s. "
                "Where every event is one, KEYHOUSE_AUDIT_KEY is not the key they were written with."
            )
        if last is None:
            if Entity.objects.exists() or User.objects.exclude(last_login=None).exists():
                raise CommandError("The audit log is empty, and yet there are entities or people have signed in.")
            self.stdout.write("The audit log is empty.")
            return
        # A chain cut off at its end is whole: only a note of the last event, kept elsewhere, gives that away.
        end = f"The last is number {last.number}, {bytes(last.mac).hex()[:16]}."
        self.stdout.write(f"The audit log is whole: {last.number} events, read in {took:.2f} s. {end}")
