"""Roles changed and taken away: it holds at the next request, and an entity never loses its last administrator."""

from http import HTTPStatus

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse

from accounts import members, people
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.campaigns.administrators import race
from tests.commands import last_event
from tests.factories import (
    SETUP,
    give_role,
    make_administrator,
    make_entity,
    make_invitation,
    make_merchant,
    make_token,
    make_user,
)
from tests.reading import client_of, let_the_proof_age, main_of, read


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


@pytest.fixture
def merchant(partner) -> Entity:
    return make_merchant("Aurora Coffee", under=partner)


def membership(user: User) -> Membership:
    return Membership.objects.select_related("user", "entity").get(user=user)


def address(verb: str, user: User) -> str:
    return reverse(f"accounts:{verb}", args=[membership(user).membership_id])


def users_page(entity: Entity) -> str:
    return reverse("accounts:users", args=[entity.entity_id])


# Change and end


def test_another_role_holds_from_the_next_request_on(merchant):
    """S2-17, C9."""
    viewer = make_user(Role.VIEWER, on=merchant, name="Vera")
    add = reverse("tokens:add", args=[merchant.entity_id])
    own, client = client_of(viewer), client_of(make_administrator(merchant))
    assert own.get(add).status_code == HTTPStatus.FORBIDDEN
    client.post(address("change_role", viewer), {"role": "developer"})
    assert own.get(add).status_code == HTTPStatus.OK
    event = last_event()
    assert (event.type, event.entity, event.target) == ("member.changed", merchant, viewer.person_id)
    assert event.details == {"person": viewer.email, "role_before": "viewer", "role": "developer"}
    page = main_of(client.get(users_page(merchant)))
    assert "The role of Vera was changed." in page.text
    assert {row["Person"]: row["Role"] for row in page.rows}[f"Vera{viewer.email}"] == "Developer"


def test_who_is_removed_can_do_nothing_at_the_next_request_and_what_they_made_stays(merchant):
    """S2-18, S2-19: their tokens work on and keep their name; the reason is in the log."""
    developer = make_user(Role.DEVELOPER, on=merchant, name="Dana")
    token, _secret = make_token(merchant, alias="Checkout")
    type(token).objects.filter(pk=token.pk).update(created_by=developer)
    own, client = client_of(developer), client_of(make_administrator(merchant))
    assert own.get(merchant.get_absolute_url()).status_code == HTTPStatus.OK
    client.post(address("remove", developer), {"reason": "Has left the company"})
    assert own.get(merchant.get_absolute_url()).status_code == HTTPStatus.NOT_FOUND
    assert own.get(token.get_absolute_url()).status_code == HTTPStatus.NOT_FOUND
    token.refresh_from_db()
    assert (token.status, token.created_by) == ("active", developer)
    assert "by Dana" in main_of(client.get(token.get_absolute_url())).text
    assert last_event().type == "member.removed"
    assert last_event().details == {"person": developer.email, "role": "developer", "reason": "Has left the company"}
    activity = main_of(client.get(reverse("accounts:activity", args=[merchant.entity_id]))).text
    assert f"Member removed · {developer.email} as Developer" in activity


def test_only_roles_that_mean_something_there_are_offered_and_taken(partner, merchant):
    """S2-14, S2-17: a terminal operator for a terminal, a developer where there are credentials."""
    terminal = make_entity("terminal", "Till 1", under=merchant)
    client = client_of(make_administrator(partner))
    offered = {}
    for entity in (partner, merchant, terminal):
        viewer = make_user(Role.VIEWER, on=entity)
        page = main_of(client.get(address("change_role", viewer)))
        offered[entity.kind] = [radio.attributes["value"] for radio in page.all("input", type="radio")]
        response = client.post(address("change_role", viewer), {"role": "support"})
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert membership(viewer).role == "viewer"
    assert offered == {
        "partner": ["administrator", "developer", "viewer"],
        "merchant": ["administrator", "developer", "viewer", "terminal_operator", "sdk_user"],
        "terminal": ["viewer", "terminal_operator", "sdk_user"],
    }
    with pytest.raises(Refused, match="cannot be given here"):
        members.change_role(membership(viewer), role=Role.ADMINISTRATOR, by=SETUP)


def test_a_role_that_somebody_has_there_already_is_refused(merchant):
    user = make_user(Role.VIEWER, on=merchant, name="Vera")
    give_role(user, Role.DEVELOPER, on=merchant)
    before = AuditEvent.objects.count()
    with pytest.raises(Refused, match="Vera has this role here already"):
        members.change_role(Membership.objects.get(user=user, role="viewer"), role=Role.DEVELOPER, by=SETUP)
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize(
    "end",
    [
        lambda stale: members.remove(stale, by=SETUP),
        lambda stale: members.change_role(stale, role=Role.SDK_USER, by=SETUP),
    ],
    ids=["remove", "change"],
)
def test_a_membership_that_changed_meanwhile_is_left_alone(merchant, end):
    stale = membership(make_user(Role.VIEWER, on=merchant))
    members.change_role(membership(stale.user), role=Role.DEVELOPER, by=SETUP)
    before = AuditEvent.objects.count()
    with pytest.raises(Refused, match="meanwhile"):
        end(stale)
    assert membership(stale.user).role == "developer"
    assert AuditEvent.objects.count() == before


def test_a_second_removal_finds_nothing(merchant):
    client, viewer = client_of(make_administrator(merchant)), make_user(Role.VIEWER, on=merchant)
    url = address("remove", viewer)
    assert client.post(url).status_code == HTTPStatus.FOUND
    assert client.post(url).status_code == HTTPStatus.NOT_FOUND


def test_members_from_above_are_changed_above(partner, merchant):
    """S2-18: a merchant's administrator neither sees nor changes those of the partner."""
    above = make_user(Role.VIEWER, on=partner, email="above@test.example")
    client = client_of(make_administrator(merchant))
    for verb in ("change_role", "remove"):
        assert client.get(address(verb, above)).status_code == HTTPStatus.NOT_FOUND
    page = main_of(client.get(users_page(merchant)))
    assert "above@test.example" not in page.text
    assert "You do not see them." in page.text
    page = main_of(client_of(make_administrator(partner)).get(users_page(merchant)))
    row = next(row for row in page.rows if row["Person"] == "above@test.example")
    assert (row["Through"], row["Actions"]) == ("Northwind Payments", "")


def test_what_lets_people_in_needs_a_proof_of_the_last_five_minutes(merchant):
    """ASVS 7.5.3: a session left open gives nobody a role; it may still take one away, which must not wait."""
    by, viewer = make_administrator(merchant), make_user(Role.VIEWER, on=merchant)
    invitation, _secret = make_invitation(merchant, by=by)
    disabled = make_user()
    people.disable(disabled, by=SETUP)
    client, staff = client_of(by), client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    for each in (client, staff):
        let_the_proof_age(each)
    invite = reverse("accounts:invite", args=[merchant.entity_id])
    resend = reverse("accounts:resend", args=[invitation.invitation_id])
    enable = reverse("enable_person", args=[disabled.person_id])
    before = AuditEvent.objects.count()
    for browser, url, typed in (
        (client, invite, {"email": "new@shop.example", "role": "administrator"}),
        (client, resend, {}),
        (client, address("change_role", viewer), {"role": "administrator"}),
        (staff, enable, {}),
    ):
        response = browser.post(url, typed)
        assert response.status_code == HTTPStatus.CONFLICT
        assert "Confirm that it is you" in read(response).text
    assert (AuditEvent.objects.count(), mail.outbox) == (before, [])
    assert client.post(address("remove", viewer)).status_code == HTTPStatus.FOUND


# The last administrator


@pytest.mark.parametrize("verb", ["change_role", "remove"])
def test_the_last_administrator_stays(partner, merchant, verb):
    """C9: not even whoever administers everything above takes the last one away; the list says who it is."""
    make_administrator(partner)
    last = make_administrator(merchant)
    for by in (make_user(Role.PLATFORM_ADMINISTRATOR), last):
        client = client_of(by)
        for response in (client.get(address(verb, last)), client.post(address(verb, last), {"role": "viewer"})):
            assert response.status_code == HTTPStatus.CONFLICT
            assert f"{last} is the last administrator of “Aurora Coffee”." in main_of(response).text
        row = next(row for row in main_of(client.get(users_page(merchant))).rows if last.email in row["Person"])
        assert row["Actions"] == "The only administrator"
    assert membership(last).role == "administrator"


def test_one_who_may_not_sign_in_does_not_count(merchant):
    staying, disabled = make_administrator(merchant), make_administrator(merchant)
    people.disable(disabled, by=SETUP)
    with pytest.raises(Refused, match="last administrator"):
        members.remove(membership(staying), by=SETUP)
    members.remove(membership(disabled), by=SETUP)
    assert not Membership.objects.filter(user=disabled).exists()


def test_an_administrator_who_is_not_the_last_goes_and_may_go_alone(merchant):
    first, second = make_administrator(merchant), make_administrator(merchant)
    client = client_of(first)
    assert "You are about to remove yourself." in main_of(client.get(address("remove", first))).text
    response = client.post(address("remove", first))
    assert response.headers["Location"] == reverse("portal:account")
    with pytest.raises(Refused):
        members.remove(membership(second), by=SETUP)


def test_the_platform_keeps_an_administrator_too(db):
    last = make_user(Role.PLATFORM_ADMINISTRATOR)
    for act in (
        lambda: members.remove(membership(last), by=SETUP),
        lambda: members.change_role(membership(last), role=Role.SUPPORT, by=SETUP),
        lambda: people.disable(last, by=SETUP),
    ):
        with pytest.raises(Refused, match="is the last administrator of the platform"):
            act()
    second = make_user(Role.PLATFORM_ADMINISTRATOR)
    people.disable(last, by=second)
    with pytest.raises(Refused, match="last administrator"):
        members.remove(membership(second), by=SETUP)


@pytest.mark.django_db(transaction=True)
def test_a_removal_that_waits_for_another_finds_what_that_one_left():
    """The second of two removals begins before the first has ended; it is told that there is nobody else."""
    merchant = make_merchant()
    first, second = (membership(make_administrator(merchant)) for _ in range(2))
    with Elsewhere(2) as elsewhere:
        outcomes = [elsewhere.start(members.remove, each, by=SETUP) for each in (first, second)]
        refusals = [outcome.exception(timeout=30) for outcome in outcomes]
    assert sorted(type(refusal).__name__ for refusal in refusals) == ["NoneType", "Refused"]
    assert Membership.objects.filter(entity=merchant).count() == 1


@pytest.mark.django_db(transaction=True)
def test_administrators_who_remove_each_other_leave_one():
    """The race of `tests/campaigns/administrators.py`, 40 times: never none."""
    report = race(tries=40)
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert report.tries == 40
    assert report.without == 0
    assert report.errors == []
    assert report.refused >= 40, "nobody met anybody: this shows nothing"
    assert connection.vendor in str(report)
