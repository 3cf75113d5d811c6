"""The integration keys of the demo: slots filled as merchants fill them, one of them in the middle of a double run."""

from dataclasses import dataclass

from accounts.models import AuditEvent, Entity
from portal.demo.credentials import halted_entities
from portal.demo.entities import keeper
from portal.demo.usage import HOUR, JUST_NOW, RHYTHMS, spread
from portal.demo.world import World
from tokens.evidence import HOURS
from tokens.keys import lifecycle
from tokens.keys.board import SIGNED, VERIFIED
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey, SignatureBucket, UsageBucket
from tokens.verification import GOOD

GATEWAY = "198.51.100.77"


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A filled slot of the demo; counts are those of the last 24 hours."""

    slot: str
    born: float
    mode: str = "live"
    good: int = 0
    """Requests with a REST API key, verified signatures of an HMAC key."""
    signed: int = 0
    note: str = ""
    rhythm: str = "day"
    last_used: float | None = None
    """Days before the seed, where the counts do not tell."""


AURORA = (
    KeyPlan("encryption", born=312.4, last_used=0.004, note="Payment page of the Web shop"),
    KeyPlan("hmac_primary", born=312.4, good=1_846, signed=2_904, rhythm="falling"),
    KeyPlan("rest_primary", born=203.2, good=1_120, note="Order backend, Frankfurt", rhythm="falling"),
    KeyPlan("hmac_secondary", born=2.6, good=1_058, signed=2_904, note="For the new order backend", rhythm="rising"),
    KeyPlan("rest_secondary", born=2.6, good=2_310, note="Order backend, Dublin", rhythm="rising"),
    KeyPlan("hmac_primary", born=311.9, mode="test", good=46, signed=61),
    KeyPlan("rest_primary", born=311.9, mode="test", good=187, note="Sandbox"),
)
OTHERS = (KeyPlan("hmac_primary", born=150.3, good=212, signed=340), KeyPlan("rest_primary", born=150.3, good=640))


def fill(world: World) -> None:
    """Fill the slots of Aurora Coffee and of every fourth other merchant, with their use."""
    halted = halted_entities()
    merchants = [each for each in world.entities.values() if each.is_merchant and each.pk not in halted]
    for number, merchant in enumerate(merchants):
        plans = AURORA if merchant.name == "Aurora Coffee" else OTHERS if number % 4 == 0 else ()
        for plan in plans:
            _fill(world, plan, merchant)


def _fill(world: World, plan: KeyPlan, merchant: Entity) -> None:
    by = keeper(world, merchant)
    key, _secret = lifecycle.fill(merchant, SLOTS[plan.slot], mode=plan.mode, by=by, note=plan.note)
    busy = world.now - JUST_NOW if plan.good else None
    key.created_at = world.ago(plan.born)
    key.last_used_at = world.ago(plan.last_used) if plan.last_used is not None else busy
    key.save(update_fields=["created_at", "last_used_at"])
    world.history.note(
        key.created_at,
        AuditEvent.Type.KEY_CREATED,
        by=by,
        entity=merchant,
        target=key.key_id,
        slot=plan.slot,
        mode=plan.mode,
    )
    this_hour = world.now.replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - HOUR * age for age in range(HOURS)]
    weights = [RHYTHMS[plan.rhythm](hour.hour, age) for age, hour in enumerate(hours)]
    for hour, good, signed in zip(hours, spread(plan.good, weights), spread(plan.signed, weights), strict=True):
        times = {"hour": hour, "first_at": hour, "last_at": max(hour, min(hour + HOUR, world.now) - JUST_NOW)}
        if isinstance(key, SharedKey):
            SignatureBucket.objects.bulk_create(
                SignatureBucket(key=key, caller=GATEWAY, outcome=outcome, count=count, **times)
                for outcome, count in ((VERIFIED, good), (SIGNED, signed))
                if count
            )
        elif good:
            UsageBucket(token=key, caller=GATEWAY, outcome=GOOD, count=good, **times).save(force_insert=True)
