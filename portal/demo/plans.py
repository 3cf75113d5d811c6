"""Which tokens the merchants of the demo have, and what each has been through: data alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from tokens.permissions import PRESETS

SANDBOX = frozenset(
    {
        "customer.view",
        "customer.edit",
        "payment_route.view",
        "payment_transaction.view",
        "payment_transaction.edit",
        "payment_request.view",
        "payment_request.edit",
    }
)
"""A custom choice of seven permissions, no preset."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A token of the demo. Times are days before the seed; counts are those of the last 24 hours."""

    alias: str
    born: float
    permissions: frozenset[str] = PRESETS["full_access"]
    mode: str = "live"
    status: str = "active"
    changed: float = 0
    """When it was brought into its status, unless that is active."""
    expires: float | None = None
    """When it expires; a negative number lies ahead."""
    last_used: float | None = None
    """When it was last good, where the counts do not tell."""
    good: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    rhythm: str = "day"
    callers: tuple[str, ...] = ("192.0.2.10",)
    history: int = 2
    """Days of usage."""
    author: str = ""
    key_id: str = ""
    kept_as: str = ""
    """The file under `var/` that holds its secret; without one, nobody has it."""
    formerly: str = ""
    """Its first alias, which it gave up to the one that replaces it: it was rotated."""
    replaces: str = ""


AURORA = (
    Plan(
        "Checkout backend (old)",
        born=240.21,
        expires=-21 / 24,
        good=214,
        rhythm="falling",
        callers=("192.0.2.9",),
        history=1,
        author="merchant",
        key_id="Zp08" + "Wd5tKx2LqHs7",
        formerly="Checkout backend",
    ),
    Plan(
        "Checkout backend",
        born=2.13,
        good=12_408,
        refused={"mode": 19, "entity": 12},
        callers=("192.0.2.10", "192.0.2.11", "192.0.2.12", "2001:db8:17::5"),
        history=8,
        author="developer",
        key_id="7fK2" + "mVb9RzQy4TnE",
        kept_as="demo-token",
        replaces="Checkout backend (old)",
    ),
    Plan(
        "Nightly settlement export",
        born=198.33,
        expires=-9,
        permissions=PRESETS["read_only"],
        good=24,
        rhythm="night",
        callers=("203.0.113.40",),
        history=8,
        author="developer",
        key_id="b41M" + "cG6wPj8SdXu3",
    ),
    Plan(
        "Sandbox tests",
        born=120.08,
        permissions=SANDBOX,
        mode="test",
        status="inactive",
        changed=11.37,
        last_used=12.02,
        author="developer",
        key_id="Q9sd" + "HfA1oYv6CkBe",
    ),
    Plan(
        "Agency integration",
        born=190.17,
        permissions=PRESETS["write"],
        status="revoked",
        changed=91.84,
        last_used=92.61,
        author="merchant",
        key_id="Hh3u" + "JrT7iNz0MpWa",
    ),
    Plan(
        "Summer festival till",
        born=150.29,
        permissions=PRESETS["write"],
        expires=6,
        last_used=6.1,
        refused={"expired": 42},
        callers=("203.0.113.77",),
        history=6,
        author="merchant",
        key_id="Xc5e" + "LgD2qUs9VbKo",
    ),
    Plan(
        "Old web shop plugin",
        born=236.12,
        permissions=PRESETS["full_access"],
        status="removed",
        changed=99.71,
        last_used=104.4,
        author="merchant",
        key_id="Fw8n" + "EyP4aRm1ZtIj",
    ),
)
"""The tokens of Aurora Coffee, as the pictures show them."""

BOREALIS = (
    Plan(
        "Web shop",
        born=210.4,
        good=3_870,
        refused={"permission": 14},
        callers=("203.0.113.5", "203.0.113.6"),
        history=8,
    ),
    Plan("Warehouse sync", born=160.23, permissions=PRESETS["read_only"], good=288, rhythm="even", history=8),
    Plan("Gift card trial", born=60.31, permissions=SANDBOX, mode="test", good=12, callers=("203.0.113.9",)),
    Plan("Reading app", born=140.17, permissions=PRESETS["write"], status="inactive", changed=20.09, last_used=21.44),
)
"""The tokens of Borealis Books, which the rival administers."""

CITIES = """
Amsterdam Athens Barcelona Bergen Berlin Bilbao Bologna Bordeaux Bruges Budapest Copenhagen Dublin Edinburgh
Florence Geneva Ghent Gothenburg Hamburg Helsinki Innsbruck Istanbul Krakow Lisbon Ljubljana London Lyon Madrid
Malta Marseille Milan Munich Naples Nice Oslo Palermo Paris Porto Prague Riga Rome Rotterdam Salzburg Seville
Split Stockholm Strasbourg Tallinn Turin Utrecht Valencia Venice Verona Vienna Vilnius Warsaw York Zagreb Zurich
"""

IDEAS = (
    Plan("Checkout backend", born=0, good=2_400, refused={"entity": 5}),
    Plan("Point of sale bridge", born=0, permissions=PRESETS["write"], good=900, refused={"permission": 7}),
    Plan("Accounting export", born=0, permissions=PRESETS["read_only"], good=24, rhythm="night"),
    Plan("Stock and price sync", born=0, permissions=PRESETS["read_only"], good=288, rhythm="even"),
    Plan("Sandbox tests", born=0, permissions=SANDBOX, mode="test", good=40),
    Plan("Refund desk", born=0, permissions=PRESETS["write"], good=60),
    Plan("Loyalty programme", born=0, permissions=SANDBOX, good=350, refused={"mode": 3}),
    Plan("Mobile app backend", born=0, good=1_500, refused={"mode": 2, "permission": 4}),
)
"""What other merchants' tokens are for."""

FATES = ("active",) * 14 + ("inactive",) * 4 + ("revoked",) * 2 + ("removed",) + ("expired",)

WITHOUT_TOKENS = frozenset({"Willow & Wren", "Zephyr Bike Couriers"})


def plans_for(merchant: str, rng: Random) -> Iterator[Plan]:
    """Yield the plans of a merchant's tokens, the oldest ones of a replacement first."""
    if merchant in WITHOUT_TOKENS:
        return
    if merchant == "Aurora Coffee":
        yield from AURORA
    elif merchant == "Borealis Books":
        yield from BOREALIS
    elif merchant == "Kestrel Travel":
        idea = Plan("", born=0, good=180)
        yield from (fated(idea, f"Booking engine {city}", rng) for city in CITIES.split())
    else:
        for idea in rng.sample(IDEAS, rng.randint(1, 4)):
            yield fated(idea, idea.alias, rng)


def fated(idea: Plan, alias: str, rng: Random) -> Plan:
    """Return `idea` as a token with a life of its own: an age, a status, figures and callers."""
    fate, age = rng.choice(FATES), rng.uniform(30, 200)
    since = rng.uniform(1, 25)
    scale, network = rng.uniform(0.2, 1.8), rng.choice(("192.0.2", "198.51.100", "203.0.113"))
    lives = fate == "active"
    refused = {reason: round(count * scale) for reason, count in idea.refused.items()}
    return Plan(
        alias,
        born=age,
        permissions=idea.permissions,
        mode=idea.mode,
        status="active" if fate == "expired" else fate,
        changed=since,
        expires=since if fate == "expired" else None,
        last_used=None if lives else since + 0.1,
        good=round(idea.good * scale) if lives else 0,
        refused=refused if lives else {},
        rhythm=idea.rhythm,
        callers=tuple(f"{network}.{host}" for host in rng.sample(range(1, 255), rng.randint(1, 3))),
    )


def stopped(plan: Plan) -> Plan:
    """Return `plan` as it goes on under a suspended entity: its callers keep trying and are refused."""
    if not plan.good:
        return plan
    return replace(plan, good=0, refused={"suspended": plan.good // 3}, last_used=9.1)


GATEWAYS = (
    Plan(
        "Edge gateway Frankfurt",
        born=390.3,
        refused={"unknown": 37, "digest": 3},
        callers=("198.51.100.200", "2001:db8:66::9"),
        history=8,
        key_id="gWf1" + "NkO3uXa7DqCv",
        kept_as="demo-gateway",
    ),
    Plan("Edge gateway Dublin", born=300.27, refused={"unknown": 8}, callers=("203.0.113.200",)),
    Plan("Edge gateway test lab", born=250.19, mode="test", status="inactive", changed=30.12),
)
"""The platform's own gateways. The credential of the first is kept, so that a visitor can ask a question."""
