"""The pages of integration keys as their readers get them, without a browser."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.permissions import Role
from tests.factories import SETUP, make_user
from tests.reading import client_of, let_the_proof_age, main_of, read
from tests.tokens.keys.conftest import House
from tokens import usage
from tokens.keys import lifecycle
from tokens.keys.slots import SETS, SLOTS, USE_CASES
from tokens.verification import GOOD

each_slot = pytest.mark.parametrize("name", SLOTS)


def page_of(house: House, verb: str, name: str, mode: str = "live") -> str:
    return f"{reverse(f'tokens:key_{verb}', args=[house.merchant.entity_id, name])}?mode={mode}"


def developers(house: House, mode: str = "live") -> str:
    return f"{reverse('tokens:developers', args=[house.merchant.entity_id])}?mode={mode}"


def use(token, count: int) -> None:
    for _request in range(count):
        usage.count(token.pk, caller="192.0.2.7", outcome=GOOD)
    usage.flush()


def test_the_tab_shows_five_slots_in_three_sets(house: House):
    """S4-1, S4-7 ... S4-10: the shared HMAC key stands in two of them, and is marked. S4-4: renew regularly."""
    main = main_of(client_of(house.developer).get(developers(house)))
    assert "Renew them regularly." in main.text
    headings = [heading.text for heading in main.all("h3")]
    assert headings[:3] == [str(each.label) for each in SETS]
    for set_, box in zip(SETS, main.all("div", class_="key-set"), strict=True):
        names = [name.text for name in box.all("p", class_="key-name")]
        assert names == [f"{SLOTS[name].label}{' shared' if SLOTS[name].is_shared else ''}" for name in set_.slots]
    for name in SLOTS:
        assert house.key(name).masked in main.text
        assert house.secrets[name] not in main.text
    assert f"by {house.developer}" not in main.text  # they were made by an operator


def test_live_and_test_have_sets_of_their_own(house: House):
    """C8: and an empty slot offers Create alone (S4-11)."""
    main = main_of(client_of(house.developer).get(developers(house, "test")))
    assert main.text.count("Empty") >= 5
    verbs = {link.rsplit("/", 2)[-2] for link in main.links if "/keys/" in link and "mode=test" in link}
    assert verbs == {"create", "signature"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT])
def test_whoever_may_not_edit_sees_no_verb(house: House, role):
    """S4-6: only somebody enabled to edit API credentials."""
    person = make_user(role, on=None if role == Role.SUPPORT else house.merchant)
    main = main_of(client_of(person).get(developers(house)))
    assert [link for link in main.links if "/keys/" in link and "/signature/" not in link] == []
    assert house.key("hmac_primary").masked in main.text
    assert "right to edit API credentials" in main.text


def test_a_channel_has_no_slots(house: House):
    """S4-7: they are the merchant's."""
    response = client_of(house.developer).get(reverse("tokens:developers", args=[house.channel.entity_id]))
    assert "Key management" not in main_of(response).text
    asked = client_of(house.developer).get(reverse("tokens:key_create", args=[house.channel.entity_id, "encryption"]))
    assert asked.status_code == 409
    assert "belong to merchants" in read(asked).text


@each_slot
def test_create_shows_the_key_in_the_answer_and_nowhere_else(house: House, name):
    """S4-11, S4-12, C1: with when to use it; the second time the slot is filled."""
    client, page = client_of(house.developer), page_of(house, "create", name, "test")
    asked = main_of(client.get(page)).text
    assert str(USE_CASES["create"]) in asked
    assert "active at once, in the Test environment" in asked
    response = client.post(page, {"note": "Shop"})
    secret = main_of(response).one("code").text
    key = lifecycle.keys_of(house.merchant, "test")[name]
    assert key.last4 in secret
    assert response["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    once = "only time you will see it" in main_of(response).text
    assert once == (not SLOTS[name].is_recoverable)
    again = client.post(page, {"note": "Shop"})
    assert again.status_code == 409
    assert secret not in again.content.decode()
    assert secret not in client.get(developers(house, "test")).content.decode()
    assert lifecycle.keys_of(house.merchant, "test")[name] == key


@each_slot
def test_renewal_says_what_stops(house: House, name):
    """S4-14, S4-15, S4-20, S4-21: both users of the shared key, and where there is no secondary."""
    asked = main_of(client_of(house.developer).get(page_of(house, "renew", name))).text
    assert str(SLOTS[name].stops) in asked
    assert str(USE_CASES["renew"]) in asked
    assert ("Two users share this key" in asked) == (name == "hmac_primary")
    assert ("hard cutover" in asked) == (name in {"encryption", "hmac_secondary", "rest_secondary"})
    assert ("Without interruption" in asked) == (name in {"hmac_primary", "rest_primary"})


def test_a_form_that_was_sent_twice_renews_once(house: House):
    """S4-13: the second time names a key that is gone."""
    client, page = client_of(house.developer), page_of(house, "renew", "encryption")
    sent = {"key_id": house.key("encryption").key_id}
    first = client.post(page, sent)
    assert first.status_code == 200
    key = house.key("encryption")
    second = client.post(page, sent)
    assert second.status_code == 422
    assert "Another key has taken this place meanwhile" in read(second).text
    assert house.key("encryption") == key
    assert AuditEvent.objects.filter(type="key.renewed").count() == 1


@pytest.mark.parametrize("verb", ["renew", "revoke"])
def test_a_key_in_use_wants_the_name_of_its_slot(house: House, verb):
    """S4-15, S4-16: with the wrong one nothing happens."""
    key = house.key("rest_primary")
    use(key, 3)
    client, page = client_of(house.developer), page_of(house, verb, "rest_primary")
    for typed, sentence in [("", "Type the name of the slot."), ("Primary HMAC key", "not the name of the slot")]:
        response = client.post(page, {"key_id": key.key_id, "slot": typed})
        assert (response.status_code, sentence in read(response).text) == (422, True)
    assert house.key("rest_primary") == key
    response = client.post(page, {"key_id": key.key_id, "slot": "primary rest api key"})
    assert response.status_code == (200 if verb == "renew" else 302)
    assert lifecycle.keys_of(house.merchant, "live").get("rest_primary") != key


def test_revoke_says_so_and_leaves_an_empty_slot(house: House):
    """S4-16 ... S4-18."""
    client, page = client_of(house.developer), page_of(house, "revoke", "hmac_secondary")
    assert str(USE_CASES["revoke"]) in main_of(client.get(page)).text
    answer = client.post(page, {"key_id": house.key("hmac_secondary").key_id}, follow=True)
    assert "is revoked and deleted for good. Its slot is empty." in main_of(answer).text
    create = page_of(house, "create", "hmac_secondary")
    assert create in main_of(answer).links


def test_reveal_asks_who_one_is_first(house: House):
    """C1: a POST alone shows nothing without a proof that is not older than five minutes."""
    page = page_of(house, "reveal", "hmac_primary")
    client = client_of(house.developer)
    let_the_proof_age(client)
    for method in (client.get, client.post):
        response = method(page)
        assert "Confirm that it is you" in main_of(response).text
        assert house.secrets["hmac_primary"] not in response.content.decode()
    assert AuditEvent.objects.filter(type="key.revealed").count() == 0


def test_a_reveal_shows_the_key_for_a_minute_and_is_noted(house: House):
    """S4-1, C1: in the answer to the POST alone, which leads away by itself."""
    page, client = page_of(house, "reveal", "hmac_primary"), client_of(house.developer)
    assert "one minute" in main_of(client.get(page)).text
    response = client.post(page)
    assert main_of(response).one("code").text == house.secrets["hmac_primary"]
    assert response["Refresh"] == f"60; url={developers(house).removesuffix('?mode=live')}"
    assert "no-store" in response["Cache-Control"]
    event = AuditEvent.objects.get(type="key.revealed")
    assert (event.actor, event.details) == (house.developer, {"slot": "hmac_primary", "mode": "live"})


@pytest.mark.parametrize("verb", ["create", "renew", "revoke"])
def test_live_keys_want_a_proof_and_test_keys_do_not(house: House, verb):
    """S4-6, C8: nothing has changed before it is given."""
    name = "rest_secondary" if verb == "create" else "encryption"
    if verb == "create":
        lifecycle.revoke(house.key(name), by=SETUP)
    else:
        lifecycle.create(house.merchant, SLOTS[name], mode="test", by=SETUP)
    client = client_of(house.developer)
    let_the_proof_age(client)
    before = lifecycle.keys_of(house.merchant, "live")
    assert "Confirm that it is you" in main_of(client.post(page_of(house, verb, name), {})).text
    assert lifecycle.keys_of(house.merchant, "live") == before
    assert "Confirm that it is you" not in main_of(client.get(page_of(house, verb, name, "test"))).text


def test_an_eleventh_reveal_within_an_hour_is_refused_with_a_sentence(house: House):
    """S4-1: ten are enough for work."""
    client, page = client_of(house.developer), page_of(house, "reveal", "encryption")
    for _time in range(10):
        assert client.post(page).status_code == 200
    response = client.post(page)
    assert response.status_code == 409
    assert "10 keys within an hour" in read(response).text
    assert house.secrets["encryption"] not in response.content.decode()


def test_a_rest_api_key_has_no_way_to_be_revealed(house: House):
    """C1."""
    assert client_of(house.developer).get(page_of(house, "reveal", "rest_primary")).status_code == 409


def test_a_rest_api_key_is_no_line_of_the_api_tokens(house: House):
    """S0-14, S4-7: it has its slot, and is neither listed nor rotated as a token."""
    main = main_of(client_of(house.developer).get(house.merchant.get_absolute_url()))
    assert house.key("rest_primary").key_id not in " ".join(main.links)
    rotate = reverse("tokens:rotate", args=[house.key("rest_primary").key_id])
    response = client_of(house.developer).get(rotate)
    assert (response.status_code, "double run" in read(response).text) == (409, True)


def test_the_bench_names_the_key_and_keeps_nothing(house: House):
    """S4-3: whatever is pasted is answered with a sentence, never a fault."""
    page = f"{reverse('tokens:key_signature', args=[house.merchant.entity_id])}?mode=live"
    client = client_of(house.developer)
    assert "Paste what your system received" in main_of(client.get(page)).text
    assert "Paste the signature." in read(client.post(page, {})).text
    odd = {"message_id": "\u202e", "timestamp": "9" * 20, "signature": "v1, é ,,, v1,AAAA", "payload": "x" * 99_999}
    response = client.post(page, odd)
    assert (response.status_code, "neither base64 nor hexadecimal" in read(response).text) == (200, True)
    before = AuditEvent.objects.count()
    client.post(page, {"signature": "v1," + "A" * 43 + "=", "payload": "{}", "message_id": "a", "timestamp": "1"})
    assert AuditEvent.objects.count() == before


HELD = {
    Role.ADMINISTRATOR: {"create", "renew", "revoke", "reveal"},
    Role.DEVELOPER: {"create", "renew", "revoke", "reveal"},
    Role.VIEWER: set(),
    Role.SUPPORT: set(),
    Role.PLATFORM_ADMINISTRATOR: {"create", "renew", "revoke", "reveal"},
}


@each_slot
@pytest.mark.parametrize("mode", ["live", "test"])
@pytest.mark.parametrize("role", HELD)
def test_each_verb_for_each_role_slot_and_mode(house: House, role, mode, name):
    """S4-2, S4-6: the merchant and the technical integrator may; others get 403, and what cannot be done now 409."""
    person = make_user(role, on=None if role in {Role.SUPPORT, Role.PLATFORM_ADMINISTRATOR} else house.merchant)
    client = client_of(person)
    filled = mode == "live"
    for verb in ("create", "renew", "revoke", "reveal"):
        possible = filled != (verb == "create") and (verb != "reveal" or SLOTS[name].is_recoverable)
        expected = 403 if verb not in HELD[role] else 200 if possible else 409
        assert client.get(page_of(house, verb, name, mode)).status_code == expected, verb


@pytest.mark.parametrize("start", ["whsec_", "kh_api_live_"])
def test_a_note_holds_no_key(house: House, start):
    """C1: whoever sees the slots reads the note; a key in it would be revealed to them."""
    secret = next(text for text in house.secrets.values() if text.startswith(start))
    answer = client_of(house.developer).post(page_of(house, "create", "encryption", "test"), {"note": secret})
    assert (answer.status_code, "This holds a key" in read(answer).text) == (422, True)
    assert lifecycle.keys_of(house.merchant, "test") == {}
