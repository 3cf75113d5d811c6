"""A token gives way to another while its systems go on sending requests."""

from datetime import timedelta

import pytest

from tests.campaigns.rotation import rotate


@pytest.mark.django_db(transaction=True)
def test_whoever_switches_in_time_is_never_refused_and_the_old_token_stops_on_time(tmp_path):
    """C10, S0-40, S2-23: 200 requests a second; the old token works to the end of its overlap, and no longer."""
    report = rotate(tmp_path, seconds=5, overlap=timedelta(seconds=1.5))
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert report.rotations >= 2
    assert report.sent >= 5 * 200 / 2, "a busy machine may be slower, but not that slow"
    assert (report.refused, report.early, report.late) == (0, 0, 0), report
    assert report.is_good, report
