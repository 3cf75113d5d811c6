"""That somebody reads the audit log is an event of it, once a visit.

PCI DSS 4.0: 10.2.1.3; OWASP ASVS 5.0: 16.2.1.
"""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.permissions import Role
from accounts.trust import IDLE
from tests.factories import make_administrator, make_merchant, make_user
from tests.reading import client_of, main_of

READINGS = {
    "portal:activity": ("log.viewed", ""),
    "portal:activity_export": ("log.exported", ""),
    "accounts:activity": ("log.viewed", "entity"),
    "accounts:activity_export": ("log.exported", "entity"),
    "portal:person": ("log.viewed", "person"),
    "admin:accounts_auditevent_changelist": ("log.viewed", ""),
}


@pytest.mark.parametrize("name", READINGS)
def test_reading_the_log_is_an_event_once_a_visit(db, name, time_machine):
    """PCI DSS 10.2.1.3: for each person, session and place; turning the pages is one visit."""
    merchant, user = make_merchant("Aurora Coffee"), make_user(Role.PLATFORM_ADMINISTRATOR)
    kind, place = READINGS[name]
    target = {"": "", "entity": merchant.entity_id, "person": user.person_id}[place]
    address = reverse(name, args=[target] if target else [])
    began = timezone.now()
    time_machine.move_to(began, tick=False)
    client = client_of(user)

    def read(client: Client) -> int:
        assert client.get(address).status_code == HTTPStatus.OK
        return AuditEvent.objects.filter(type=kind, actor=user, target=target).count()

    assert [read(client), read(client), read(client)] == [1, 1, 1]
    event = AuditEvent.objects.get(type=kind)
    assert event.entity == (merchant if place == "entity" else None)
    assert event.origin == "127.0.0.1"
    assert event.request_id
    assert read(client_of(user)) == 2, "another session"
    for minutes in (10, 14):
        time_machine.move_to(began + timedelta(minutes=minutes), tick=False)
        assert read(client) == 2
    time_machine.move_to(began + timedelta(seconds=IDLE), tick=False)
    assert read(client) == 3


def test_a_merchant_reads_who_read_its_log(db):
    """ASVS 16.2.1: another place is another event, and it stands in the log of that place."""
    merchants = [make_merchant("Aurora Coffee"), make_merchant("Borealis Books")]
    boss = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    for merchant in merchants:
        boss.get(reverse("accounts:activity", args=[merchant.entity_id]))
    page = client_of(make_administrator(merchants[0])).get(reverse("accounts:activity", args=[merchants[0].entity_id]))
    told = [event.one("strong").text for event in main_of(page).all("li", class_="event")]
    assert told.count("Activity log read") == 2  # its own, too
    assert list(AuditEvent.objects.filter(type="log.viewed").values_list("entity__name", flat=True)) == [
        "Aurora Coffee",
        "Borealis Books",
        "Aurora Coffee",
    ]


def test_who_may_not_read_it_leaves_no_event_of_reading(db):
    merchant = make_merchant("Aurora Coffee")
    rival = client_of(make_administrator(make_merchant("Borealis Books")))
    for name in ("accounts:activity", "accounts:activity_export"):
        assert rival.get(reverse(name, args=[merchant.entity_id])).status_code == HTTPStatus.NOT_FOUND
    rival.get(reverse("admin:accounts_auditevent_changelist"))
    assert not AuditEvent.objects.filter(type__startswith="log.").exists()
