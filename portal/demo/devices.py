"""The SDK tokens of the demo: the tills of Aurora Coffee in every state, a pilot, and one person's phones."""

from collections.abc import Iterator

from accounts.models import Entity, User
from portal.demo.plans import Plan
from portal.demo.world import World
from tokens.permissions import SDK_SCOPE

PUBLIC_WIFI, STORE_LINE = "203.0.113.61", "192.0.2.61"


def _device(alias: str, born: float, **more) -> Plan:
    return Plan(alias, born=born, permissions=SDK_SCOPE, author="merchant", **more)


FLEET: dict[str, tuple[Plan, ...]] = {
    "Old Harbour till 1": (
        _device(
            "Old Harbour till 1 (old)", 141.2, expires=-5, good=38, rhythm="falling", formerly="Old Harbour till 1"
        ),
        _device("Old Harbour till 1", 2.13, good=186, replaces="Old Harbour till 1 (old)", callers=(STORE_LINE,)),
    ),
    "Old Harbour till 2": (_device("Old Harbour till 2", 141.1, good=143, history=4, callers=(STORE_LINE,)),),
    "Station kiosk": (_device("Station kiosk", 118.4, good=97, refused={"entity": 3}, callers=(PUBLIC_WIFI,)),),
    "Market stall": (
        _device(
            "Market stall", 96.7, status="inactive", changed=1.38, last_used=1.41, refused={"inactive": 11}, history=1
        ),
    ),
    "Roastery shop": (_device("Roastery shop", 0.42),),
    "Airport kiosk": (_device("Airport kiosk", 99.2, expires=9.2, last_used=9.3, refused={"expired": 4}, history=2),),
    "Festival van": (_device("Festival van", 88.1, status="revoked", changed=31.2, last_used=31.9),),
    # Food truck: a terminal that has never had a token.
}
"""Terminal -> its tokens. Those before the last one are what became of earlier devices."""

OF_MERCHANT = (
    _device("SoftPOS pilot", 44.6, mode="test", good=28, callers=("198.51.100.61",)),
    _device("Spare device, any till", 75.3, expires=-12, last_used=20.4),
    _device("Trade fair tablets", 130.5, status="removed", changed=60.1, last_used=61.5),
)
OF_SELLER = (
    _device("Noor van Dijk, lost phone", 112.9, status="inactive", changed=40.2, last_used=40.6),
    _device("Noor van Dijk", 40.1, good=31, rhythm="even", callers=("2001:db8:61::7",)),
)


def devices_of(world: World) -> Iterator[tuple[Entity, User | None, Plan]]:
    """Yield where each SDK token stands, the person it is bound to, if it is, and its plan."""
    for name, plans in FLEET.items():
        for plan in plans:
            yield world.entities[name], None, plan
    merchant = world.entities["Aurora Coffee"]
    for plan in OF_MERCHANT:
        yield merchant, None, plan
    for plan in OF_SELLER:
        yield merchant, world.people["sdk"], plan
