"""The audit log: a chain that shows every edit, triggers that refuse one, events that share their change's fate."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import audit, audit_triggers, lifecycle
from accounts.models import AuditEvent, Entity
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into

Type = AuditEvent.Type


@pytest.fixture
def five_events(db) -> list[AuditEvent]:
    """Return the events of an ordinary day, made by a person and by an operator."""
    company = make_entity(Entity.Kind.COMPANY, "Beans")
    administrator = make_administrator(company)
    merchant = lifecycle.add(kind=Entity.Kind.MERCHANT, name="Aurora", under=company, by=administrator)
    lifecycle.suspend(merchant, by=administrator, reason="Fraud, says “Zoë”")
    merchant.refresh_from_db()
    with audit.origin("192.0.2.7", "a" * 32):
        lifecycle.reactivate(merchant, by=administrator)
    lifecycle.edit(merchant, name="Aurora Coffee", by=SETUP)
    make_user(email="somebody.else@test.example")
    return list(AuditEvent.objects.order_by("number"))


@contextmanager
def without_triggers() -> Iterator[None]:
    """Do as somebody who owns the database may: take the triggers off, change what they like, put them back."""
    connection.check_constraints()  # PostgreSQL alters no table on which a foreign key is still to be checked
    with connection.cursor() as cursor:
        for statement in audit_triggers.DROP[connection.vendor]:
            cursor.execute(statement)
        yield
        connection.check_constraints()
        for statement in audit_triggers.CREATE[connection.vendor]:
            cursor.execute(statement)


def run(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def insert_copy(number: int, of: int) -> str:
    columns = [field.column for field in AuditEvent._meta.fields if field.name != "number"]
    return (
        f"INSERT INTO accounts_auditevent (number, {', '.join(columns)}) "  # noqa: S608
        f"SELECT {number}, {', '.join(columns)} FROM accounts_auditevent WHERE number = {of}"
    )


def test_an_ordinary_day_verifies(five_events):
    assert list(audit.verify()) == []
    assert [event.number for event in five_events] == [1, 2, 3, 4, 5]
    assert [event.type for event in five_events] == [
        Type.ENTITY_ADDED,
        Type.ENTITY_ADDED,
        Type.ENTITY_SUSPENDED,
        Type.ENTITY_REACTIVATED,
        Type.ENTITY_RENAMED,
    ]


EDITS = {
    "number": "number = 77",
    "at": "at = '2020-01-01 00:00:00.000001+00:00'",
    "type": "type = 'entity.moved'",
    "actor": "actor_id = (SELECT id FROM accounts_user WHERE email LIKE 'somebody.else%%')",
    "actor_label": "actor_label = 'nobody@test.example'",
    "entity": "entity_id = (SELECT id FROM accounts_entity WHERE name = 'Beans')",
    "target": "target = 'mer_0000000000000000'",
    "details": """details = '{"reason": "None"}'""",
    "origin": "origin = '198.51.100.1'",
    "request_id": "request_id = 'b'",
    "mac": "mac = (SELECT mac FROM accounts_auditevent WHERE number = 1)",
}


@pytest.mark.parametrize("column", EDITS)
def test_an_edit_of_any_column_is_found(five_events, column: str):
    with without_triggers():
        run(f"UPDATE accounts_auditevent SET {EDITS[column]} WHERE number = 3")  # noqa: S608
    assert any(re.match("Event (3|77)", sentence) for sentence in audit.verify())


def test_every_column_is_edited_in_these_tests():
    assert set(EDITS) == {field.name for field in AuditEvent._meta.fields}


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_deletion_is_found_where_it_happened(five_events, number: int):
    with without_triggers():
        run("DELETE FROM accounts_auditevent WHERE number = %s", number)
    assert list(audit.verify()) == [
        f"Event {number} to {number}: missing.",
        f"Event {number + 1}: does not follow from the one before it.",
    ]


def test_a_deletion_that_closes_the_gap_is_found(five_events):
    with without_triggers():
        run("DELETE FROM accounts_auditevent WHERE number = 3")
        run("UPDATE accounts_auditevent SET number = 3 WHERE number = 4")
        run("UPDATE accounts_auditevent SET number = 4 WHERE number = 5")
    assert next(audit.verify()) == "Event 3: does not follow from the one before it."


def test_events_cut_off_at_the_end_leave_a_whole_chain(five_events):
    """A chain cannot tell; that is why the last number and HMAC are printed for a note kept elsewhere."""
    with without_triggers():
        run("DELETE FROM accounts_auditevent WHERE number > 3")
    assert list(audit.verify()) == []
    assert AuditEvent.objects.first().number == 3


@pytest.mark.parametrize("number", [6, 60])
def test_an_event_added_behind_the_last_is_found(five_events, number: int):
    """No trigger refuses that; without the key there is no HMAC that follows."""
    run(insert_copy(number, of=2))
    assert f"Event {number}: does not follow from the one before it." in audit.verify()


def test_an_event_pushed_in_between_is_found(five_events):
    with without_triggers():
        for number in (5, 4, 3):
            run("UPDATE accounts_auditevent SET number = %s WHERE number = %s", number + 1, number)
        run(insert_copy(3, of=2))
    assert len(list(audit.verify())) == 4


def test_events_in_another_order_are_found(five_events):
    with without_triggers():
        for before, after in ((3, 33), (4, 3), (33, 4)):
            run("UPDATE accounts_auditevent SET number = %s WHERE number = %s", after, before)
    assert [sentence.split(":")[0] for sentence in audit.verify()] == ["Event 3", "Event 4", "Event 5"]


@pytest.mark.parametrize("garbage", ["at = 'yesterday'", "mac = 'text'", "mac = x'00'", "number = 'three'"])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL stores no value of another type")
def test_an_event_that_cannot_be_read_is_told_as_a_sentence(five_events, garbage: str):
    with without_triggers():
        run(f"UPDATE accounts_auditevent SET {garbage} WHERE number = 3")  # noqa: S608
    assert next(audit.verify()).startswith("Event 3")


def test_another_key_fits_no_event(five_events, settings):
    settings.AUDIT_KEY = b"another audit key, as somebody would guess it"
    assert len(list(audit.verify())) == 5


REFUSED = [
    "UPDATE accounts_auditevent SET origin = 'x'",
    "UPDATE accounts_auditevent SET number = number + 10 WHERE number = 5",
    "DELETE FROM accounts_auditevent",
    "DELETE FROM accounts_auditevent WHERE number = 5",
    *(
        ["REPLACE INTO accounts_auditevent SELECT * FROM accounts_auditevent WHERE number = 5"]
        if connection.vendor == "sqlite"
        else ["TRUNCATE accounts_auditevent", "TRUNCATE accounts_entity CASCADE"]
    ),
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_refuses_a_change(five_events, statement: str):
    before = list(AuditEvent.objects.values())
    connection.check_constraints()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        run(statement)
    assert list(AuditEvent.objects.values()) == before


def test_the_orm_changes_nothing_either(five_events):
    event = five_events[2]
    event.origin = "x"
    for change in (event.save, event.delete, AuditEvent.objects.all().delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()
    assert list(audit.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="in the transaction of its change"):
        audit.record(Type.SIGNED_IN, by=SETUP)
    assert not AuditEvent.objects.exists()


def test_a_change_that_is_undone_leaves_no_event(five_events):
    merchant = Entity.objects.get(name="Aurora Coffee")
    with transaction.atomic():
        lifecycle.suspend(merchant, by=SETUP)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == 5
    assert not Entity.objects.get(pk=merchant.pk).is_suspended


def test_a_change_whose_event_cannot_be_written_is_undone(five_events):
    merchant = Entity.objects.get(name="Aurora Coffee")
    with pytest.raises(TypeError):
        lifecycle.suspend(merchant, by=SETUP, reason=object())
    assert AuditEvent.objects.count() == 5
    assert not Entity.objects.get(pk=merchant.pk).is_suspended


@pytest.mark.django_db(transaction=True)
def test_events_written_at_once_make_one_chain_without_gaps():
    def write(number: int) -> None:
        for _ in range(15):
            with transaction.atomic():
                audit.record(Type.SIGNED_IN, by=audit.Operator(f"writer {number}"))

    with Elsewhere(threads=4) as elsewhere:
        writers = [elsewhere.start(write, number) for number in range(4)]
        for writer in writers:
            writer.result(timeout=60)
    assert list(AuditEvent.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 61))
    assert list(audit.verify()) == []


def test_an_event_tells_where_its_request_came_from(client: Client, db):
    company = make_entity(Entity.Kind.COMPANY)
    merchants = [make_merchant(under=company), make_merchant(under=company)]
    client.force_login(make_administrator(company))
    for merchant in merchants:
        address = reverse("accounts:suspend", args=[merchant.entity_id])
        client.post(address, {"reason": ""}, REMOTE_ADDR="203.0.113.9", headers={"x-forwarded-for": "198.51.100.66"})
    first, second = AuditEvent.objects.filter(type=Type.ENTITY_SUSPENDED)
    assert first.origin == second.origin == "203.0.113.9"
    assert re.fullmatch("[0-9a-f]{32}", first.request_id)
    assert first.request_id != second.request_id
    lifecycle.reactivate(merchants[0], by=SETUP)
    assert (AuditEvent.objects.first().origin, AuditEvent.objects.first().request_id) == ("", "")


def test_everything_of_one_request_has_one_request_id(db):
    with audit.origin("203.0.113.9" * 9, "c" * 40):
        make_merchant()
        make_merchant()
    events = AuditEvent.objects.all()
    assert {(len(event.origin), event.request_id) for event in events} == {(45, "c" * 32)}
    assert list(audit.verify()) == []


@pytest.mark.parametrize("status", ["active", "inactive", "revoked", "removed"])
def test_no_event_holds_anything_of_a_secret(db, status: str):
    token, text = make_token(make_merchant())
    digest = bytes(token.digest)
    put_into(token, status)
    told = json.dumps(list(AuditEvent.objects.values()), default=str)
    secret = text.removeprefix(f"{token.prefix}_")
    assert token.key_id in told
    for start in range(len(secret) - 7):
        assert secret[start : start + 8] not in told
    assert digest.hex()[:16] not in told


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@given(details=st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), plain, max_size=4))
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_details_are_the_database_gives_them_back_as_they_were_chained(db, details: dict):
    details = {f"x_{key}": value for key, value in details.items()}
    with transaction.atomic():
        event = audit.record(Type.SIGNED_IN, by=SETUP, **details)
        assert AuditEvent.objects.get(pk=event.pk).details == details
        assert list(audit.verify()) == []
        transaction.set_rollback(True)
