"""After the answer to an ending no request succeeds any more, whichever process is asked."""

import pytest

from tests.campaigns.endings import WAYS, race


@pytest.mark.django_db(transaction=True)
def test_nothing_is_accepted_after_a_token_has_ended_in_any_way(tmp_path):
    """S0-32, S0-34, S0-37, S3-16, S4-15, C10: questions to two processes, asked right after the ending had returned."""
    reports = race(tmp_path, tries=250)
    assert [report.way for report in reports] == list(WAYS)
    for report in reports:
        assert report.tries >= 250, report
        assert report.accepted == 0, report
        assert report.refused == 0, report
        assert report.seen_alive > 0, report
