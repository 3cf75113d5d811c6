"""A cut at the end of the audit log, which looks like a backup put back, is told until somebody acknowledges it.

PCI DSS 4.0: 10.3.2, 10.3.4; OWASP ASVS 5.0: 16.4.2.
"""

import pytest
from django.conf import settings

from accounts import comparison
from accounts.models import AuditEvent
from portal.replay import replay
from tests.backups import House, acknowledge, backed_up, cut, end_everything, restored  # noqa: F401  a fixture
from tests.commands import run
from tests.factories import SETUP, put_into
from tokens import lifecycle as tokens

pytestmark = pytest.mark.django_db(transaction=True)


def acknowledged_cut(house: House) -> list[bytes]:
    """Cut every ending off the log, end it all again and acknowledge that; return the lines of the journal then."""
    before = AuditEvent.objects.count()
    end_everything(house)
    cut(before)
    run("replay_journal")
    acknowledge()
    return settings.AUDIT_JOURNAL.read_bytes().splitlines(keepends=True)


def test_a_copied_mark_hides_no_cut(house: House):
    """PCI DSS 10.3.2, 10.3.4; ASVS 16.4.2: its line is sealed with our key and true, and yet may not be said twice."""
    said = acknowledged_cut(house)
    last = AuditEvent.objects.count()
    put_into(house.token("kept"), "inactive")
    cut(last)
    assert run("check_audit")[0] == 1
    marks = [line for line in said if b" journal." in line]
    for copied in ([line for line in marks if b" journal.restored " in line], marks, said):
        with settings.AUDIT_JOURNAL.open("ab") as file:
            file.writelines(copied)
        code, out, _ = run("check_audit")
        assert code == 1
        assert "is a copy: it tells a second time that a backup was put back." in out
        assert f"The log ends with event {last}, and the journal tells of events up to" in out


def test_a_copied_mark_is_told_even_where_its_own_line_was_rotated_away_and_deleted(house: House):
    """PCI DSS 10.3.4: what it names is excused, and nothing else."""
    said = acknowledged_cut(house)
    settings.AUDIT_JOURNAL.unlink()
    last = AuditEvent.objects.count()
    put_into(house.token("kept"), "inactive")
    cut(last)
    with settings.AUDIT_JOURNAL.open("ab") as file:
        file.writelines(line for line in said if b" journal." in line)
    code, out, _ = run("check_audit")
    assert code == 1
    assert f"The log ends with event {last}, and the journal tells of events up to {last + 1}" in out


def test_a_copy_of_a_comparison_hides_no_ending_from_the_next_start(house: House):
    """PCI DSS 10.3.4: it says that all above was compared, where it was written and nowhere else."""
    run("replay_journal")
    compared = settings.AUDIT_JOURNAL.read_bytes().splitlines(keepends=True)[-1]
    assert b" journal.checked " in compared
    tokens.deactivate(house.token("stopped"), by=SETUP)
    house.put_back()
    with settings.AUDIT_JOURNAL.open("ab") as file:
        file.write(compared)
    assert replay(by=SETUP).lost == 1
    assert not house.is_let_through("stopped")


def test_a_cut_is_told_until_somebody_says_that_it_was_a_backup(house: House):
    """PCI DSS 10.3.2, 10.3.4; ASVS 16.4.2: the next start ends again what had ended, and launders nothing."""
    end_everything(house)
    cut(AuditEvent.objects.count() - 5)
    assert run("check_audit")[0] == 1
    out = run("replay_journal")[1]
    number = restored()
    assert f"--acknowledge {number} --reason" in out
    for _ in range(2):
        code, out, _ = run("check_audit")
        assert (code, f"as event {number} tells" in out) == (1, True)
        run("replay_journal")
    assert run("replay_journal", "--acknowledge", str(number + 1), "--reason", "No such")[0] == 1
    assert run("replay_journal", "--acknowledge", str(number))[0] == 2
    assert run("replay_journal", "--reason", "No number")[0] == 2
    assert run("check_audit")[0] == 1
    assert run("replay_journal", "--acknowledge", str(number), "--reason", "The disk was broken")[0] == 0
    event = AuditEvent.objects.latest("number")
    assert (event.type, event.details) == ("log.acknowledged", {"number": number, "reason": "The disk was broken"})
    assert event.actor_label.startswith("manage.py replay_journal, run by ")
    assert run("check_audit")[0] == 0
    settings.AUDIT_JOURNAL.unlink()
    assert run("check_audit")[0] == 0, "the log knows, too"


def test_to_cut_off_what_tells_of_a_cut_or_of_its_acknowledgement_is_told_as_another(house: House):
    """PCI DSS 10.3.4: neither event can be taken out of the log again without a fault."""
    end_everything(house)
    cut(AuditEvent.objects.count() - 5)
    run("replay_journal")
    cut(restored() - 1)
    assert run("check_audit")[0] == 1
    run("replay_journal")
    assert len(comparison.compare().pending) == 2
    acknowledge()
    assert run("check_audit")[0] == 0
    cut(AuditEvent.objects.count() - 1)
    assert run("check_audit")[0] == 1
    run("replay_journal")
    assert run("check_audit")[0] == 1


def test_without_a_journal_an_unacknowledged_restore_is_told_by_the_log(house: House):
    """PCI DSS 10.3.4: whoever begins the file anew does not make it forgotten."""
    before = AuditEvent.objects.count()
    end_everything(house)
    cut(before)
    run("replay_journal")
    settings.AUDIT_JOURNAL.unlink()
    code, out, _ = run("check_audit")
    assert (code, f"as event {restored()} tells" in out) == (1, True)


def test_a_backup_may_be_put_back_twice(house: House):
    """What was lost the first time is excused and not done again; what was decided in between holds."""
    tokens.deactivate(house.token("stopped"), by=SETUP)
    house.put_back()
    replay(by=SETUP)
    tokens.reactivate(house.token("stopped"), by=SETUP)
    house.put_back()
    assert replay(by=SETUP).done == []
    assert house.is_let_through("stopped")
    acknowledge()
    assert run("check_audit")[0] == 0
