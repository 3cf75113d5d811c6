"""Nonsense on the wire, to a real server: three answers, and the same on each database."""

import pytest
from django.db import connection

from tests.campaigns.fuzz import fuzz, unlike

REQUESTS, SEED = 2_000, 20_261_120


@pytest.mark.django_db(transaction=True)
def test_whatever_bytes_arrive_the_answer_is_one_of_three(tmp_path):
    """TRAPS: one odd byte must be no 500. What is no HTTP, the server refuses before Keyhouse sees it."""
    report = fuzz(tmp_path, requests=REQUESTS, seed=SEED)
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert report.faults == []
    answered = [status for each in report.answers for who, status in each if who == "keyhouse"]
    assert len(answered) > REQUESTS / 2
    assert min(answered.count(status) for status in (200, 401, 403)) > REQUESTS / 20
    if connection.vendor == "postgresql":
        other = f"sqlite:///{tmp_path}/unused.sqlite3"
        assert unlike(other, report, requests=REQUESTS, seed=SEED) == []
