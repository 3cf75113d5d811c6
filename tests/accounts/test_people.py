"""What platform staff do with a person: look them up, switch their sign-in off and on."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from accounts import members, people
from accounts.models import AuditEvent, Entity, Session, User
from accounts.permissions import Role
from accounts.refusals import Refused
from accounts.signin.sessions import at_rest, sessions_of
from tests.commands import last_event
from tests.factories import PASSWORD, SETUP, give_role, make_administrator, make_entity, make_merchant, make_user
from tests.reading import client_of, main_of


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def platform(db) -> User:
    return make_user(Role.PLATFORM_ADMINISTRATOR)


def disable(person: User) -> str:
    return reverse("disable_person", args=[person.person_id])


def enable(person: User) -> str:
    return reverse("enable_person", args=[person.person_id])


def signed_in(user: User) -> Client:
    """Return a browser after the sign-in page itself."""
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return client


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.PLATFORM_ADMINISTRATOR])
def test_who_is_switched_off_is_out_at_the_next_request_in_every_browser(merchant, role):
    """S2-19: support may do that too, as it may stop a token; nobody else is signed out."""
    developer, other = make_user(Role.DEVELOPER, on=merchant, name="Dana"), make_administrator(merchant)
    browsers, others = [signed_in(developer), signed_in(developer)], signed_in(other)
    page = merchant.get_absolute_url()
    assert [browser.get(page).status_code for browser in (*browsers, others)] == [HTTPStatus.OK] * 3
    staff = client_of(make_user(role))
    staff.post(disable(developer), {"reason": "Laptop stolen"})
    event = last_event()
    assert [browser.get(page).status_code for browser in (*browsers, others)] == [302, 302, 200]
    assert "Dana is signed out" in main_of(staff.get(developer.get_absolute_url())).text
    assert not sessions_of(developer).exists()
    assert (event.type, event.target) == ("person.disabled", developer.person_id)
    assert event.details == {"person": developer.email, "reason": "Laptop stolen"}
    assert signed_in(developer).get(page).status_code == HTTPStatus.FOUND


def test_who_is_switched_on_again_signs_in_anew_with_the_roles_they_have(merchant, platform):
    developer = make_user(Role.DEVELOPER, on=merchant)
    old = signed_in(developer)
    row = Session.objects.get(pk=at_rest(old.session.session_key))
    client = client_of(platform)
    client.post(disable(developer))
    row.save(force_insert=True)  # a backup, or a request that wrote its session a moment later
    client.post(enable(developer))
    page = merchant.get_absolute_url()
    assert old.get(page).status_code == HTTPStatus.FOUND
    assert signed_in(developer).get(page).status_code == HTTPStatus.OK
    assert last_event().type == "session.started"
    assert AuditEvent.objects.filter(type="person.enabled", target=developer.person_id).count() == 1


def test_support_switches_nobody_on_and_nobody_off_who_may_do_more(merchant, platform):
    support = make_user(Role.SUPPORT)
    client = client_of(support)
    for response in (client.get(disable(platform)), client.post(disable(platform))):
        assert response.status_code == HTTPStatus.CONFLICT
        assert "may do more on the platform than you" in main_of(response).text
    assert disable(platform) not in main_of(client.get(platform.get_absolute_url())).links
    developer = make_user(Role.DEVELOPER, on=merchant)
    client.post(disable(developer))
    assert client.post(enable(developer)).status_code == HTTPStatus.FORBIDDEN
    assert enable(developer) not in main_of(client.get(developer.get_absolute_url())).links
    assert User.objects.get(pk=platform.pk).is_active
    assert not User.objects.get(pk=developer.pk).is_active


def test_nobody_switches_themselves_off(platform):
    make_user(Role.PLATFORM_ADMINISTRATOR)
    response = client_of(platform).post(disable(platform))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "your own sign-in" in main_of(response).text


@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_what_is_so_already_is_refused_and_leaves_no_event(platform, verb):
    person = make_user(name="Dana")
    if verb == "disable":
        people.disable(person, by=SETUP)
    stale = User.objects.get(pk=person.pk)
    before = AuditEvent.objects.count()
    with pytest.raises(Refused, match="already"):
        getattr(people, verb)(stale, by=platform)
    User.objects.filter(pk=person.pk).update(is_active=not stale.is_active)  # by somebody else, since it was read
    with pytest.raises(Refused):
        getattr(people, {"disable": "enable", "enable": "disable"}[verb])(stale, by=platform)
    assert AuditEvent.objects.count() == before


def test_the_only_administrator_of_a_merchant_may_be_stopped_and_the_page_says_so(merchant, platform):
    """A stolen account is not waited for; whoever stops it reads who is left without an administrator."""
    administrator = make_administrator(merchant)
    other = make_merchant("Cedar Cycles")
    give_role(administrator, Role.ADMINISTRATOR, on=other)
    make_administrator(other)
    client = client_of(platform)
    page = main_of(client.get(disable(administrator)))
    assert "Nobody else administers: Aurora Coffee." in page.text
    assert reverse("accounts:users", args=[merchant.entity_id]) in page.links
    assert "the only administrator" in main_of(client.get(administrator.get_absolute_url())).text
    assert client.post(disable(administrator)).status_code == HTTPStatus.FOUND
    assert people.administers_alone(make_user()) == []
    users = main_of(client.get(reverse("accounts:users", args=[merchant.entity_id])))
    assert "May not sign in" in users.rows[0]["Person"]


def test_who_may_not_sign_in_holds_nothing_and_keeps_their_roles(merchant, platform):
    person = make_user(Role.SUPPORT)
    people.disable(person, by=platform)
    person = User.objects.get(pk=person.pk)
    assert person.platform_capabilities == frozenset()
    assert person.capabilities_on(merchant) == frozenset()
    assert [membership.role for membership in members.memberships_of(person)] == ["support"]
