"""Every kind of event is written by something that people, operators or gateways really do.

PCI DSS 4.0: 10.2.1.1 ... 10.2.1.7, 10.2.2; OWASP ASVS 5.0: 16.2.1, 16.3.1 ... 16.3.3.
"""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts import imports, invitations, lifecycle, members, people
from accounts.events import GROUPS, MARKS, REFUSALS, EventType, Outcome, outcome_of, types_of
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Role
from accounts.signin import factors, sessions
from portal import replay
from tests.accounts.signin.device import Device, make_passkey
from tests.factories import (
    PASSWORD,
    SETUP,
    make_administrator,
    make_entity,
    make_gateway,
    make_invitation,
    make_merchant,
    make_token,
    make_user,
    put_into,
)
from tests.reading import HTMX, client_of, let_the_proof_age
from tokens import lifecycle as tokens
from tokens import rotation, vault
from tokens.keys import lifecycle as keys
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey


def of_entities(merchant: Entity, boss: User) -> None:
    channel = lifecycle.add(kind="channel", name="Shop", under=merchant, by=boss)
    till = lifecycle.add(kind="terminal", name="Till", under=merchant, by=boss)
    lifecycle.edit(channel, name="Webshop", by=boss)
    lifecycle.move(till, under=Entity.objects.get(pk=channel.pk), by=boss)
    lifecycle.suspend(channel, by=boss)
    channel.refresh_from_db()
    lifecycle.reactivate(channel, by=boss)
    imports.add_all(imports.read(b"name,kind\nMarket,channel", under=merchant), by=boss)


def of_people(merchant: Entity, boss: User) -> None:
    invitation, _ = make_invitation(merchant, "new@test.example", by=boss)
    invitations.resend(invitation, by=boss)
    invitation.refresh_from_db()
    person = invitations.accept_as_new(invitation, name="New", password=PASSWORD)
    members.change_role(person.memberships.get(), role=Role.DEVELOPER, by=boss)
    members.remove(Membership.objects.get(user=person), by=boss)
    invitations.withdraw(make_invitation(merchant, by=boss)[0], by=boss)
    people.disable(person, by=SETUP)
    people.enable(User.objects.get(pk=person.pk), by=SETUP)


def of_tokens(merchant: Entity, boss: User) -> None:
    token, _ = make_token(merchant)
    tokens.edit(token, alias="Renamed", by=boss)
    token.refresh_from_db()
    tokens.edit(token, alias="Renamed", description="The till", by=boss)
    rotation.rotate(token, overlap=timedelta(hours=1), by=boss)
    token.refresh_from_db()
    rotation.extend(token, overlap=timedelta(hours=2), by=boss)
    token.refresh_from_db()
    rotation.cancel(token, by=boss)
    token.refresh_from_db()
    rotation.rotate(token, overlap=timedelta(hours=1), by=boss)
    token.refresh_from_db()
    rotation.end(token, by=boss)
    tokens.reactivate(put_into(make_token(merchant)[0], "inactive"), by=boss)
    put_into(make_token(merchant)[0], "revoked")
    put_into(make_token(merchant)[0], "removed")
    make_gateway()


def of_keys(merchant: Entity, boss: User, settings) -> None:
    for slot in ("hmac_primary", "hmac_secondary", "encryption"):
        keys.create(merchant, SLOTS[slot], mode="live", by=boss)
    keys.renew(SharedKey.objects.get(slot="encryption"), by=boss)
    keys.promote(merchant, mode="live", by=boss)
    keys.reveal(SharedKey.objects.get(slot="hmac_primary"), by=boss)
    keys.read(SharedKey.objects.get(slot="hmac_primary"), by=SETUP)
    keys.revoke(SharedKey.objects.get(slot="hmac_primary"), by=boss)
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: bytes(32)}
    list(vault.rotate(by=SETUP))


def of_sign_in(boss: User) -> None:
    client, other = Client(), Client()
    login = {"login": boss.email, "password": PASSWORD}
    for each in (client, other):
        each.post(reverse("account_login"), login)
    sessions.end(sessions.sessions_of(boss).first(), by=boss)
    client.post(reverse("account_logout"))
    for _ in range(10):
        client.post(reverse("account_login"), login | {"password": "a wrong password, ten times"})


def of_proofs(merchant: Entity, boss: User) -> None:
    client = client_of(boss)
    let_the_proof_age(client)
    wanted = reverse("tokens:key_create", args=[merchant.entity_id, "rest_primary"])
    for password in ("a wrong password", PASSWORD):
        client.post(wanted, {"proof-asked_on": "GET", "proof-password": password})


def of_factors(person: User) -> None:
    client = client_of(person)
    make_passkey(client, Device())
    passkey = factors.passkeys_of(person).get()
    factors.rename(passkey, name="Phone", by=person)
    factors.use_code(person, factors.renew_recovery_codes(person)[0])
    passkey.refresh_from_db()
    factors.remove(passkey, by=person)
    factors.reset(person, by=SETUP)
    changed = {"oldpassword": PASSWORD, "password1": "another long password 7", "password2": "another long password 7"}
    client.post(reverse("account_change_password"), changed)


def of_support(merchant: Entity) -> None:
    client = Client()
    client.force_login(make_user(Role.SUPPORT))
    opened = reverse("admin:tokens_token_changelist")
    client.post(opened, {"support-asked_on": "GET", "support-reason": "Ticket 4711: refused"})
    client.get(opened)
    client.get(reverse("portal:activity"))
    client.get(reverse("portal:activity_export"))
    client.get(merchant.get_absolute_url(), **HTMX)


@pytest.mark.django_db(transaction=True)
def test_every_kind_of_event_is_written_by_a_real_flow(settings, monkeypatch):
    """PCI DSS 10.2.1: one that nothing writes any more fails here, and so does a new one that nobody added."""
    merchant = make_merchant("Aurora Coffee", under=make_entity("company"))
    boss = make_administrator(merchant.parent)
    boss.refresh_from_db()
    of_entities(merchant, boss)
    of_people(merchant, boss)
    of_tokens(merchant, boss)
    of_keys(merchant, boss, settings)
    of_sign_in(boss)
    of_proofs(merchant, make_administrator(merchant))
    of_factors(make_administrator(merchant))
    of_support(merchant)
    line = replay.Line(10**6, "0" * 64, "token.created", "x", "")
    monkeypatch.setattr(replay.comparison, "lost", lambda _is_genuine: (5, [line]))
    restored = replay.replay(by=SETUP).event
    replay.acknowledge(restored.number, by=SETUP, reason="A backup was put back")
    written = set(AuditEvent.objects.values_list("type", flat=True))
    assert set(EventType.values) - written == set()
    assert len(written) > 50


def test_each_kind_is_in_one_group_has_an_outcome_and_a_name_that_never_changes():
    """ASVS 16.2.1: what people filter by, what pages and exports say."""
    grouped = [each for group in GROUPS for each in types_of(group)]
    assert sorted(grouped) == sorted(EventType)
    assert {outcome_of(each) for each in EventType} == set(Outcome)
    assert {each for each in EventType if outcome_of(each) == Outcome.REFUSED} == REFUSALS
    assert all(re.fullmatch("[a-z]+[.][a-z_]+", each.value) for each in EventType)
    assert {"created", "revoked", "refused"} <= set(MARKS)
