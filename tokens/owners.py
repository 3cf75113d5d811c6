"""Who may own a token, and how many: what is checked before one is made.

An API token belongs to a merchant. An SDK token belongs to a merchant or to a terminal, or is bound to a person, who is
a member of the merchant, channel or terminal at which it stands.
"""

from django.conf import settings
from django.db.models import Q, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.lifecycle import is_stopped
from accounts.models import Entity, Membership, User
from accounts.permissions import Capability, roles_with
from accounts.refusals import Refused
from accounts.standing import Standing
from tokens.models import Token

API, SDK = Token.Kind.API, Token.Kind.SDK

WITH_SDK_TOKENS = frozenset({Entity.Kind.MERCHANT, Entity.Kind.TERMINAL})
"""Kinds of entities that have SDK tokens of their own."""
WITH_PEOPLES_TOKENS = WITH_SDK_TOKENS | {Entity.Kind.CHANNEL}
"""Kinds of entities at which a person's SDK token stands."""
WITH_MEMBERS = frozenset({Entity.Kind.MERCHANT, Entity.Kind.CHANNEL})
"""Kinds of entities whose managers generate SDK tokens for members."""

_NO_SDK_TOKENS_HERE = gettext_lazy("SDK tokens belong to merchants and terminals. Choose one in the account tree.")


class Subject(TextChoices):
    """Whose an SDK token is: the entity's own, a member's, or the reader's."""

    ENTITY = "entity"
    MEMBER = "member"
    OWN = "own"


def can_create(standing: Standing) -> bool:
    """Whether *Add API token* is offered where an entity stands so."""
    return standing.entity.is_merchant and not standing.is_stopped and Capability.TOKEN_CREATE in standing.held


def subjects_for(standing: Standing) -> list[str]:
    """Return for whom an SDK token may be generated where an entity stands so: names of `Subject`, the first usual.

    Whoever manages more than terminals may name an entity's members, and speak for a merchant as a whole; whoever has
    only their own gets no choice. Whether the entity is suspended is another matter.
    """
    kind, held = standing.entity.kind, standing.held
    if Capability.SDK_MANAGE not in held:
        return [Subject.OWN] if Capability.SDK_OWN in held and kind in WITH_PEOPLES_TOKENS else []
    for_others = Capability.SDK_OTHERS in held
    found = [Subject.ENTITY] if kind in WITH_SDK_TOKENS and (kind == Entity.Kind.TERMINAL or for_others) else []
    if kind in WITH_MEMBERS and for_others:
        found.append(Subject.MEMBER)
    return found or ([Subject.OWN] if Capability.SDK_OWN in held and kind in WITH_PEOPLES_TOKENS else [])


def can_create_sdk(standing: Standing) -> bool:
    """Whether *Generate SDK token* is offered where an entity stands so."""
    return bool(subjects_for(standing)) and not standing.is_stopped


def check_subjects(standing: Standing) -> list[str]:
    """Return what `subjects_for` does. Raises Refused where that is nothing, or where the entity is stopped."""
    found = subjects_for(standing)
    if not found:
        raise Refused(_NO_SDK_TOKENS_HERE)
    if standing.is_stopped:
        raise Refused(_stopped(standing.entity))
    return found


def check_owner(entity: Entity, *, kind: str = API, user: User | None = None) -> None:
    """Raise Refused unless a token of `kind`, bound to `user` if that is somebody, may be added to `entity`.

    Only merchants own API tokens (S0-6, S0-10).
    """
    _check_kind(entity, kind=kind, user=user)
    if is_stopped(entity):
        raise Refused(_stopped(entity))
    if user and not may_have_own(user, entity):
        raise Refused(
            _("%(person)s may not sign in, or has no role here that lets them have SDK tokens.") % {"person": user}
        )


def _check_kind(entity: Entity, *, kind: str, user: User | None) -> None:
    if kind == API and not entity.is_merchant:
        raise Refused(_("API tokens belong to merchants. Choose a merchant in the account tree."))
    if kind == SDK and entity.kind not in (WITH_PEOPLES_TOKENS if user else WITH_SDK_TOKENS):
        raise Refused(_NO_SDK_TOKENS_HERE)


def _stopped(entity: Entity) -> str:
    return _("“%(name)s” is suspended. Add tokens once it is active again.") % {"name": entity.name}


def may_have_own(user: User, entity: Entity) -> bool:
    """Whether `user` may sign in and has a role that lets them have SDK tokens of their own at `entity`.

    Else a token bound to them is refused (`tokens.rows`).
    """
    covering = Q(entity=None) | Q(entity__in=Entity.objects.above(entity).order_by().values("pk"))
    roles = roles_with(Capability.SDK_OWN)
    return Membership.objects.filter(covering, user=user, user__is_active=True, role__in=roles).exists()


def lock(entity: Entity, *, kind: str, user: User | None = None) -> None:
    """Raise Refused unless `entity` may have one more token. Its merchant is locked, so that the quota is exact."""
    _check_kind(entity, kind=kind, user=user)
    merchant = lock_merchant(entity)
    check_owner(entity, kind=kind, user=user)
    check_quota(merchant)


def lock_merchant(entity: Entity) -> Entity:
    """Lock the merchant that `entity` is or belongs to for this transaction, and return it.

    Without its key: an audit event of another transaction, which already holds the chain, refers to it.
    """
    return Entity.objects.select_for_update(no_key=True).get(pk=merchant_of(entity).pk)


def check_quota(merchant: Entity, *, wanted: int = 1) -> None:
    """Raise Refused where `merchant`, with what stands below it, may not have `wanted` more tokens (C5)."""
    if Token.objects.below(merchant).living().count() + wanted > settings.TOKEN_QUOTA:
        quota = {"quota": settings.TOKEN_QUOTA}
        raise Refused(_("This merchant has %(quota)s tokens, the most it may have. Remove one first.") % quota)


def merchant_of(entity: Entity) -> Entity:
    """Return the merchant that `entity` is or belongs to. Raises Refused where there is none."""
    found: Entity | None = Entity.objects.merchant_of(entity)
    if found is None:
        raise Refused(_("Tokens belong to merchants and what stands below them. Choose one in the account tree."))
    return found


def default_alias(entity: Entity, *, kind: str, user: User | None = None) -> str:
    """Return what a token is called that nobody gave a name: after its person or terminal, or a number (S0-30)."""
    if user or entity.kind == Entity.Kind.TERMINAL:
        return str(user or entity)[: Token._meta.get_field("alias").max_length]
    label = _("SDK token %(number)s") if kind == SDK else _("API token %(number)s")
    return label % {"number": Token.objects.of(entity).filter(kind=kind).count() + 1}
