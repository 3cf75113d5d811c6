"""After the answer to a deactivation no request succeeds any more, whichever process is asked."""

import pytest

from tests.campaigns.deactivation import race


@pytest.mark.django_db(transaction=True)
def test_nothing_is_accepted_after_a_token_was_stopped(tmp_path):
    """S0-32, S0-34, S3-16: 2,000 questions to two processes, asked right after the change had returned."""
    report = race(tmp_path, tries=2_000)
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert report.tries >= 2_000
    assert report.accepted == 0
    assert report.live >= 1_000
    assert report.refused == 0
    assert report.changes["deactivation"] > 0
