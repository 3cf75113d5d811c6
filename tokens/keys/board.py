"""What the page of a merchant's integration keys shows: its slots with their use, and how far a double run has come."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Entity
from tokens.evidence import HOURS, Evidence, evidence_of, first_hour
from tokens.keys import lifecycle
from tokens.keys.lifecycle import Key
from tokens.keys.slots import PAIRS, SETS, SLOTS, KeySet, Slot
from tokens.models import SharedKey, SignatureBucket, Token

VERBS = ("create", "reveal", "renew", "revoke")
SIGNED, VERIFIED = "signed", "verified"
"""Outcomes in a signature bucket. While a double run lasts each message is signed with both keys: that says nothing of
who still uses which. What is verified does."""


@dataclass(slots=True)
class Place:
    """One slot as its page shows it."""

    slot: Slot
    mode: str
    key: Key | None
    evidence: Evidence = field(default_factory=Evidence)
    """Its use in the last 24 hours: requests of a REST API key, verified signatures of an HMAC key."""
    signed: int = 0
    verbs: tuple[str, ...] = ()

    @property
    def is_working(self) -> bool:
        return self.key is not None and self.key.status == Token.Status.ACTIVE


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary slot and its secondary one."""

    primary: Place
    secondary: Place

    @property
    def step(self) -> str:
        """How far this pair is: the name of one of STEPS."""
        first, second = self.primary, self.secondary
        if second.key is None:
            return "create"
        if first.key and second.key.created_at < first.key.created_at:  # they have changed places: this is the old key
            return "wait_old" if second.evidence.requests else "revoke"
        if not second.evidence.requests:
            return "switch"
        return "wait" if first.evidence.requests else "promote"


@dataclass(frozen=True, slots=True)
class Step:
    """Where a double run stands, in words."""

    label: Promise
    text: Promise
    tone: str


STEPS = {
    "create": Step(
        _("Not running"),
        _("Create a secondary key to switch your systems to another key without interruption."),
        "info",
    ),
    "switch": Step(
        _("Switch your systems"),
        _("Both keys work. Give your systems the secondary key; the primary one goes on working meanwhile."),
        "info",
    ),
    "wait": Step(
        _("The primary key is still in use"),
        _("Some systems have the secondary key, others still the primary one. Wait until the primary one is quiet."),
        "warn",
    ),
    "promote": Step(
        _("The primary key is quiet"),
        _("It has not been used for 24 hours, the secondary one has. Promote the secondary key to primary."),
        "ok",
    ),
    "wait_old": Step(
        _("The old key is still in use"),
        _("The keys have changed places, but some system still uses the old one, which is the secondary key now."),
        "warn",
    ),
    "revoke": Step(
        _("The old key is quiet"),
        _("The keys have changed places, and nobody has used the old one for 24 hours. Revoke it."),
        "ok",
    ),
}


@dataclass(slots=True)
class Board:
    """All five slots of a merchant in one mode."""

    places: dict[str, Place]
    evidence: dict[int, Evidence] = field(default_factory=dict)
    """The use of its REST API keys, and of the tokens that are shown beside it."""

    @property
    def sets(self) -> list[tuple[KeySet, list[Place]]]:
        """Each set with its places; the shared HMAC key stands in two of them (S4-8 ... S4-10)."""
        return [(each, [self.places[name] for name in each.slots]) for each in SETS]

    @property
    def pairs(self) -> list[Pair]:
        """Both pairs that may run in parallel, the REST API keys first."""
        return [Pair(self.places[first], self.places[second]) for first, second in reversed(PAIRS.items())]

    @property
    def steps(self) -> list[tuple[Pair, Step]]:
        return [(pair, STEPS[pair.step]) for pair in self.pairs]

    @property
    def can_promote(self) -> bool:
        return any(place.key for name, place in self.places.items() if name in PAIRS.values())


def board_of(
    merchant: Entity, mode: str, *, held: frozenset[str], stopped: bool, beside: Iterable[Token] = ()
) -> Board:
    """Return the slots of `merchant` in `mode` as somebody sees them who holds `held` there. Four queries.

    `beside` are tokens on the same page, whose use is read with that of the keys.
    """
    keys = lifecycle.keys_of(merchant, mode)
    requests = evidence_of([*(key for key in keys.values() if isinstance(key, Token)), *beside])
    signatures = signatures_of(key for key in keys.values() if isinstance(key, SharedKey))
    places = {}
    for name, slot in SLOTS.items():
        key = keys.get(name)
        place = places[name] = Place(slot, mode, key)
        if isinstance(key, SharedKey):
            place.evidence, place.signed = signatures[key.pk]
        elif key is not None:
            place.evidence = requests[key.pk]
        place.verbs = tuple(verb for verb in VERBS if lifecycle.can(verb, slot, key, held=held, stopped=stopped))
    return Board(places, requests)


def place_of(merchant: Entity, slot: Slot, mode: str) -> Place:
    """Return one slot with its use, as a verb's page asks about it."""
    key = lifecycle.keys_of(merchant, mode).get(slot.name)
    place = Place(slot, mode, key)
    if isinstance(key, SharedKey):
        place.evidence, place.signed = signatures_of([key])[key.pk]
    elif key is not None:
        place.evidence = evidence_of([key], callers=True)[key.pk]
    return place


def signatures_of(keys: Iterable[SharedKey]) -> dict[int, tuple[Evidence, int]]:
    """Return (what each key verified in the last 24 hours, how often it signed), by primary key, in one query."""
    found: dict[int, tuple[Evidence, int]] = {key.pk: (Evidence(), 0) for key in keys}
    start = first_hour()
    buckets = SignatureBucket.objects.filter(key__in=found, hour__gte=start)
    for row in buckets.values("key", "hour", "outcome").annotate(total=Sum("count")):
        evidence, signed = found[row["key"]]
        if row["outcome"] == VERIFIED:
            evidence.good += row["total"]
            evidence.hourly[min(int((row["hour"] - start).total_seconds() // 3600), HOURS - 1)] += row["total"]
        else:
            found[row["key"]] = (evidence, signed + row["total"])
    return found
