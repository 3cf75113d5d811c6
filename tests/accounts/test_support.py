"""Support says why before it opens what belongs to a merchant, and the merchant reads it.

PCI DSS 4.0: 7.2.1, 7.2.2, 7.2.6, 10.2.1.1, 10.2.1.2; OWASP ASVS 5.0: 8.2.1, 8.4.2; TRAPS: support reads metadata only.
"""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit, support
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import ROLE_CAPABILITIES, Capability, Role
from tests.factories import give_role, make_administrator, make_entity, make_merchant, make_token, make_user
from tests.reading import HTMX, client_of, main_of, read
from tokens.models import Token

ASKED = "Why do you open this?"
REASON = {"support-asked_on": "POST", "support-reason": "Ticket 4711: refused since noon"}


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def sven(db) -> User:
    return make_user(Role.SUPPORT)


@pytest.fixture
def client(sven, merchant) -> Client:
    """Return the browser of support that has given no reason yet."""
    client = Client()
    client.force_login(sven)
    return client


def give_reason(client: Client, url: str, reason: str = REASON["support-reason"]):
    return client.post(url, {"support-asked_on": "GET", "support-reason": reason})


def is_asked(response) -> bool:
    return ASKED in read(response).text


def test_the_desk_asks_for_its_lists_and_for_each_merchant(client, merchant):
    token, _ = make_token(merchant, alias="Checkout backend")
    listed, opened = reverse("admin:tokens_token_changelist"), reverse("admin:tokens_token_change", args=[token.pk])
    for name in ("tokens_token", "accounts_entity", "accounts_user", "accounts_membership", "accounts_auditevent"):
        assert is_asked(client.get(reverse(f"admin:{name}_changelist")))
    give_reason(client, listed)
    assert "Checkout backend" in client.get(listed).content.decode()
    assert is_asked(client.get(opened))
    give_reason(client, opened)
    assert "Checkout backend" in client.get(opened).content.decode()
    # The list that showed its token, and the token itself.
    assert AuditEvent.objects.filter(type="support.opened", entity=merchant).count() == 2
    assert AuditEvent.objects.filter(type="support.opened", entity=None).count() == 1


def test_a_reason_opens_that_merchant_and_no_other(client, merchant):
    other = make_merchant("Borealis Books", under=merchant.parent)
    stores = make_entity("channel", "Stores", under=merchant)
    token, _ = make_token(merchant)
    assert give_reason(client, merchant.get_absolute_url()).headers["Location"] == merchant.get_absolute_url()
    for thing in (merchant, stores, token):
        assert not is_asked(client.get(thing.get_absolute_url()))
    for place in (other, merchant.parent):
        assert is_asked(client.get(place.get_absolute_url()))


def test_a_reason_for_what_is_above_opens_no_merchant(client, merchant):
    give_reason(client, merchant.parent.get_absolute_url())
    assert not is_asked(client.get(merchant.parent.get_absolute_url()))
    assert is_asked(client.get(merchant.get_absolute_url()))


def test_it_holds_for_an_hour_and_in_that_session(client, merchant, sven, time_machine):
    url, began = merchant.get_absolute_url(), timezone.now()
    time_machine.move_to(began, tick=False)
    give_reason(client, url)
    another = Client()
    another.force_login(sven)
    assert is_asked(another.get(url))
    for minutes in (14, 28, 42, 56):
        time_machine.move_to(began + timedelta(minutes=minutes), tick=False)
        assert not is_asked(client.get(url))
    time_machine.move_to(began + timedelta(minutes=60), tick=False)
    assert is_asked(client.get(url))


def test_the_merchant_reads_who_was_there_and_why(client, merchant, sven):
    """PCI DSS 10.2.1.1: every access, with its reason."""
    give_reason(client, merchant.get_absolute_url())
    page = main_of(client_of(make_administrator(merchant)).get(reverse("accounts:activity", args=[merchant.entity_id])))
    assert "Opened by support" in page.text
    assert "Ticket 4711: refused since noon" in page.text
    assert sven.email in page.text


@pytest.mark.parametrize("reason", ["", " ", "x", "because", "\u202e" * 20, "a\0bcdefgh", "y" * 201])
def test_a_reason_is_a_few_words(client, merchant, reason):
    answer = give_reason(client, merchant.get_absolute_url(), reason)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert read(answer).all(aria_invalid="true")
    assert is_asked(client.get(merchant.get_absolute_url()))
    assert not AuditEvent.objects.filter(type="support.opened").exists()


def test_what_was_wanted_is_done_once_the_reason_is_given(client, merchant):
    """S2-22: a compromised token is stopped in one go."""
    token, _ = make_token(merchant)
    url = reverse("tokens:deactivate", args=[token.key_id])
    client.post(url, {"confirmation": token.alias} | REASON)
    assert Token.objects.get().status == "inactive"
    types = list(AuditEvent.objects.values_list("type", flat=True)[:2])
    assert types == ["token.deactivated", "support.opened"]


def test_in_the_dialog_it_asks_in_the_dialog(client, merchant):
    token, _ = make_token(merchant)
    url = reverse("tokens:deactivate", args=[token.key_id])
    question = client.get(url, **HTMX)
    assert is_asked(question)
    assert b"<html" not in question.content
    answer = client.post(url, {"support-asked_on": "GET", "support-reason": "Ticket 4711"}, **HTMX)
    assert url in answer.headers["HX-Location"]


def test_nobody_else_is_asked(merchant):
    people = [make_user(Role.PLATFORM_ADMINISTRATOR), make_administrator(merchant), make_user(Role.VIEWER, on=merchant)]
    both = make_user(Role.SUPPORT)
    give_role(both, Role.PLATFORM_ADMINISTRATOR)
    for person in (*people, both):
        client = Client()
        client.force_login(person)
        assert not is_asked(client.get(merchant.get_absolute_url()))


def test_an_answer_of_somebody_else_is_left_to_the_view(merchant):
    """The fields mean nothing where nobody is asked."""
    client = client_of(make_administrator(merchant))
    client.post(reverse("accounts:edit", args=[merchant.entity_id]), {"name": "Renamed"} | REASON)
    assert Entity.objects.get(pk=merchant.pk).name == "Renamed"
    assert not AuditEvent.objects.filter(type="support.opened").exists()


def test_what_is_missing_stays_missing(client):
    for url in (reverse("portal:entity", args=["mer_0000000000000000"]), reverse("tokens:detail", args=["0" * 16])):
        assert client.get(url).status_code == HTTPStatus.NOT_FOUND
        assert client.post(url, REASON).status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


def test_the_activity_of_all_shows_merchants_with_a_reason_and_the_platforms_own(client, merchant):
    """PCI DSS 7.2.6, 10.2.1.1: on the page, in the export and on the dashboard; what is below the merchant as well."""
    till = make_entity("terminal", "Till 1", under=make_entity("channel", "Stores", under=merchant))
    for owner, alias in (
        (make_merchant("Borealis Books", under=merchant.parent), "Borealis token"),
        (merchant, "Ours"),
    ):
        make_token(owner, alias=alias)
    with transaction.atomic():
        for entity in Entity.objects.all():
            audit.record(AuditEvent.Type.LOG_EXPORTED, by=audit.Operator("a test"), entity=entity, target=entity.name)
        audit.record(AuditEvent.Type.LOG_EXPORTED, by=audit.Operator("a test"), target="the platform")
    pages = [reverse(f"portal:{name}") for name in ("activity", "dashboard", "activity_export")]

    def shown() -> list[str]:
        return [b"".join(client.get(page)).decode().partition("<main")[2] or "" for page in pages[:2]] + [
            b"".join(client.get(pages[2])).decode()
        ]

    for text in shown():
        assert "Aurora" not in text
        assert "Till 1" not in text
        assert "the platform" in text
    give_reason(client, merchant.get_absolute_url())
    for text in shown():
        assert "Aurora Coffee" in text
        assert till.name in text
        assert "the platform" in text
        assert "Borealis" not in text
    everything = client_of(make_user(Role.PLATFORM_ADMINISTRATOR)).get(pages[0]).content.decode()
    assert "Borealis Books" in everything


def test_the_export_of_all_merchants_asks_as_the_desk_does(client, merchant):
    """PCI DSS 7.2.6, 10.2.1.1."""
    url = reverse("portal:merchants_export")
    assert is_asked(client.get(url))
    assert give_reason(client, url).headers["Location"] == url
    assert "Aurora Coffee" in b"".join(client.get(url)).decode()
    event = AuditEvent.objects.get(type="support.opened")
    assert (event.entity, event.details) == (None, {"reason": REASON["support-reason"]})
    assert is_asked(client.get(merchant.get_absolute_url()))


def test_the_page_of_a_person_asks_and_the_event_names_them(client, merchant):
    """PCI DSS 10.2.1.1: one person, and no other."""
    person, other = make_administrator(merchant), make_user()
    url = reverse("portal:person", args=[person.person_id])
    question = client.get(url)
    assert is_asked(question)
    assert "Aurora Coffee" not in question.content.decode()
    give_reason(client, url)
    assert "Aurora Coffee" in client.get(url).content.decode()
    assert AuditEvent.objects.get(type="support.opened").target == person.person_id
    assert is_asked(client.get(reverse("portal:person", args=[other.person_id])))


def test_each_merchant_reads_the_reason_of_the_desk_that_showed_its_tokens(client, merchant):
    """PCI DSS 10.2.1.1: once an hour, and it opens nothing else of the merchant."""
    other = make_merchant("Borealis Books", under=merchant.parent)
    for owner in (merchant, merchant, other):
        make_token(owner)
    listed = reverse("admin:tokens_token_changelist")
    give_reason(client, listed)
    for _ in range(3):
        client.get(listed)
    told = AuditEvent.objects.filter(type="support.opened").exclude(entity=None)
    assert sorted(told.values_list("entity__name", flat=True)) == ["Aurora Coffee", "Borealis Books"]
    page = main_of(client_of(make_administrator(merchant)).get(reverse("accounts:activity", args=[merchant.entity_id])))
    assert "Ticket 4711: refused since noon" in page.text
    assert is_asked(client.get(merchant.get_absolute_url()))
    give_reason(client, merchant.get_absolute_url(), "Ticket 4712: another matter")
    give_reason(client, listed, "Ticket 4713: a third one")
    client.get(listed)
    assert told.filter(entity=merchant).count() == 2
    assert told.filter(entity=other, details__reason="Ticket 4713: a third one").count() == 1


def test_support_finds_a_merchant_by_search_and_in_the_tree_without_a_reason(client, merchant):
    assert "Aurora Coffee" in client.get(reverse("accounts:search"), {"q": "aurora"}).content.decode()
    branch = reverse("accounts:branch", args=[merchant.parent.entity_id])
    assert "Aurora Coffee" in client.get(branch).content.decode()


def test_support_may_neither_make_nor_see_a_secret():
    """PCI DSS 7.2.2, C1, S4-6: in the table of roles, and so in every row of the access matrix."""
    makes = {each for each in Capability if each.value.endswith((".create", ".rotate", ".reveal", ".manage", ".add"))}
    makes |= {each for each in Capability if each.value in {"key.edit", "token.edit", "token.reactivate"}}
    assert len(makes) >= 8
    assert not makes & ROLE_CAPABILITIES[Role.SUPPORT]
    assert support.LASTS == 3600
