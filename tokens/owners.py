"""Who may own a token, and how many: what is checked before one is made.

An API token belongs to a merchant. An SDK token belongs to a merchant or to a terminal, or is bound to a person, who is
a member of the merchant, channel or terminal at which it stands.
"""

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.lifecycle import is_stopped
from accounts.models import Entity, Membership, User
from accounts.permissions import Capability
from accounts.refusals import Refused
from accounts.standing import Standing
from tokens.models import Token

API, SDK = Token.Kind.API, Token.Kind.SDK

WITH_SDK_TOKENS = frozenset({Entity.Kind.MERCHANT, Entity.Kind.TERMINAL})
"""Kinds of entities that have SDK tokens of their own."""
WITH_PEOPLES_TOKENS = WITH_SDK_TOKENS | {Entity.Kind.CHANNEL}
"""Kinds of entities at which a person's SDK token stands."""


def can_create(standing: Standing) -> bool:
    """Whether *Add API token* is offered where an entity stands so."""
    return standing.entity.is_merchant and not standing.is_stopped and Capability.TOKEN_CREATE in standing.held


def can_create_sdk(standing: Standing) -> bool:
    """Whether *Generate SDK token* is offered where an entity stands so."""
    if standing.is_stopped:
        return False
    kinds = WITH_SDK_TOKENS if Capability.SDK_MANAGE in standing.held else frozenset()
    kinds |= WITH_PEOPLES_TOKENS if Capability.SDK_OWN in standing.held else frozenset()
    return standing.entity.kind in kinds


def check_owner(entity: Entity, *, kind: str = API, user: User | None = None) -> None:
    """Raise Refused unless a token of `kind`, bound to `user` if that is somebody, may be added to `entity`.

    Only merchants own API tokens (S0-6, S0-10).
    """
    _check_kind(entity, kind=kind, user=user)
    if is_stopped(entity):
        raise Refused(_("“%(name)s” is suspended. Add tokens once it is active again.") % {"name": entity.name})
    if user and not is_member(user, entity):
        raise Refused(_("%(person)s may not sign in, or is no member here any more.") % {"person": user})


def _check_kind(entity: Entity, *, kind: str, user: User | None) -> None:
    if kind == API and not entity.is_merchant:
        raise Refused(_("API tokens belong to merchants. Choose a merchant in the account tree."))
    if kind == SDK and entity.kind not in (WITH_PEOPLES_TOKENS if user else WITH_SDK_TOKENS):
        raise Refused(_("SDK tokens belong to merchants and terminals. Choose one in the account tree."))


def is_member(user: User, entity: Entity) -> bool:
    """Whether `user` may sign in and has a membership that covers `entity`: else a token bound to them is refused."""
    covering = Q(entity=None) | Q(entity__in=Entity.objects.above(entity).order_by().values("pk"))
    return Membership.objects.filter(covering, user=user, user__is_active=True).exists()


def lock(entity: Entity, *, kind: str, user: User | None = None, wanted: int = 1) -> None:
    """Raise Refused unless `entity` may have `wanted` more tokens. Its merchant is locked, so that the quota is exact.

    Without its key: an audit event of another transaction, which already holds the chain, refers to it.
    """
    _check_kind(entity, kind=kind, user=user)
    merchant = Entity.objects.select_for_update(no_key=True).get(pk=merchant_of(entity).pk)
    check_owner(entity, kind=kind, user=user)
    if Token.objects.below(merchant).living().count() + wanted > settings.TOKEN_QUOTA:
        quota = {"quota": settings.TOKEN_QUOTA}
        raise Refused(_("This merchant has %(quota)s tokens, the most it may have. Remove one first.") % quota)


def merchant_of(entity: Entity) -> Entity:
    """Return the merchant that `entity` is or belongs to. Raises Refused where there is none."""
    found = entity if entity.is_merchant else Entity.objects.above(entity).filter(kind=Entity.Kind.MERCHANT).first()
    if found is None:
        raise Refused(_("Tokens belong to merchants and what stands below them. Choose one in the account tree."))
    return found


def default_alias(entity: Entity, *, kind: str, user: User | None = None) -> str:
    """Return what a token is called that nobody gave a name: after its person or terminal, or a number (S0-30)."""
    if user or entity.kind == Entity.Kind.TERMINAL:
        return str(user or entity)[: Token._meta.get_field("alias").max_length]
    label = _("SDK token %(number)s") if kind == SDK else _("API token %(number)s")
    return label % {"number": Token.objects.of(entity).filter(kind=kind).count() + 1}
