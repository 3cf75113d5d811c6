"""The journal beside the audit log: what the chain alone cannot tell, and what becomes of the file itself.

PCI DSS 4.0: 10.3.2, 10.3.3, 10.3.4; OWASP ASVS 5.0: 16.4.2, 16.4.3.
"""

import os
import stat
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from accounts import audit, comparison, journal, lifecycle
from accounts.models import AuditEvent, Entity
from tests.commands import run
from tests.factories import SETUP, make_merchant, make_token, put_into
from tests.test_checks import tamper
from tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def merchant() -> Entity:
    """Return a merchant whose story has seven events."""
    merchant = make_merchant("Aurora Coffee")
    for name in ("Aurora", "Aurora Tea"):
        lifecycle.edit(merchant, name=name, by=SETUP)
        merchant.refresh_from_db()
    for _ in range(2):
        make_token(merchant)
    lifecycle.suspend(merchant, by=SETUP)
    lifecycle.reactivate(merchant, by=SETUP)
    return merchant


def lines() -> list[bytes]:
    return settings.AUDIT_JOURNAL.read_bytes().splitlines(keepends=True)


def lost() -> tuple[int, list[journal.Line]]:
    return comparison.lost(audit.is_genuine)


def cut(after: int) -> None:
    tamper(f"DELETE FROM accounts_auditevent WHERE number > {after}")  # noqa: S608


def test_each_event_is_a_line_that_names_its_number_hmac_kind_and_target(merchant):
    """PCI DSS 10.3.3."""
    token = Token.objects.first()
    put_into(token, "revoked")
    events = AuditEvent.objects.order_by("number")
    assert [line.split()[:4] for line in lines()] == [
        [b"kh1", str(event.number).encode(), bytes(event.mac).hex().encode(), event.type.encode()] for event in events
    ]
    assert lines()[-1].split()[4] == f"-{token.key_id}".encode()
    assert stat.S_IMODE(settings.AUDIT_JOURNAL.stat().st_mode) == 0o600
    assert token.last4.encode() not in settings.AUDIT_JOURNAL.read_bytes()


def test_what_is_undone_leaves_no_line(merchant):
    before = lines()
    with transaction.atomic():
        lifecycle.suspend(Entity.objects.get(pk=merchant.pk), by=SETUP)
        assert lines() == before, "a line is younger than its event"
        transaction.set_rollback(True)
    assert lines() == before


def test_a_log_that_was_not_touched_agrees(merchant):
    assert run("check_audit")[0] == 0
    assert run("check_audit")[2] == ""


@pytest.mark.parametrize("after", [6, 3, 0])
def test_a_cut_at_the_end_is_found(merchant, after: int):
    """PCI DSS 10.3.4: what the chain alone cannot tell."""
    cut(after)
    assert list(audit.verify()) == []
    code, out, _ = run("check_audit")
    assert code == 1
    assert f"The log ends with event {after}, and the journal tells of events up to 7" in out


def test_an_end_that_was_written_anew_is_found(merchant):
    """Even by somebody who has the key of the chain, as long as they do not have the file."""
    cut(5)
    with transaction.atomic():
        audit.record(AuditEvent.Type.ENTITY_RENAMED, by=SETUP, entity=merchant, target=merchant.entity_id)
        settings.AUDIT_JOURNAL.rename(settings.AUDIT_JOURNAL.with_suffix(".away"))
    settings.AUDIT_JOURNAL.with_suffix(".away").rename(settings.AUDIT_JOURNAL)
    assert list(audit.verify()) == []
    code, out, _ = run("check_audit")
    assert code == 1
    assert "Event 6: is not the one that the journal tells of." in out


@pytest.mark.parametrize(
    "forged",
    [
        b"kh1 8 " + b"0" * 64 + b" token.created - - " + b"0" * 32 + b"\n",
        b"nonsense\n",
        b"\xff\x00\n",
        b"kh1 99999999999999999999999 \n",
    ],
)
def test_a_line_of_somebody_without_the_key_is_told(merchant, forged: bytes):
    settings.AUDIT_JOURNAL.write_bytes(b"".join(lines()[:3]) + forged + b"".join(lines()[3:]))
    code, out, _ = run("check_audit")
    assert (code, out.splitlines()[0].partition(" was")[0]) == (1, "Line 4 of the journal")


def test_a_line_that_was_edited_is_told(merchant):
    text = settings.AUDIT_JOURNAL.read_bytes()
    settings.AUDIT_JOURNAL.write_bytes(text.replace(b"entity.suspended", b"entity.renamed"))
    assert "Line 6 of the journal" in run("check_audit")[1]


def test_with_another_key_no_line_is_believed(merchant, settings):
    settings.AUDIT_KEY = b"another key of thirty-two or more bytes"
    assert comparison.compare().unreadable == [1, 2, 3, 4, 5, 6, 7]
    assert lost() == (0, [])


def test_a_write_that_a_crash_cut_short_spoils_no_other_line(merchant):
    with settings.AUDIT_JOURNAL.open("ab") as file:
        file.write(lines()[-1][:40])
    make_merchant()
    assert len(lines()) == 8
    assert run("check_audit")[0] == 0
    assert comparison.compare().newest == 8


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_without_a_journal_a_sentence_says_what_cannot_be_told(merchant, content):
    settings.AUDIT_JOURNAL.unlink()
    if content is not None:
        settings.AUDIT_JOURNAL.write_bytes(content)
    code, out, err = run("check_audit")
    assert code == 0
    assert "The audit log is whole: 7 events" in out
    assert "whether events were cut off at the end of the log cannot be told" in err


def test_it_may_be_rotated_at_any_time(merchant):
    """Nobody has to be told; what stands beside it, uncompressed, is read too."""
    settings.AUDIT_JOURNAL.rename(f"{settings.AUDIT_JOURNAL}.1")
    make_merchant()
    assert len(lines()) == 1
    assert comparison.compare().count == 8
    assert run("check_audit")[0] == 0
    cut(4)
    assert lost()[0] == 4
    assert [line.number for line in lost()[1]] == [5, 6, 7, 8]


def test_older_lines_may_be_gone(merchant):
    settings.AUDIT_JOURNAL.write_bytes(b"".join(lines()[5:]))
    assert run("check_audit")[0] == 0
    cut(4)
    assert run("check_audit")[0] == 1


def test_many_lines_are_compared_and_read_backwards_in_batches(merchant, monkeypatch):
    monkeypatch.setattr(comparison, "BATCH", 2)
    assert lost() == (7, [])
    cut(2)
    assert lost()[0] == 2
    assert (
        sorted(number for number, _mac in comparison.compare().strange)
        == [line.number for line in lost()[1]]
        == [3, 4, 5, 6, 7]
    )


def test_a_journal_that_cannot_be_written_stops_no_change_and_is_written_later(merchant, monkeypatch, caplog, client):
    """The change is done and in the log; the fault is in the operator's log and in /metrics until it is mended."""
    whole = settings.AUDIT_JOURNAL

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        lifecycle.suspend(Entity.objects.get(pk=merchant.pk), by=SETUP)
        assert "1 lines of the audit journal were not written: No space left on device" in caplog.text
        assert journal.unwritten() == 1
        assert "keyhouse_audit_journal_unwritten 1" in client.get("/metrics").content.decode()
    assert Entity.objects.get(pk=merchant.pk).is_suspended
    assert len(lines()) == 7
    make_merchant()
    assert len(lines()) == 9
    assert journal.unwritten() == 0
    assert whole.exists()
    assert run("check_audit")[0] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET target = 'x' WHERE number = 6",
        "UPDATE accounts_auditevent SET type = 'token.created' WHERE number = 6",
        "DELETE FROM accounts_auditevent WHERE number = 3",
    ],
)
def test_what_somebody_changed_is_not_taken_for_a_backup(merchant, statement):
    """Nothing would be found any more, were that written down as the way the log goes on."""
    tamper(statement)
    assert lost() == (7, [])
    run("replay_journal")
    assert run("check_audit")[0] == 1


def test_only_what_is_new_since_the_last_comparison_is_looked_at_again(merchant, django_assert_num_queries):
    run("replay_journal")
    run("replay_journal")
    assert [line.split()[3] for line in lines()].count(b"journal.checked") == 1
    make_merchant()
    with django_assert_num_queries(2):
        assert lost() == (8, [])
    assert run("check_audit")[0] == 0
    cut(5)
    assert [line.number for line in lost()[1]] == [6, 7, 8], "it does not hold any more"
    assert run("check_audit")[0] == 1


def test_its_folder_is_made(merchant, settings, tmp_path: Path):
    settings.AUDIT_JOURNAL = tmp_path / "elsewhere" / "audit.journal"
    make_merchant()
    assert len(lines()) == 1


def test_an_ending_waits_for_the_disk_and_nothing_else_does(merchant, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    make_token(Entity.objects.get(pk=merchant.pk))
    assert not synced
    put_into(Token.objects.first(), "inactive")
    assert len(synced) == 1


def test_of_what_was_half_written_only_the_rest_is_written_again(merchant, monkeypatch):
    """PCI DSS 10.3.4: a mark that stands twice would be taken for a copy by somebody else."""
    events, write, before = list(AuditEvent.objects.order_by("number")), os.write, lines()

    def nearly_full(descriptor: int, text: bytes) -> int:
        if len(text) < 2 * len(before[0]):
            raise OSError(28, "No space left on device")
        return write(descriptor, text[: -len(before[0])])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", nearly_full)
        journal.write(events)
    assert 0 < journal.unwritten() < len(events)
    make_merchant()
    assert journal.unwritten() == 0
    assert len(lines()) == len(before) + len(events) + 1
    assert run("check_audit")[0] == 0
