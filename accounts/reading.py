"""Reading the audit log is an event of it (PCI DSS 4.0, 10.2.1.3).

Once a quarter of an hour for each person, session and place: as long as a session lasts without a sign of life, so that
one event stands for one visit, and the log does not fill with those who turn its pages.
"""

from time import time

from django.db import transaction
from django.http import HttpRequest

from accounts import audit
from accounts.events import EventType
from accounts.models import Entity
from accounts.trust import IDLE

READ = "log_read"
"""Where the session keeps what was read, by kind of event and place, and until when that counts as the same visit."""


def note(
    request: HttpRequest,
    *,
    entity: Entity | None = None,
    target: str = "",
    event: EventType = EventType.LOG_VIEWED,
) -> None:
    """Record that the person behind `request` reads what the log tells of `entity`, or of `target`, or (none) of all.

    The event is written before anything is shown: where it cannot be, nothing is.
    """
    target = target or (entity.entity_id if entity else "")
    name, now = f"{event.value} {target}", time()
    held = {each: until for each, until in request.session.get(READ, {}).items() if now < until <= now + IDLE}
    if name in held:
        return
    with transaction.atomic():
        audit.record(event, by=request.user, entity=entity, target=target)
    request.session[READ] = held | {name: now + IDLE}
