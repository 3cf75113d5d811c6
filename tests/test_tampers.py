"""Whatever somebody who owns the database does to the audit log is found. A thousand times:

`python -m tests.campaigns.tampers --tries 1000`.
"""

import pytest

from tests.campaigns import tampers

pytestmark = pytest.mark.django_db(transaction=True)


def test_forty_random_tampers_are_found_and_there_is_no_false_alarm():
    """PCI DSS 10.3.2, 10.3.4; ASVS 16.4.2: edits, deletions, cuts, insertions, swaps, another order, another key."""
    report = tampers.campaign(tries=40)
    assert (report.found.total(), report.missed, report.alarms) == (40, [], 0)
    assert len(report.found) > 9
    assert report.by_journal > 0


def test_without_the_journal_a_cut_would_be_missed(monkeypatch):
    """The campaign does notice: what it says of the journal is not said of the chain."""
    monkeypatch.setattr(tampers, "told_by_the_journal", list)
    assert set(tampers.campaign(tries=40).missed) == {"cut", "cut and restart", "empty"}
