"""What a token's use in the last 24 hours tells: asked before it is stopped, and shown in every list."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, Sum, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from tokens.models import Token, UsageBucket, UsageTotal
from tokens.verification import GOOD

HOURS = 24

REASONS = {
    "inactive": _("The token was inactive"),
    "revoked": _("The token was revoked"),
    "removed": _("The token was removed"),
    "expired": _("The token had expired"),
    "suspended": _("The merchant, or an entity above it, was suspended"),
    "person": _("The person it belongs to has no access any more"),
    "kind": _("Another kind of token was asked for"),
    "mode": _("Live was asked for with a test token, or test with a live one"),
    "entity": _("Asked for an entity that is not this merchant's"),
    "network": _("From an address outside the allowed networks"),
    "permission": _("The token does not have the permission"),
    "unknown": _("A key ID that nobody has"),
    "digest": _("A key ID with a wrong secret"),
    "question": _("This gateway asks with a parameter that is misspelt, unknown, repeated or blank"),
}
"""Why a token was refused -> how its owner is told, inside the portal only.

The last three stand beside the gateway that asked, in the Django admin. Even a wrong secret: key IDs are public, and
whoever presents one without its secret must not be able to fill the figures of its owner.
"""


WRONG_WAY = {
    "live": _("Test was asked for, and this is a live token"),
    "test": _("Live was asked for, and this is a test token"),
}
"""The same for `mode`, where it is known which of the two the token is."""


@dataclass(slots=True)
class Evidence:
    """How a token was used in the last 24 hours: the hour that runs and the 23 before it."""

    good: int = 0
    refused: int = 0
    callers: int = 0
    hourly: list[int] = field(default_factory=lambda: [0] * HOURS)

    @property
    def requests(self) -> int:
        return self.good + self.refused

    @property
    def is_in_use(self) -> bool:
        """Whether anything presented the token at all: then stopping it needs its alias typed."""
        return self.requests > 0

    @property
    def error_rate(self) -> float:
        """Refused requests in per cent of all (S3-4)."""
        return 100 * self.refused / self.requests if self.requests else 0.0

    @property
    def points(self) -> str:
        """The hours as points of an SVG polyline, 96 wide and 24 high, the oldest first."""
        highest = max(self.hourly) or 1
        step = 96 / (HOURS - 1)
        return " ".join(f"{x * step:.1f},{22 - 20 * count / highest:.1f}" for x, count in enumerate(self.hourly))


def evidence_of(tokens: Iterable[Token], *, callers: bool = False) -> dict[int, Evidence]:
    """Return the evidence for each of `tokens`, by primary key, in one query however many they are.

    Another one counts the addresses, where `callers` asks for them.
    """
    keys = [token.pk for token in tokens]
    found = {key: Evidence() for key in keys}
    start = first_hour()
    buckets = UsageBucket.objects.filter(token__in=keys, hour__gte=start)
    hours = buckets.values("token", "hour").annotate(
        good=Sum("count", filter=Q(outcome=GOOD), default=0), refused=Sum("count", filter=~Q(outcome=GOOD), default=0)
    )
    for row in hours:
        evidence = found[row["token"]]
        evidence.good += row["good"]
        evidence.refused += row["refused"]
        # The hour can turn, or another machine's clock be ahead, between `start` and the query: that counts as now.
        hour = min(int((row["hour"] - start).total_seconds() // 3600), HOURS - 1)
        evidence.hourly[hour] += row["good"] + row["refused"]
    if callers:
        for row in buckets.values("token").annotate(callers=Count("caller", distinct=True)):
            found[row["token"]].callers = row["callers"]
    return found


def traffic_below(user: User) -> QuerySet:
    """Return rows of `entity`, `good` and `refused` for the last 24 hours of all tokens that `user` may see.

    Sums that stand ready; for a person who sees their own tokens of an entity and no others, those tokens' buckets.
    """
    if UsageTotal.objects.tell_all(user):
        return UsageTotal.objects.visible_to(user).filter(hour__gte=first_hour())
    buckets = UsageBucket.objects.visible_to(user).filter(hour__gte=first_hour(), token__entity__isnull=False)
    good = Case(When(outcome=GOOD, then="count"), default=0)
    return buckets.annotate(entity=F("token__entity"), good=good, refused=F("count") - good)


def callers_of(token: Token) -> list[dict]:
    """Return `{caller, good, refused, first_at, last_at}` for each address of the last 24 hours, the busiest first."""
    buckets = UsageBucket.objects.filter(token=token, hour__gte=first_hour())
    return list(
        buckets.values("caller")
        .annotate(
            good=Sum("count", filter=Q(outcome=GOOD), default=0),
            refused=Sum("count", filter=~Q(outcome=GOOD), default=0),
            first_at=Min("first_at"),
            last_at=Max("last_at"),
        )
        .order_by("-good", "-refused", "caller")[:50]
    )


def refusals_of(token: Token) -> list[tuple[str, int]]:
    """Return (why, how often) for the refusals of the last 24 hours, the most frequent first."""
    buckets = UsageBucket.objects.filter(token=token, hour__gte=first_hour()).exclude(outcome=GOOD)
    counts = buckets.values_list("outcome").annotate(total=Sum("count")).order_by("-total", "outcome")
    return [(_reason(token, outcome), total) for outcome, total in counts]


def _reason(token: Token, outcome: str) -> str:
    if outcome == "mode" and token.kind != Token.Kind.GATEWAY:
        return WRONG_WAY[token.mode]
    return REASONS.get(outcome, outcome)


def first_hour() -> datetime:
    """Return the start of the first of the 24 hours that are looked at."""
    return timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
