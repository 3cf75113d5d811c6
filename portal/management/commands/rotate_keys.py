"""`manage.py rotate_keys`: encrypt the stored integration keys anew, under the newest encryption key."""

from time import perf_counter
from typing import Any

from django.core.management.base import CommandError

from portal.management.operators import OperatorCommand
from tokens import vault


class Command(OperatorCommand):
    """Merchants notice nothing: the keys stay the same, only what they are stored under is another one."""

    help = (
        "Encrypts stored HMAC keys and encryption passwords anew under the highest number of KEYHOUSE_VAULT_KEYS. "
        "Restart all servers with that number first, then run this; stopped, it goes on where it was when run again."
    )

    def handle(self, *_: str, **__: Any) -> None:
        """Print how far it is after each transaction, and at last what was done."""
        if faults := vault.faults():
            raise CommandError("\n".join(faults))
        number, total = vault.newest(), vault.waiting()
        if not total:
            self.stdout.write(f"All integration keys stand under key number {number} already. Nothing to do.")
            return
        began, done = perf_counter(), 0
        unreadable: set[str] = set()
        for step in vault.rotate(by=self.by):
            done += step.done
            unreadable.update(step.unreadable)
            self.stdout.write(f"{done} of {total} keys encrypted anew.")
            self.stdout.flush()
        self.stdout.write(f"Done in {perf_counter() - began:.1f} s: {done} keys stand under key number {number} now.")
        if unreadable:
            raise CommandError(
                f"These keys do not open and were left as they are: {', '.join(sorted(unreadable))}. "
                "Somebody changed their rows past Keyhouse. Have them renewed, or put the rows back from a backup."
            )
        if left := vault.waiting():
            raise CommandError(f"{left} keys were being changed all the while. Run it again.")
        self.stdout.write("The older numbers in KEYHOUSE_VAULT_KEYS are needed for backups only.")
