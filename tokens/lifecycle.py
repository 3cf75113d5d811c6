"""How a token changes: one TRANSITIONS table, one function per verb.

Every verb is one conditional UPDATE plus its audit event in one transaction. It takes the person or operator who acts
as `by`, and raises Refused, having changed nothing, where the token is not (or no longer) in a state that allows it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Capability
from accounts.refusals import Refused
from tokens import digests, formats, owners
from tokens.models import IdempotencyRecord, Token
from tokens.permissions import CATALOGUE, OF_GATEWAYS, SDK_SCOPE, write_scope

Status = Token.Status
Event = AuditEvent.Type


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow of DESIGN 4: from which states, to which, what it needs and what it is called in the audit log."""

    sources: frozenset[str]
    target: str
    capability: str
    event: Event
    destroys: bool = False


TRANSITIONS = {
    "deactivate": Transition(
        frozenset({Status.ACTIVE}), Status.INACTIVE, Capability.TOKEN_DEACTIVATE, Event.TOKEN_DEACTIVATED
    ),
    "reactivate": Transition(
        frozenset({Status.INACTIVE}), Status.ACTIVE, Capability.TOKEN_REACTIVATE, Event.TOKEN_REACTIVATED
    ),
    "revoke": Transition(
        frozenset({Status.INACTIVE}), Status.REVOKED, Capability.TOKEN_REVOKE, Event.TOKEN_REVOKED, destroys=True
    ),
    "remove": Transition(
        frozenset({Status.INACTIVE, Status.REVOKED}),
        Status.REMOVED,
        Capability.TOKEN_REMOVE,
        Event.TOKEN_REMOVED,
        destroys=True,
    ),
}


class AlreadyCreated(Refused):
    """The same form was sent before. `token` is what it made; its secret was in that answer and is nowhere now."""

    def __init__(self, token: Token) -> None:
        super().__init__(_("This form has already created a token. It was shown once, in the first answer."))
        self.token = token


NEEDS = {verb: frozenset({transition.capability}) for verb, transition in TRANSITIONS.items()} | {
    "edit": frozenset({Capability.TOKEN_EDIT}),
    "condemn": frozenset({Capability.TOKEN_DEACTIVATE, Capability.TOKEN_REVOKE}),
}
"""What a person must hold for each verb. Condemning is both of its steps, and wants the right to both."""


SOURCES = {verb: transition.sources for verb, transition in TRANSITIONS.items()} | {
    "edit": frozenset({Status.ACTIVE, Status.INACTIVE}),
    "condemn": TRANSITIONS["deactivate"].sources,
}


def check(verb: str, token: Token) -> None:
    """Raise Refused, with a sentence, where the state of `token` does not allow `verb` now."""
    if token.status not in SOURCES[verb]:
        raise Refused(_refusal(verb, token))
    if verb == "reactivate" and token.is_expired():
        raise Refused(_("“%(alias)s” has expired. Create a new token instead.") % {"alias": token.alias})


def can(verb: str, token: Token, held: frozenset[str]) -> bool:
    """Whether `verb` is offered on `token` to somebody who holds the capabilities `held` on its entity."""
    expired = verb == "reactivate" and token.is_expired()
    return NEEDS[verb] <= held and token.status in SOURCES[verb] and not expired


@sensitive_variables()  # the report of a fault shows no variable of this function, nor of what it calls
def create(
    entity: Entity | None,
    *,
    by: audit.Actor,
    alias: str = "",
    description: str = "",
    kind: str = Token.Kind.API,
    mode: str = Token.Mode.LIVE,
    permissions: frozenset[str] = CATALOGUE,
    expires_at: datetime | None = None,
    networks: str = "",
    user: User | None = None,
    replaces: Token | None = None,
    form_key: UUID | None = None,
) -> tuple[Token, str]:
    """Create a token and return it with its secret string, which exists nowhere else (S0-21, S0-27).

    `form_key` names one submission of a form by a person: the same one sent again, even at the same moment, creates
    nothing. `networks` are space-separated CIDR blocks outside which the token is refused; none means anywhere. A
    gateway credential has no entity and of `permissions` only those of gateways; every other token has an entity that
    may own it (`tokens.owners`). What SDK tokens may do is fixed; `user` is the person one of them is bound to.

    Raises AlreadyCreated for a `form_key` seen before, Refused where the entity may not have the token.
    """
    columns: dict[str, Any] = {"alias": alias, "description": description, "networks": networks}
    columns |= {"entity": entity, "user": user, "expires_at": expires_at, "replaces": replaces}
    token, text = draft(kind, mode, _scope(kind, permissions), by=by, **columns)
    with transaction.atomic():
        if entity:
            owners.lock(entity, kind=kind, user=user)
            token.alias = alias or owners.default_alias(entity, kind=kind, user=user)
        if form_key and isinstance(by, User):
            _claim_form(form_key, by=by, token=token)
        else:
            token.save(force_insert=True)
        event = Event.GATEWAY_CREATED if kind == Token.Kind.GATEWAY else Event.TOKEN_CREATED
        record(event, token, by=by, mode=str(mode), scope=token.scope, **({"person": user.email} if user else {}))
    return token, text


@sensitive_variables()
def draft(kind: str, mode: str, scope: str, *, by: audit.Actor, **columns: Any) -> tuple[Token, str]:
    """Return a token that is stored nowhere yet, and its secret string: a creating verb's part."""
    minted, text = _mint(kind, mode)
    by_whom = by if isinstance(by, User) else None
    return Token(kind=kind, mode=mode, scope=scope, created_by=by_whom, **columns, **minted), text


def _scope(kind: str, permissions: frozenset[str]) -> str:
    if kind == Token.Kind.GATEWAY:
        return " ".join(permissions & OF_GATEWAYS)
    return write_scope(SDK_SCOPE if kind == Token.Kind.SDK else permissions)


@sensitive_variables()
def _mint(kind: str, mode: str) -> tuple[dict[str, Any], str]:
    """Return what is kept of a new credential, by column, and its secret string, which is not."""
    minted = formats.mint(kind, mode)
    text, pepper_id = formats.write(minted), digests.newest_pepper()
    kept = {"digest": digests.digest(minted, pepper_id), "pepper_id": pepper_id}
    return kept | {"key_id": minted.key_id, "last4": text[-4:]}, text


def edit(token: Token, *, alias: str, description: str | None = None, by: audit.Actor) -> None:
    """Give `token` another alias or description, all about it that can change (S0-31, S3-6; None: as it was).

    Raises Refused where it has ended, or where somebody else edited it since it was read.
    """
    before = {"alias": token.alias, "description": token.description}
    after = {"alias": alias, "description": token.description if description is None else description}
    if after == before:
        return
    with transaction.atomic():
        same = Token.objects.filter(pk=token.pk, status__in=[Status.ACTIVE, Status.INACTIVE], **before)
        if not same.update(**after, **stamp(by)):
            raise Refused(_("This token has changed meanwhile. Nothing was changed now."))
        if after["alias"] != before["alias"]:
            record(Event.TOKEN_RENAMED, token, by=by, before=token.alias, after=alias)
        else:
            record(Event.TOKEN_DESCRIBED, token, by=by)


def deactivate(token: Token, *, by: audit.Actor, reason: str = "") -> None:
    """Stop `token` at once: no decision that begins after this returns accepts it (S0-32). Reversible (S0-34)."""
    _change("deactivate", token, by=by, reason=reason)


def reactivate(token: Token, *, by: audit.Actor, reason: str = "") -> None:
    """Let an inactive `token` work again (S0-34). Raises Refused for an expired one too: it would stay refused."""
    check("reactivate", token)
    _change("reactivate", token, by=by, reason=reason)


def revoke(token: Token, *, by: audit.Actor, reason: str = "") -> None:
    """End an inactive `token` for good and destroy its digest; its row stays on the grid (S3-15 ... S3-17)."""
    _change("revoke", token, by=by, reason=reason)


def condemn(token: Token, *, by: audit.Actor, reason: str = "") -> None:
    """Stop an active `token` that somebody else may know and end it for good, in one step (C2, C4, S2-22).

    Both changes with an event each, or neither: nobody can reactivate it in between.
    """
    with transaction.atomic():
        deactivate(token, by=by, reason=reason)
        revoke(token, by=by, reason=reason)


def remove(token: Token, *, by: audit.Actor, reason: str = "") -> None:
    """Take an inactive or revoked `token` off the list for good and destroy its digest (S0-35 ... S0-39)."""
    _change("remove", token, by=by, reason=reason)


def _change(verb: str, token: Token, *, by: audit.Actor, reason: str) -> None:
    transition = TRANSITIONS[verb]
    fields = {"status": transition.target} | stamp(by)
    if transition.destroys:
        fields |= {"digest": None, "ended_at": timezone.now()}
    with transaction.atomic():
        if not Token.objects.filter(pk=token.pk, status__in=transition.sources).update(**fields):
            raise Refused(_refusal(verb, Token.objects.get(pk=token.pk)))
        record(transition.event, token, by=by, **({"reason": reason} if reason else {}))
        if transition.destroys:
            transaction.on_commit(empty_journal, robust=True)


def empty_journal() -> None:
    """Empty SQLite's write-ahead log, where pages from before still hold the digest; in the file it is wiped already.

    Somebody who is reading just then keeps the log as it is: nobody waits for more than a moment, and the next
    destruction, or the end of the last process, empties it.
    """
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 250")
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {connection.settings_dict['OPTIONS']['timeout'] * 1000:d}")


def _refusal(verb: str, token: Token) -> str:
    if verb in {"revoke", "remove"} and token.status == Status.ACTIVE:
        return _("“%(alias)s” is active. Deactivate it first.") % {"alias": token.alias}
    status = token.get_status_display().lower()
    return _("“%(alias)s” is %(status)s already.") % {"alias": token.alias, "status": status}


def stamp(by: audit.Actor) -> dict[str, object]:
    """Return the columns that tell when a token was changed last, and by whom."""
    return {"changed_at": timezone.now(), "changed_by": by if isinstance(by, User) else None}


def record(event: Event, token: Token, *, by: audit.Actor, **details: str) -> None:
    """Record `event` about `token`, in the transaction of its change."""
    audit.record(event, by=by, entity=token.entity, target=token.key_id, alias=token.alias, **details)


def _claim_form(form_key: UUID, *, by: User, token: Token) -> None:
    """Store `token` as what this form made; the unique constraint lets one of several simultaneous tries through."""
    try:
        with transaction.atomic():
            token.save(force_insert=True)
            IdempotencyRecord(user=by, key=form_key, token=token).save(force_insert=True)
    except IntegrityError:
        record = IdempotencyRecord.objects.select_related("token__entity").filter(user=by, key=form_key).first()
        if record is None:
            raise
        made = record.token
        if any(getattr(made, each) != getattr(token, each) for each in ("kind", "entity_id", "user_id", "replaces_id")):
            raise Refused(_("This form was sent for something else before. Load the page again.")) from None
        raise AlreadyCreated(made) from None
