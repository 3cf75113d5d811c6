"""Going over to a new vault key is killed again and again, and nothing is lost; the long run is a campaign."""

import pytest

from tests.campaigns.vault import Campaign


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_is_killed_leaves_every_key_readable_and_is_finished_by_the_next(tmp_path):
    """S4-5: 4,000 keys, three times kill -9; the campaign does 100,000 and twenty."""
    report = Campaign(4_000, tmp_path).run(kills=3)
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert (report.kills, report.unreadable, report.broken) == (3, 0, [])
