"""The audit events of the year before the demo, in a chain that holds."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction

from accounts import audit, journal
from accounts.models import AuditEvent, Entity, User


@dataclass(slots=True)
class History:
    """Events noted in any order, written in the order of their times."""

    events: list[AuditEvent] = field(default_factory=list)

    def note(
        self,
        at: datetime,
        event: AuditEvent.Type,
        *,
        by: audit.Actor,
        entity: Entity | None = None,
        target: str = "",
        **details: object,
    ) -> None:
        """Remember that `by` did this `at` that time; the same words as `audit.record`."""
        is_person = isinstance(by, User)
        row = AuditEvent(
            at=at,
            type=event,
            actor=by if is_person else None,
            actor_label=by.email if is_person else by.label,
            entity=entity,
            target=target,
            details=details,
            origin=_address(by) if is_person else "",
        )
        self.events.append(row)

    def write(self) -> int:
        """Append everything noted to the audit chain, inside the caller's transaction; return how many events."""
        last = AuditEvent.objects.order_by("-number").values_list("number", "mac").first()
        number, mac = last or (0, audit.GENESIS)
        mac = bytes(mac)
        self.events.sort(key=lambda row: row.at)
        for row in self.events:
            number += 1
            row.number = number
            row.request_id = f"{number:032x}" if row.origin else ""
            row.mac = mac = audit.chain(mac, row)
        AuditEvent.objects.bulk_create(self.events, batch_size=500)
        transaction.on_commit(partial(journal.write, self.events), robust=True)
        return len(self.events)


def _address(person: User) -> str:
    """Return the documentation address (RFC 5737) that this person always works from."""
    return f"198.51.100.{1 + sum(person.email.encode()) % 254}"
