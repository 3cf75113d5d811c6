"""A worker that is killed takes nothing with it that was acknowledged: the short version of the campaign."""

import pytest

from tests.campaigns.crash import LOST_SECONDS, MOST_BROKEN, crash


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_takes_nothing_with_it_but_a_second_of_counts(tmp_path):
    """DESIGN 6, TRAPS: no acknowledged write lost, no half state, the audit chain whole; and the others go on."""
    report = crash(tmp_path, kills=3)
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert report.kills == 3
    assert report.faults == []
    assert report.acknowledged["in the portal"] > 10
    assert report.acknowledged["by command"] > 0
    assert report.broken <= report.kills * MOST_BROKEN
    assert report.lost_seconds < 2 * LOST_SECONDS, "the machine may be busy with other tests"
