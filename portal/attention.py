"""What the dashboard asks somebody to look at: a few things of each kind, the most urgent first, and what to do."""

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Case, Exists, OuterRef, Q, Subquery, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Entity, Membership, User
from accounts.permissions import Capability
from accounts.signin.factors import SECOND
from tokens.attention import (
    FEW,
    SHOWN,
    Found,
    found_in,
    next_to_expire,
    refused_entities,
    refused_tokens,
    waiting,
)
from tokens.models import UsageTotal


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of things to look at, in words."""

    label: Promise
    text: Promise
    icon: str
    tone: str


KINDS = {
    "suspended": Kind(
        _("Suspended"), _("Every token here and below is refused until the suspension ends."), "deactivate", "bad"
    ),
    "refused": Kind(
        _("Refused often"),
        _("Some system presents a token that is not good, or not for what it asks. The token's page tells why."),
        "revoke",
        "bad",
    ),
    "expiring": Kind(
        _("Expire within 14 days"),
        _("They stop by themselves. Rotate them before, without interruption."),
        "clock",
        "warn",
    ),
    "retiring": Kind(
        _("Retiring"),
        _("Replaced, and working until the overlap ends. See that nobody uses them any more."),
        "rotate",
        "warn",
    ),
    "unused": Kind(
        _("Not used in their first 30 days"), _("Deactivate what nobody needs: such a token is only a risk."), "key", ""
    ),
    "people": Kind(
        _("Without a second factor"), _("A password is all that keeps others out of these accounts."), "shield", "warn"
    ),
}
"""In the order in which they are shown."""


ASKED_LESS = {
    "by_entity": _("You see more than 500 tokens: what is refused often is looked for by entity, 20 times in an hour."),
    "very_many": _(
        "You see very many tokens: what is refused often is looked for by entity, 20 times in one of the last 6 hours,"
        " and what was never used is not looked for."
    ),
}
"""What is not looked for where there are many tokens, so that a card without it does not say that all is well."""


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one kind that somebody should look at."""

    name: str
    kind: Kind
    found: Found


def asked_less(user: User, *, tokens: int, are_too_many: bool) -> Promise | str:
    """Return the sentence about what was not looked for among so many tokens; empty where everything was."""
    if are_too_many:
        return ASKED_LESS["very_many"]
    return ASKED_LESS["by_entity"] if _by_entity(user, tokens) else ""


def attention_of(user: User, *, tokens: int, are_too_many: bool) -> tuple[list[Group], int]:
    """Return what `user`, who sees so many tokens, should look at, and how many of those have expired.

    Four queries, whatever there is. Where there are too many, it is not known how many have expired.
    """
    found = {"suspended": _stopped(user)}
    found |= {"expiring": next_to_expire(user)} if are_too_many else waiting(user)
    by_token = not _by_entity(user, tokens)
    found["refused"] = refused_tokens(user) if by_token else refused_entities(user, are_many=are_too_many)
    found["people"] = _without_second_factor(user)
    groups = [Group(name, kind, found[name]) for name, kind in KINDS.items() if name in found and found[name].rows]
    return groups, (found["expired"].total or 0) if "expired" in found else 0


def _by_entity(user: User, tokens: int) -> bool:
    """Whether what is refused often among `user`'s so many tokens is looked for by entity."""
    return tokens > FEW and UsageTotal.objects.tell_all(user)


def _stopped(user: User) -> Found:
    """Return what is suspended below what `user` sees, and their own entities where one above those is."""
    own = [entity for entity, _role in user.grants if entity is not None]
    stopped = Q(status=Entity.Status.SUSPENDED)
    if own:
        stopped |= Q(pk__in=own)
    entities = Entity.objects.visible_to(user).filter(stopped).with_stops().filter(is_stopped=True)
    return found_in(list(entities.order_by("-suspended_at", "pk")[: SHOWN + 1]))


def _without_second_factor(user: User) -> Found:
    """Return people, `user` first, who sign in with a password alone, each with the entity ID of a `place` of theirs.

    Beside oneself those whom one could remove; for platform staff those of the platform. Nobody where a second factor
    is required: who has none yet cannot do anything.
    """
    if settings.REQUIRE_MFA:
        return Found([], 0)
    if user.has_platform_capability(Capability.MEMBER_VIEW):
        members = Membership.objects.visible_to(user).filter(entity=None)
    else:
        members = Membership.objects.permitted(user, Capability.MEMBER_MANAGE)
    has_one = Authenticator.objects.filter(user=OuterRef("pk"), type__in=SECOND)
    place = Subquery(members.filter(user=OuterRef("pk")).order_by("pk").values("entity__entity_id")[:1])
    people = User.objects.filter(Q(pk=user.pk) | Q(pk__in=members.order_by().values("user")), is_active=True)
    others = Case(When(pk=user.pk, then=Value(0)), default=Value(1))
    found = people.filter(~Exists(has_one)).annotate(place=place, others=others).order_by("others", "email")
    return found_in(list(found[: SHOWN + 1]))
