"""How far a double run is: what the board says, and the way from one key to the next."""

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import SETUP
from tests.reading import client_of, main_of, read
from tests.tokens.keys.conftest import House
from tests.tokens.keys.test_pages import developers, page_of, use
from tokens.keys import lifecycle
from tokens.keys.board import STEPS, board_of
from tokens.models import SharedKey, SignatureBucket


def verify(key: SharedKey, count: int) -> None:
    """Count `count` verified signatures in the hour that runs."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    times = {"hour": hour, "first_at": hour, "last_at": hour}
    SignatureBucket(key=key, caller="gw", outcome="verified", count=count, **times).save(force_insert=True)


@pytest.mark.parametrize(
    ("primary", "secondary", "step"), [(0, 0, "switch"), (2, 0, "switch"), (2, 3, "wait"), (0, 3, "promote")]
)
def test_the_board_says_how_far_a_double_run_is(house: House, primary, secondary, step):
    """S4-5, S4-19: who still uses the primary key, and when it is quiet."""
    verify(house.key("hmac_primary"), primary) if primary else None
    verify(house.key("hmac_secondary"), secondary) if secondary else None
    use(house.key("rest_primary"), primary)
    use(house.key("rest_secondary"), secondary)
    board = board_of(house.merchant, "live", held=frozenset(), stopped=False)
    assert [pair.step for pair in board.pairs] == [step, step]
    main = main_of(client_of(house.developer).get(developers(house)))
    assert main.text.count(str(STEPS[step].label)) == 2


def test_a_double_run_from_its_beginning_to_its_end(house: House):
    """S4-5, S4-19, S4-22: create, switch, promote, revoke the old one; at each step the next one is said."""
    lifecycle.revoke(house.key("rest_secondary"), by=SETUP)
    old = house.key("rest_primary")

    def step() -> str:
        return board_of(house.merchant, "live", held=frozenset(), stopped=False).pairs[0].step

    assert step() == "create"
    client = client_of(house.developer)
    client.post(page_of(house, "create", "rest_secondary"))
    new = house.key("rest_secondary")
    assert step() == "switch"
    use(new, 2)
    assert step() == "promote"
    page = f"{reverse('tokens:key_promote', args=[house.merchant.entity_id])}?mode=live"
    shown = {"keys": lifecycle.written(lifecycle.keys_of(house.merchant, "live"))}
    answer = client.post(page, shown, follow=True)
    assert "The keys have changed places" in main_of(answer).text
    assert (house.key("rest_primary"), house.key("rest_secondary")) == (new, old)
    again = client.post(page, shown)
    assert (again.status_code, "meanwhile" in read(again).text) == (422, True)
    assert (house.key("rest_primary"), house.key("rest_secondary")) == (new, old)
    assert step() == "revoke"
    assert "Revoke the old one" in main_of(answer).text
    client.post(page_of(house, "revoke", "rest_secondary"), {"key_id": old.key_id})
    assert step() == "create"


def test_without_a_secondary_key_there_is_nothing_to_promote(house: House):
    """S4-22."""
    for name in ("hmac_secondary", "rest_secondary"):
        lifecycle.revoke(house.key(name), by=SETUP)
    page = reverse("tokens:key_promote", args=[house.merchant.entity_id])
    response = client_of(house.developer).get(page)
    assert (response.status_code, "no secondary key" in read(response).text) == (409, True)
    assert page not in " ".join(main_of(client_of(house.developer).get(developers(house))).links)
