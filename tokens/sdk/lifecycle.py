"""What changes many SDK tokens at once: a fleet gets its tokens, and a lost device loses all of its own.

As in `tokens.lifecycle`, each verb is one transaction with an event for each token, and raises Refused, having changed
nothing, where it cannot be done.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.members import access_changed
from accounts.models import AuditEvent, Entity, User
from accounts.refusals import Refused
from tokens import owners
from tokens.lifecycle import AlreadyCreated, draft, stamp
from tokens.models import IdempotencyRecord, Token
from tokens.permissions import SDK_SCOPE, write_scope
from tokens.sdk.fleet import MOST_AT_ONCE, stopped_among

Event = AuditEvent.Type
Status = Token.Status


@sensitive_variables()
def issue(
    fleet: Entity,
    terminals: QuerySet[Entity],
    *,
    by: User,
    mode: str,
    form_key: UUID,
    description: str = "",
    expires_at: datetime | None = None,
) -> list[tuple[Token, str]]:
    """Create an SDK token for each of `terminals`, which stand below `fleet`; return each with its secret string.

    All of them or none, with an event for each. `terminals` is read once the merchant is locked: of two that ask for
    those without a token at the same moment, the second one finds what the first has left.

    Raises AlreadyCreated for a `form_key` seen before; Refused where there is no such terminal, where one is suspended,
    where they are more than MOST_AT_ONCE, or more than the merchant may have.
    """
    with transaction.atomic():
        merchant = owners.lock_merchant(fleet)
        earlier = IdempotencyRecord.objects.select_related("token__entity").filter(user=by, key=form_key).first()
        if earlier:
            raise AlreadyCreated(earlier.token)
        chosen = list(terminals[: MOST_AT_ONCE + 1])
        _check_fleet(chosen)
        owners.check_quota(merchant, wanted=len(chosen))
        scope = write_scope(SDK_SCOPE)
        columns = {"expires_at": expires_at, "description": description}
        made = [
            draft(
                Token.Kind.SDK, mode, scope, by=by, entity=each, alias=owners.default_alias(each, kind="sdk"), **columns
            )
            for each in chosen
        ]
        tokens = Token.objects.bulk_create([token for token, _secret in made], batch_size=500)
        IdempotencyRecord(user=by, key=form_key, token=tokens[0]).save(force_insert=True)
        told = [(each.entity, each.key_id, {"alias": each.alias, "mode": mode, "scope": scope}) for each in tokens]
        audit.record_all(Event.TOKEN_CREATED, told, by=by)
    return made


def _check_fleet(chosen: list[Entity]) -> None:
    if not chosen:
        raise Refused(_("There is no terminal here that needs a token. Nothing was changed."))
    if len(chosen) > MOST_AT_ONCE:
        raise Refused(_("Choose at most %(most)d terminals at once.") % {"most": MOST_AT_ONCE})
    stopped = stopped_among(chosen)
    if stopped:
        raise Refused(_("“%(name)s” is suspended, so no token was issued at all.") % {"name": stopped.name})


def can_lose(terminal: Entity) -> bool:
    """Whether *Lost device* is offered on `terminal`: it has a token that could still be used."""
    return terminal.kind == Entity.Kind.TERMINAL and active_of(terminal).exists()


def check_lose(terminal: Entity) -> None:
    """Raise Refused where `terminal` is none, or has no active token."""
    if terminal.kind != Entity.Kind.TERMINAL:
        raise Refused(_("Only a terminal can be a lost device. Choose one in the account tree."))
    if not can_lose(terminal):
        raise Refused(_("“%(name)s” has no active SDK token any more.") % {"name": terminal.name})


def active_of(terminal: Entity) -> QuerySet[Token]:
    """Return the SDK tokens of `terminal`, its own and people's, that are active."""
    return Token.objects.of(terminal).sdk().filter(status=Status.ACTIVE)


def lose(terminal: Entity, *, by: audit.Actor, reason: str = "") -> int:
    """Deactivate every SDK token of `terminal` at once, with an event for each; return how many those were (S2-22).

    Each of them can be reactivated, if the device turns up. Raises Refused where none is active.
    """
    told = {"reason": _("Lost device: %(reason)s") % {"reason": reason} if reason else _("Lost device")}
    ended: list[Token] = []
    with transaction.atomic():
        active = active_of(terminal).select_related("entity").order_by("pk")
        # Again until none is left: a rotation that was under way has made a successor meanwhile.
        while found := list(active.select_for_update(no_key=True, of=("self",))):
            _deactivate(found, by)
            ended += found
        if not ended:
            raise Refused(_("“%(name)s” has no active SDK token any more.") % {"name": terminal.name})
        _tell(ended, told, by)
    return len(ended)


@receiver(access_changed)
def end_without_access(person: User, by: audit.Actor, **_more: object) -> int:
    """Deactivate the SDK tokens of `person` at places where no role lets them have any; return how many those were.

    Inside the transaction that took the role away (S2-19, S2-22): were they only refused, they would work again the day
    the person comes back in whatever role.
    """
    active = Token.objects.sdk().filter(user=person, status=Status.ACTIVE)
    found = active.select_related("entity").select_for_update(no_key=True, of=("self",)).order_by("pk")
    ended = [token for token in found if not owners.may_have_own(person, token.entity)]
    if ended:
        _deactivate(ended, by)
        told = {"reason": _("%(person)s has no role here any more that lets them have SDK tokens") % {"person": person}}
        _tell(ended, told, by)
    return len(ended)


def _deactivate(tokens: list[Token], by: audit.Actor) -> None:
    keys = [token.pk for token in tokens]
    Token.objects.filter(pk__in=keys, status=Status.ACTIVE).update(status=Status.INACTIVE, **stamp(by))


def _tell(tokens: list[Token], told: dict[str, str], by: audit.Actor) -> None:
    """Record that each of `tokens` was deactivated: last of all, because it takes the lock of the whole log."""
    events = [(token.entity, token.key_id, {"alias": token.alias} | told) for token in tokens]
    audit.record_all(Event.TOKEN_DEACTIVATED, events, by=by)
