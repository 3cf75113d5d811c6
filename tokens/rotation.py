"""How one token gives way to another without a gap (ruling C10): rotate, extend, end, call off.

A rotation makes a successor with the same presets and draws the old token's expiry near; both work until then, and the
clock alone ends the overlap, exactly. At no moment is there no token that works.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.fields import LONGEST_NAME
from accounts.models import AuditEvent
from accounts.permissions import Capability
from accounts.refusals import Refused
from tokens import lifecycle
from tokens.lifecycle import record, stamp
from tokens.models import Token

Event = AuditEvent.Type
VERBS = ("rotate", "extend", "end", "cancel")


def can(verb: str, token: Token, held: frozenset[str]) -> bool:
    """Whether `verb` is offered on `token` to somebody who holds the capabilities `held` on its entity."""
    wanted = "active" if verb == "rotate" else "retiring"
    return Capability.TOKEN_ROTATE in held and token.state == wanted and not token.slot


def check(verb: str, token: Token) -> None:
    """Raise Refused, with a sentence, where the state of `token` does not allow `verb` now."""
    if token.slot:
        raise Refused(_("A REST API key has its slot: renew it there, or switch by a double run."))
    if verb == "rotate" and token.state != "active":
        status = token.state_label.lower()
        raise Refused(_("“%(alias)s” is %(status)s. Only an active token is rotated.") % _words(token, status=status))
    if verb != "rotate" and token.state != "retiring":
        raise Refused(_("“%(alias)s” is not being rotated, or its overlap is over.") % _words(token))


@sensitive_variables()
def rotate(
    token: Token, *, overlap: timedelta | None, by: audit.Actor, form_key: UUID | None = None
) -> tuple[Token, str]:
    """Create the successor of an active `token`, and return it with its secret string.

    The old token works for `overlap` more (None: until somebody ends it), but never longer than it would have anyway.
    The successor takes its alias, permissions, networks, mode and, counted from now, its lifetime.

    Raises AlreadyCreated for a `form_key` seen before; Refused where `token` is not active any more, or its merchant
    may not have another one.
    """
    now, old_alias = timezone.now(), _alias_of_old(token.alias)
    with transaction.atomic():
        changed: dict[str, Any] = {
            "retiring_since": now,
            "expiry_before": F("expires_at"),
            "expires_at": _end(token.expires_at, overlap),
        }
        if len(old_alias) <= LONGEST_NAME:
            changed["alias"] = old_alias
        if not _working(token, now).filter(retiring_since__isnull=True).update(**changed, **stamp(by)):
            check("rotate", Token.objects.get(pk=token.pk))
            raise Refused(_("This token has changed meanwhile. Nothing was changed now."))
        successor, secret = lifecycle.create(
            token.entity,
            by=by,
            alias=token.alias,
            description=token.description,
            kind=token.kind,
            mode=token.mode,
            permissions=frozenset(token.scope.split()),
            expires_at=now + (token.expires_at - token.created_at) if token.expires_at else None,
            networks=token.networks,
            user=token.user,
            replaces=token,
            form_key=form_key,
        )
        record(Event.TOKEN_ROTATED, token, by=by, successor=successor.key_id, until=_written(changed["expires_at"]))
    return successor, secret


def extend(token: Token, *, overlap: timedelta | None, by: audit.Actor) -> None:
    """Let a retiring `token` work for `overlap` from now (None: until somebody ends it). Refused after its end."""
    end = _end(token.expiry_before, overlap)
    _change("extend", token, Event.OVERLAP_CHANGED, by=by, fields={"expires_at": end}, until=_written(end))


def end(token: Token, *, by: audit.Actor) -> None:
    """End the overlap of a retiring `token` now: from the next decision on only its successor works.

    Refused where that does not work either: then nothing would.
    """
    if not token.successors.filter(status=Token.Status.ACTIVE).exists():
        raise Refused(
            _("The new token does not work any more, so nothing would. Call the rotation off, or deactivate this one.")
        )
    _change("end", token, Event.OVERLAP_ENDED, by=by, fields={"expires_at": timezone.now()})


def cancel(token: Token, *, by: audit.Actor) -> None:
    """Call the rotation of a retiring `token` off: it works on as before, and its successor is deactivated."""
    as_before: dict[str, Any] = {"retiring_since": None, "expires_at": F("expiry_before"), "expiry_before": None}
    with transaction.atomic():
        successor = token.successors.order_by("-pk").first()
        if successor and token.alias == _alias_of_old(successor.alias):
            as_before["alias"] = successor.alias
        _update("cancel", token, by=by, fields=as_before)
        if successor and successor.status == Token.Status.ACTIVE:
            lifecycle.deactivate(successor, by=by, reason=_("Rotation called off"))
        record(Event.ROTATION_CANCELLED, token, by=by)


def _alias_of_old(alias: str) -> str:
    return _("%(alias)s (old)") % {"alias": alias}


def _change(verb: str, token: Token, event: Event, *, by: audit.Actor, fields: dict[str, Any], **details: str) -> None:
    with transaction.atomic():
        _update(verb, token, by=by, fields=fields)
        record(event, token, by=by, **details)


def _update(verb: str, token: Token, *, by: audit.Actor, fields: dict[str, Any]) -> None:
    retiring = _working(token, timezone.now()).filter(retiring_since__isnull=False)
    if not retiring.update(**fields, **stamp(by)):
        check(verb, Token.objects.get(pk=token.pk))
        raise Refused(_("This token has changed meanwhile. Nothing was changed now."))


def _working(token: Token, now: datetime) -> QuerySet[Token]:
    works = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    return Token.objects.filter(works, pk=token.pk, status=Token.Status.ACTIVE)


def _end(expires_at: datetime | None, overlap: timedelta | None) -> datetime | None:
    """Return when the overlap ends: never later than the token would have expired by itself."""
    if overlap is None:
        return expires_at
    ends = timezone.now() + overlap
    return min(ends, expires_at) if expires_at else ends


def _written(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _words(token: Token, **more: str) -> dict[str, str]:
    return {"alias": token.alias} | more
