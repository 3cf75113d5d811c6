"""The demo is the same invented platform at every start, but for its secrets."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, Entity, Membership
from portal.demo.plans import AURORA
from portal.demo.seed import seed
from tokens.models import SharedKey, Token

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def snapshot() -> list:
    """Return everything about the demo that does not depend on the moment it was made."""
    # A key that can be read again gets another value each time, and with it another key ID.
    events_but_keys = AuditEvent.objects.exclude(type="key.created").order_by("number")
    return [
        list(Entity.objects.order_by("tree_id", "lft").values_list("entity_id", "kind", "name", "status", "level")),
        sorted(
            Token.objects.filter(slot="").values_list(
                "key_id", "alias", "mode", "status", "scope", "last4", "entity__name"
            )
        ),
        list(events_but_keys.values_list("type", "target", "actor_label", "origin", "details")),
        sorted(SharedKey.objects.values_list("slot", "mode", "description", "entity__name")),
        list(Membership.objects.order_by("pk").values_list("user__email", "role", "entity__name")),
    ]


def test_the_demo_is_the_same_at_every_start(db):
    shots = []
    for moment in (NOW, NOW + timedelta(days=40, hours=11, minutes=50)):
        with transaction.atomic():
            seed(moment)
            # What differs on purpose: the two secrets are new each time, and with them the end of their masks.
            Token.objects.filter(last4__in=[text[-4:] for text in _kept(moment)]).update(last4="")
            shots.append(snapshot())
            transaction.set_rollback(True)
    assert shots[0] == shots[1]


def _kept(moment: datetime) -> list[str]:
    """Nothing is made twice: a second seed returns no secrets, so the masks are looked up by their plans."""
    assert seed(moment) == {}
    with_secret = Token.objects.filter(key_id__in=[plan.key_id for plan in AURORA if plan.kept_as])
    gateway = Token.objects.filter(alias="Edge gateway Frankfurt")
    return [token.last4 for token in with_secret.union(gateway)]


def test_a_second_start_keeps_what_people_changed(db):
    seed(timezone.now())
    Entity.objects.filter(name="Cedar Cycles").update(name="Cedar & Sons")
    before = snapshot()
    assert seed(timezone.now()) == {}
    assert snapshot() == before


def test_the_secrets_are_new_at_every_start(db):
    found: set[str] = set()
    for _start in range(2):
        with transaction.atomic():
            found |= set(seed(NOW).values())
            transaction.set_rollback(True)
    assert len(found) == 4
