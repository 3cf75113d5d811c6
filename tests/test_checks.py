"""`manage.py check_tree` and `check_audit`: what is broken is found, and what is whole is not called broken."""

import pytest
from django.db import connection

from accounts import audit, audit_triggers
from accounts.models import AuditEvent, Entity
from tests.commands import last_event, run
from tests.factories import SETUP, make_entity, make_merchant

# check_tree


def test_a_sound_tree_is_called_sound(db):
    make_merchant(under=make_entity("partner"))
    assert run("check_tree") == (0, "The account tree is sound: 2 entities.\n", "")


def test_a_broken_tree_is_told_node_by_node_and_mended_on_request(db):
    partner = make_entity("partner")
    merchants = [make_merchant(under=partner) for _ in range(3)]
    Entity.objects.filter(pk=merchants[2].pk).update(lft=90, rght=91)
    code, out, err = run("check_tree")
    assert code == 1
    assert out == f"{merchants[2].entity_id}: its position does not follow from its parents.\n"
    assert err == "The account tree is broken; faults: 1. Run it again with --rebuild."
    code, out, _ = run("check_tree", "--rebuild")
    assert (code, out.splitlines()[-1]) == (0, "The account tree is sound: 4 entities.")
    assert run("check_tree")[0] == 0


def test_a_cycle_is_told_and_cannot_be_mended_by_numbering(db):
    upper = make_entity("company")
    lower = make_entity("company", under=upper)
    Entity.objects.filter(pk=upper.pk).update(parent=lower)
    assert run("check_tree")[0] == 1
    code, _, err = run("check_tree", "--rebuild")
    assert code == 1
    assert "their own ancestors" in err


# check_audit


def tamper(statement: str) -> None:
    """Do behind the log's back what its triggers refuse, as somebody with the database's password could."""
    with connection.cursor() as cursor:
        for drop in audit_triggers.DROP[connection.vendor]:
            cursor.execute(drop)
        cursor.execute(statement)
        for create in audit_triggers.CREATE[connection.vendor]:
            cursor.execute(create)


def test_a_whole_log_is_counted_and_its_end_is_told(db):
    for _ in range(3):
        make_merchant()
    code, out, _ = run("check_audit")
    assert code == 0
    assert out.startswith("The audit log is whole: 3 events, read in 0.0")
    assert out.endswith(f"The last is number 3, {bytes(last_event().mac).hex()[:16]}.\n")


def test_an_empty_log_is_no_fault(db):
    assert run("check_audit") == (0, "The audit log is empty.\n", "")


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE accounts_auditevent SET target = 'x' WHERE number = 2", "Event 2: does not follow"),
        ("DELETE FROM accounts_auditevent WHERE number = 2", "Event 2 to 2: missing."),
    ],
)
def test_what_was_done_behind_the_logs_back_is_found(db, statement, sentence):
    for _ in range(3):
        make_merchant()
    tamper(statement)
    code, out, err = run("check_audit")
    assert code == 1
    assert sentence in out
    assert "is not as it was written" in err


def test_with_another_key_the_log_is_not_believed_and_the_screen_not_flooded(db, settings):
    merchant = make_merchant()
    for number in range(130):
        audit.record(AuditEvent.Type.ENTITY_RENAMED, by=SETUP, entity=merchant, before=str(number))
    settings.AUDIT_KEY = b"another key of thirty-two or more bytes"
    code, out, err = run("check_audit")
    assert (code, out.count("\n")) == (1, 100)
    assert "faults: 131," in err
    assert "KEYHOUSE_AUDIT_KEY" in err
