"""`manage.py check_people`: accounts that nobody uses any more are found, and switched off (PCI DSS 4.0, 8.2.6)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.permissions import Role
from tests.commands import run
from tests.factories import make_user
from tests.reading import client_of


@pytest.fixture
def people(db) -> dict[str, User]:
    """Return people by how they use their accounts."""
    found = {name: make_user(email=f"{name}@test.example") for name in ("idle", "busy", "never", "new", "stopped")}
    platform = make_user(Role.PLATFORM_ADMINISTRATOR, email="platform@test.example")
    long_ago, lately = timezone.now() - timedelta(days=90, minutes=1), timezone.now() - timedelta(days=89)
    User.objects.exclude(pk=found["new"].pk).update(created_at=long_ago - timedelta(days=300))
    for who, seen in ((found["idle"], long_ago), (found["busy"], lately), (platform, lately)):
        User.objects.filter(pk=who.pk).update(last_login=seen)
    User.objects.filter(pk=found["stopped"].pk).update(is_active=False)
    return found | {"platform": platform}


def active() -> set[str]:
    return {user.email.partition("@")[0] for user in User.objects.filter(is_active=True)}


def test_who_has_not_signed_in_for_90_days_is_told_and_nothing_is_changed(people):
    before = active()
    code, out, err = run("check_people")
    assert code == 1
    assert f"idle@test.example last signed in: {timezone.now() - timedelta(days=90, minutes=1):%Y-%m-%d}." in out
    assert "never@test.example last signed in: never." in out
    assert len(out.splitlines()) == 2
    assert "2 may sign in and did not for 90 days." in err
    assert active() == before


def test_they_are_switched_off_where_that_is_asked_for(people):
    """PCI DSS 8.2.6: with an event for each, and nobody else is."""
    assert run("check_people", "--disable")[0] == 0
    assert active() == {"busy", "new", "platform"}
    assert client_of(people["idle"]).get("/").status_code == 302
    events = AuditEvent.objects.filter(type="person.disabled")
    assert {event.target for event in events} == {people["idle"].person_id, people["never"].person_id}
    assert {event.details["reason"] for event in events} == {"Not signed in for 90 days"}
    assert run("check_people") == (0, "Everybody who may sign in did so in the last 90 days.\n", "")


def test_the_platform_keeps_its_last_administrator(people):
    User.objects.filter(pk=people["platform"].pk).update(last_login=timezone.now() - timedelta(days=91))
    code, out, err = run("check_people", "--disable")
    assert code == 1
    assert "is the last administrator of the platform" in err
    assert "platform@test.example last signed in" in out
    assert "platform" in active()
