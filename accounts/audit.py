"""The audit log: a chain in which each event's HMAC covers the one before it.

An edit, a deletion, an insertion or a swap anywhere breaks the chain from there on; forging it needs AUDIT_KEY,
which lives outside the database. Events are written in the transaction of the change they tell of, so that
neither exists without the other (PCI DSS 4.0, 10.3).
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import journal
from accounts.models import AuditEvent, Entity, User
from accounts.origin import came_from, origin

__all__ = ["Actor", "Operator", "came_from", "origin", "record", "verify"]

ADVISORY_LOCK = 0x4B48_0002
"""Number of the PostgreSQL advisory lock that lets one transaction at a time extend the chain."""

GENESIS = bytes(32)
"""What stands in for the HMAC before the first event."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever runs a command on the server: an actor without an account."""

    label: str


Actor = User | Operator


def record(
    event: AuditEvent.Type, *, by: Actor, entity: Entity | None = None, target: str = "", **details: object
) -> AuditEvent:
    """Append `event` to the chain, inside the caller's transaction, as its last write.

    The chain's lock is held until that transaction ends. Taken last, it is part of no deadlock as long as nobody locks
    the key of a row that events refer to (`select_for_update` only with `no_key=True`).
    `target` is the public ID of the thing (an entity ID or a key ID); `details` are plain JSON values, never a secret.

    Raises RuntimeError outside a transaction: an event must not outlive the change it tells of.
    """
    (row,) = record_all(event, [(entity, target, details)], by=by)
    return row


def record_all(
    event: AuditEvent.Type, told: Iterable[tuple[Entity | None, str, dict[str, object]]], *, by: Actor
) -> list[AuditEvent]:
    """Append an event of the same kind for each entity, target and details in `told`; otherwise as `record`.

    Ten thousand take a second, because the chain is computed here and written in a few statements.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("An audit event is written in the transaction of its change.")
    _lock_chain()
    last = AuditEvent.objects.order_by("-number").values_list("number", "mac").first()
    before, mac = last or (0, GENESIS)
    mac, known, rows = bytes(mac), came_from(), []
    for number, (entity, target, details) in enumerate(told, start=before + 1):
        row = AuditEvent(
            number=number,
            at=timezone.now(),
            type=event,
            actor=by if isinstance(by, User) else None,
            actor_label=by.email if isinstance(by, User) else by.label,
            entity=entity,
            target=target,
            details=details,
            origin=known.address,
            request_id=known.request_id,
        )
        row.mac = mac = chain(mac, row)
        rows.append(row)
    written = AuditEvent.objects.bulk_create(rows)
    transaction.on_commit(partial(journal.write, written), robust=True)
    return written


def chain(previous: bytes, event: AuditEvent) -> bytes:
    """Return the HMAC-SHA-256 of `event` behind the one before it, 32 bytes."""
    fields = [
        event.number,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.type,
        event.actor_id,
        event.actor_label,
        event.entity_id,
        event.target,
        event.details,
        event.origin,
        event.request_id,
    ]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(settings.AUDIT_KEY, previous + text.encode(), hashlib.sha256)


def is_genuine(number: int) -> bool:
    """Whether the event with this number was written with our key, behind the one that stands before it."""
    event = AuditEvent.objects.filter(number=number).first()
    before = AuditEvent.objects.filter(number=number - 1).values_list("mac", flat=True).first() or GENESIS
    return event is not None and hmac.compare_digest(bytes(event.mac), chain(bytes(before), event))


def verify() -> Iterator[str]:
    """Yield a sentence for every place where the chain does not hold, oldest first.

    Cannot tell that events were cut off at the end: what is left is a whole chain. `comparison.compare` can.
    """
    previous, expected = GENESIS, 1
    try:
        for event in AuditEvent.objects.order_by("number").iterator():
            if event.number != expected:
                yield f"Event {expected} to {event.number - 1}: missing."
            if not hmac.compare_digest(bytes(event.mac), chain(previous, event)):
                yield f"Event {event.number}: does not follow from the one before it."
            previous, expected = bytes(event.mac), event.number + 1
    except (AttributeError, TypeError, ValueError):  # SQLite stores what was never a time or JSON, too
        yield f"Event {expected}: cannot be read, and so nothing behind it."


def _lock_chain() -> None:
    # SQLite needs nothing here: its transactions begin IMMEDIATE and so already stand in line.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
