"""What ended after a backup was made, ended again once that backup was put back.

The database has forgotten it; the journal (`accounts.journal`) has not. Runs before `serve` serves, and by itself as
`manage.py replay_journal`. Each ending goes through its verb, in the operator's name and with its event; what the
journal cannot tell enough of is said, for somebody to look at it.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, comparison, invitations, journal, people
from accounts import lifecycle as entities
from accounts.comparison import Restore
from accounts.events import EventType
from accounts.journal import Line
from accounts.models import AuditEvent, Entity, Invitation, User
from accounts.refusals import Refused
from accounts.signin.sessions import end_everybodys
from tokens import lifecycle as tokens
from tokens import rotation
from tokens.keys import lifecycle as keys
from tokens.models import SharedKey, Token

Status = Token.Status
Found = TypeVar("Found", bound=Model)

UNDOES: dict[str, set[EventType]] = {
    EventType.ENTITY_REACTIVATED: {EventType.ENTITY_SUSPENDED},
    EventType.PERSON_ENABLED: {EventType.PERSON_DISABLED},
    EventType.TOKEN_REACTIVATED: {EventType.TOKEN_DEACTIVATED},
    EventType.OVERLAP_CHANGED: {EventType.TOKEN_ROTATED, EventType.OVERLAP_CHANGED},
    EventType.ROTATION_CANCELLED: {EventType.TOKEN_ROTATED, EventType.OVERLAP_CHANGED, EventType.OVERLAP_ENDED},
}
"""What takes an earlier ending of the same target back, or takes its place."""

BY_HAND = frozenset(
    {
        EventType.MEMBER_CHANGED,
        EventType.MEMBER_REMOVED,
        EventType.PASSWORD_CHANGED,
        EventType.FACTOR_REMOVED,
        EventType.FACTORS_RESET,
    }
)
"""What took something from a person of which the journal does not tell enough to do it again."""


@dataclass
class Replay:
    """What was found and done."""

    agreed: int = 0
    """Number of the last event before what was lost."""
    event: AuditEvent | None = None
    """What tells of it in the log, where anything was lost."""
    lost: int = 0
    """How many events the journal tells of that the log does not have."""
    done: list[Line] = field(default_factory=list)
    unknown: list[Line] = field(default_factory=list)
    """Endings of what is not in the database: it was made after the backup, and so is as good as ended."""
    by_hand: list[tuple[Line, str]] = field(default_factory=list)
    """What somebody has to look at, each with why."""

    def __str__(self) -> str:
        begin = f"A backup was put back. The journal alone tells of {self.lost} events behind number {self.agreed}."
        said = [begin, f"Ended again: {len(self.done)}. Everybody was signed out."]
        said += [f"  {line.target}: {line.type} (event {line.number} before)" for line in self.done]
        said += [f"Not in this database: {len(self.unknown)}."] if self.unknown else []
        said += [f"  {line.target}: {line.type}" for line in self.unknown]
        said += ["To be looked at by somebody:"] if self.by_hand else []
        said += [f"  {line.target}: {line.type} (event {line.number} before). {why}" for line, why in self.by_hand]
        said += [must_be_acknowledged(self.event.number)] if self.event else []
        return "\n".join(said)


def must_be_acknowledged(number: int) -> str:
    """Return what is to be said of a restore until somebody acknowledges it."""
    return (
        f'If that was you: `manage.py replay_journal --acknowledge {number} --reason "..."`. '
        "If it was nobody, the end of the log was cut off. Until then `check_audit` ends with 1."
    )


class _Unknown(Exception):
    """The target is not in the database."""


def _find(rows: QuerySet[Found], **lookup: str) -> Found:
    found = rows.filter(**lookup).first()
    if found is None:
        raise _Unknown
    return found


def replay(*, by: audit.Actor) -> Replay:
    """Do again what ended after the backup from which the database was put back, and note in the journal that it was.

    Done once: the next time journal and log agree. Where nothing was put back nothing changes, but for lines of events
    that could not be written to the journal before. Raises OSError where the journal cannot be read.
    """
    with journal.held(), transaction.atomic():
        agreed, lines = comparison.lost(audit.is_genuine)
        found = Replay(lines[0].number - 1 if lines else agreed, lost=len(lines))
        last = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
        if lines:
            # Stands before the lines of what is done here: a crash in between leaves everything to be done once more.
            transaction.on_commit(lambda: _mark(found, lines))
        # A journal that begins now needs the end of the log, to tell if that is cut off.
        transaction.on_commit(lambda: journal.add_missing(found.agreed if agreed or lines else last - 1, last))
        if lines:
            found.event = _again(lines, found, by=by)
        transaction.on_commit(journal.mark_checked)
    return found


@transaction.atomic
def acknowledge(number: int, *, by: audit.Actor, reason: str) -> list[Restore]:
    """Note that whoever runs this stands for the restore of which the event `number` tells; return what that was.

    Raises Refused where none of this number waits for it, and OSError where the journal cannot be read.
    """
    pending = [restore for restore in comparison.compare().pending if restore.number == number]
    if not pending:
        raise Refused(_("No backup that was put back waits for an acknowledgement under this number."))
    for restore in pending:
        audit.record(EventType.LOG_ACKNOWLEDGED, by=by, target=restore.key, number=number, reason=reason)
    return pending


def _mark(found: Replay, lines: Iterable[Line]) -> None:
    if found.event:
        journal.mark_restored(found.event, found.agreed, lines)


def _again(lines: Iterable[Line], found: Replay, *, by: audit.Actor) -> AuditEvent:
    for line in _standing(lines):
        if line.type in BY_HAND:
            if User.objects.filter(person_id=line.target).exists():
                found.by_hand.append((line, "The journal does not tell enough to do it again."))
            continue
        try:
            if VERBS[EventType(line.type)](line, by):
                found.done.append(line)
        except _Unknown:
            found.unknown.append(line)
        except Refused as refusal:
            found.by_hand.append((line, str(refusal)))
    end_everybodys()
    key, ended = secrets.token_hex(8), len(found.done)
    return audit.record(EventType.LOG_RESTORED, by=by, target=key, agreed=found.agreed, lost=found.lost, count=ended)


def _standing(lines: Iterable[Line]) -> list[Line]:
    """Return those of `lines` that end something and were not taken back by a later one."""
    standing: dict[tuple[str, str], Line] = {}
    for line in lines:
        for undone in UNDOES.get(line.type, ()):
            standing.pop((line.target, undone), None)
        if line.type in VERBS or line.type in BY_HAND:
            standing[line.target, line.type] = line
    return sorted(standing.values())


def _why() -> str:
    return _("Ended before a backup was put back, and so again")


def _suspend(line: Line, by: audit.Actor) -> bool:
    entity = _find(Entity.objects.all(), entity_id=line.target)
    if not entity.is_suspended:
        entities.suspend(entity, by=by, reason=_why())
        return True
    return False


def _disable(line: Line, by: audit.Actor) -> bool:
    person = _find(User.objects.all(), person_id=line.target)
    if person.is_active:
        people.disable(person, by=by, reason=_why())
        return True
    return False


def _withdraw(line: Line, by: audit.Actor) -> bool:
    invitation = _find(Invitation.objects.all(), invitation_id=line.target)
    if invitation.ended_at is None:
        invitations.withdraw(invitation, by=by)
        return True
    return False


def _token(key_id: str) -> Token:
    return _find(Token.objects.select_related("entity"), key_id=key_id)


def _deactivate(line: Line, by: audit.Actor) -> bool:
    token = _token(line.target)
    if token.status == Status.ACTIVE:
        tokens.deactivate(token, by=by, reason=_why())
        return True
    return False


def _revoke(line: Line, by: audit.Actor) -> bool:
    was_active = _deactivate(line, by)
    token = _token(line.target)
    if token.status == Status.INACTIVE:
        tokens.revoke(token, by=by, reason=_why())
        return True
    return was_active


def _remove(line: Line, by: audit.Actor) -> bool:
    _deactivate(line, by)
    token = _token(line.target)
    if token.status != Status.REMOVED:
        tokens.remove(token, by=by, reason=_why())
        return True
    return False


def _end_overlap(line: Line, by: audit.Actor) -> bool:
    """Stop a token that gave way to another one, if its time is over. Its successor is not in the database any more."""
    token = _token(line.target)
    if token.status != Status.ACTIVE or token.is_expired():
        return False
    if line.type != EventType.OVERLAP_ENDED and (not line.other or datetime.fromisoformat(line.other) > timezone.now()):
        raise Refused(_("It was rotated, and its overlap is not over. The successor is lost: rotate it once more."))
    if token.state == "retiring":
        rotation.end(token, by=by)
    else:
        tokens.deactivate(token, by=by, reason=_why())
    return True


def _end_key(line: Line, by: audit.Actor) -> bool:
    """Revoke an integration key; of a renewal, the one that was replaced."""
    key_id = line.other if line.type == EventType.KEY_RENEWED else line.target
    shared = SharedKey.objects.select_related("entity").filter(key_id=key_id).first()
    key = shared or _token(key_id)
    if key.slot and key.status in keys.LIVING:
        keys.revoke(key, by=by, reason=_why())
        return True
    return False


VERBS: dict[EventType, Callable[[Line, audit.Actor], bool]] = {
    EventType.ENTITY_SUSPENDED: _suspend,
    EventType.PERSON_DISABLED: _disable,
    EventType.INVITATION_WITHDRAWN: _withdraw,
    EventType.TOKEN_DEACTIVATED: _deactivate,
    EventType.TOKEN_ROTATED: _end_overlap,
    EventType.OVERLAP_CHANGED: _end_overlap,
    EventType.OVERLAP_ENDED: _end_overlap,
    EventType.TOKEN_REVOKED: _revoke,
    EventType.TOKEN_REMOVED: _remove,
    EventType.KEY_RENEWED: _end_key,
    EventType.KEY_DEACTIVATED: _end_key,
    EventType.KEY_REVOKED: _end_key,
}
"""Kind of ending -> what does it again, and returns whether there was anything to do."""
