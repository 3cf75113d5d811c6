"""The dashboard: how many there are of what below what a person may see, and what they could do next."""

from dataclasses import dataclass, replace

from django.db.models import Count, Min, Q, Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Entity, User
from accounts.permissions import ROLE_CAPABILITIES, Capability
from tokens.evidence import traffic_below
from tokens.models import Token

Kind = Entity.Kind

MOST_COUNTED = 25_000
"""Tokens that the dashboard counts: more than one merchant may have. To count a million takes half a second."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over everything a person sees, and the requests of the last 24 hours."""

    merchants: int
    channels: int
    terminals: int
    entities: int
    suspended: int
    merchant: str
    """The entity ID of one of the merchants; empty where there is none."""
    are_too_many: bool
    """Whether there are more tokens than are counted; then the figures of tokens are not those of all of them."""
    tokens: int
    active: int
    inactive: int
    good: int
    refused: int
    expired: int = 0
    most: int = MOST_COUNTED

    def with_expired(self, expired: int) -> "Totals":
        """Return the same, where so many of the active tokens have expired."""
        return replace(self, active=self.active - expired, expired=expired)

    @property
    def only(self) -> str:
        """The entity ID of the merchant to which everything belongs; empty where there are several, or none."""
        below = self.merchants + self.channels + self.terminals
        return self.merchant if self.merchants == 1 and below == self.entities else ""


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody who has nothing yet could do: in words, and the way there, empty where others have to."""

    title: str
    text: str
    action: str = ""
    url: str = ""


def totals_for(user: User) -> Totals:
    """Return the figures for `user`, in three queries; a fourth where everything on the platform is not too much."""
    good, refused = traffic_below(user).aggregate(all_good=Sum("good"), all_refused=Sum("refused")).values()
    return Totals(**_entities_of(user), **_tokens_of(user), good=good or 0, refused=refused or 0)


def _entities_of(user: User) -> dict[str, int | str]:
    """Return how many there are of which kind.

    Where somebody sees all there are, of merchants alone: to read each of 100,000 entities takes longer than the rest.
    """
    entities = Entity.objects.visible_to(user)
    if user.has_platform_capability(Capability.ENTITY_VIEW):
        merchants = entities.filter(kind=Kind.MERCHANT).count()
        return dict.fromkeys(("channels", "terminals", "suspended"), 0) | {
            "merchants": merchants,
            "entities": merchants,
            "merchant": "",
        }
    counts = entities.aggregate(
        merchants=Count("pk", filter=Q(kind=Kind.MERCHANT)),
        channels=Count("pk", filter=Q(kind=Kind.CHANNEL)),
        terminals=Count("pk", filter=Q(kind=Kind.TERMINAL)),
        entities=Count("pk"),
        suspended=Count("pk", filter=Q(status=Entity.Status.SUSPENDED)),
        merchant=Min("entity_id", filter=Q(kind=Kind.MERCHANT)),
    )
    return counts | {"merchant": counts["merchant"] or ""}


def _tokens_of(user: User) -> dict[str, int | bool]:
    """Return how many there are in which status, unless they are too many: an index alone tells that."""
    tokens = Token.objects.visible_to(user)
    beyond = tokens.order_by("key_id").values_list("key_id")[MOST_COUNTED : MOST_COUNTED + 1]
    # Of all there are, the index of key IDs alone tells that in a tenth of the time.
    if user.has_platform_capability(Capability.TOKEN_VIEW) and beyond:
        return {"are_too_many": True, "tokens": MOST_COUNTED + 1, "active": 0, "inactive": 0}
    counts = tokens.order_by()[: MOST_COUNTED + 1].aggregate(
        tokens=Count("pk"),
        active=Count("pk", filter=Q(status="active")),
        inactive=Count("pk", filter=Q(status="inactive")),
    )
    return counts | {"are_too_many": counts["tokens"] > MOST_COUNTED}


def held_anywhere(user: User) -> frozenset[str]:
    """Return every capability that `user` holds on something."""
    return frozenset().union(*(ROLE_CAPABILITIES[role] for _entity, role in user.grants))


def first_step(totals: Totals, held: frozenset[str]) -> Step | None:
    """Return what somebody who holds `held` could do where there is no token yet; None where there is one."""
    if totals.tokens:
        return None
    if not held:
        return Step(_("You have no access yet"), _("Ask an administrator of your company to add you."))
    if Capability.ENTITY_ADD in held and not totals.merchants and totals.channels + totals.terminals == 0:
        text = _("Tokens belong to merchants. Add the first one, then give it a token.")
        if Capability.ENTITY_RELEASE in held:  # of the platform: there may be nothing to add it to
            return Step(_("There is no merchant yet"), text, _("Add entity"), reverse("accounts:add_top"))
        return Step(_("There is no merchant yet"), text, _("Add merchant"), reverse("add_merchant"))
    if Capability.TOKEN_CREATE in held and totals.merchants:
        return _first_token(totals)
    if held & {Capability.SDK_MANAGE, Capability.SDK_OWN}:
        text = _("Generate one for the device with which you take payments. It is shown once.")
        return Step(_("You have no SDK token yet"), text, _("Generate SDK token"), reverse("tokens:my_sdk_tokens"))
    text = _("Whoever manages tokens there adds the first one. You see it here then.")
    return Step(_("There is no token yet"), text, _("To the account tree"), reverse("portal:account"))


def _first_token(totals: Totals) -> Step:
    title = _("There is no token yet")
    if totals.only:
        text = _("Add an API token, then send a request with it.")
        return Step(title, text, _("Add API token"), reverse("tokens:add", args=[totals.only]))
    text = _("Choose a merchant and add an API token to it, then send a request with it.")
    return Step(title, text, _("Choose a merchant"), reverse("portal:merchants"))
