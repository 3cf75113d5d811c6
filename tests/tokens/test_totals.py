"""The sums that lists of merchants show are those of the buckets behind them, for everybody who may see them."""

import random
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db.models import Sum

from accounts.models import User
from accounts.permissions import Role
from tests.factories import give_role, make_administrator, make_token, make_user
from tests.tokens.conftest import House
from tests.tokens.sdk.conftest import Shop, shop  # noqa: F401  a fixture
from tokens import ledger
from tokens.evidence import traffic_below
from tokens.models import Token, UsageBucket, UsageTotal
from tokens.usage import Counter

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTCOMES = ("good", "good", "mode", "inactive")


def use(tokens: list[Token], *, hours: int = 30, flushes: int = 3) -> None:
    """Present `tokens` at random in each of the last `hours`, counted by two processes that write now and then."""
    rng = random.Random(7)
    counters = [Counter(), Counter()]
    for ago in range(hours, -1, -1):
        for _ in range(flushes):
            with time_machine.travel(NOON - timedelta(hours=ago, minutes=-1), tick=False):
                for token in rng.choices(tokens, k=8):
                    rng.choice(counters).count(
                        token.pk, caller=rng.choice(["::1", "::2"]), outcome=rng.choice(OUTCOMES)
                    )
                rng.choice(counters).flush()
    for counter in counters:
        counter.flush()


def told(user: User) -> dict[int, tuple[int, int]]:
    rows = traffic_below(user).values("entity").annotate(all_good=Sum("good"), all_refused=Sum("refused"))
    return {row["entity"]: (row["all_good"], row["all_refused"]) for row in rows}


def counted(user: User) -> dict[int, tuple[int, int]]:
    """Return the same from the buckets, one by one."""
    found: dict[int, tuple[int, int]] = {}
    first = NOON - timedelta(hours=23)
    for bucket in UsageBucket.objects.visible_to(user).filter(hour__gte=first).select_related("token"):
        good, refused = found.get(bucket.token.entity_id, (0, 0))
        added = (bucket.count, 0) if bucket.outcome == "good" else (0, bucket.count)
        found[bucket.token.entity_id] = (good + added[0], refused + added[1])
    return found


def test_the_sums_are_those_of_the_buckets_whoever_asks(shop: Shop):  # noqa: F811
    """S3-4, S2-17, S2-18: API and SDK tokens as the role sees them; who sees their own alone has their own counted."""
    other_api, _ = make_token(shop.rival)
    use([shop.api, *shop.sdk.values(), other_api])
    people = [
        make_user(Role.PLATFORM_ADMINISTRATOR),
        make_user(Role.SUPPORT),
        make_administrator(shop.partner),
        make_user(Role.VIEWER, on=shop.merchant),
        make_administrator(shop.rival),
        shop.operator,
        shop.seller,
        shop.colleague,
        make_user(),
    ]
    both = make_administrator(shop.rival)
    give_role(both, Role.SDK_USER, on=shop.merchant)
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        for user in [*people, both]:
            assert told(User.objects.get(pk=user.pk)) == counted(user), [str(each) for each in user.memberships.all()]
        assert len(counted(people[0])) == 3
        assert counted(shop.seller)
        assert not counted(shop.colleague)


def test_what_a_gateway_is_blamed_for_is_no_traffic_of_a_merchant(house: House):
    counter = Counter()
    counter.count(house.gateway.pk, caller="::1", outcome="unknown")
    counter.count(None, caller="", outcome="malformed")
    counter.flush()
    assert UsageBucket.objects.count() == 1
    assert not UsageTotal.objects.exists()


def test_a_flush_that_fails_adds_to_no_sum(house: House, monkeypatch):
    """Both or neither: what is written again must not count twice."""
    counter = Counter()
    counter.count(house.token.pk, caller="::1", outcome="good")
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "_figures", lambda _batch: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(RuntimeError):
            counter.flush()
    counter.flush()
    assert list(UsageTotal.objects.values_list("good", "refused")) == [(1, 0)]


def test_sums_can_be_made_anew_and_old_ones_go(house: House):
    use([house.token], hours=40)
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        before = told(make_administrator(house.merchant))
        ledger.prune()
        kept = UsageTotal.objects.order_by("hour")
        assert kept[0].hour == NOON - timedelta(hours=24)
        written = list(kept.values_list("entity", "kind", "hour", "good", "refused"))
        ledger.sum_up()
        again = list(UsageTotal.objects.order_by("hour").values_list("entity", "kind", "hour", "good", "refused"))
        assert again == written
        assert told(make_administrator(house.merchant)) == before
