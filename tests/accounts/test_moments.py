from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.templatetags.moments import ago


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=4), "4 s ago"),
        (timedelta(minutes=3, seconds=5), "3 min ago"),
        (timedelta(hours=9, minutes=53), "9 h ago"),
        (timedelta(days=1, hours=2), "1 day ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(days=95), "3 months ago"),
        (timedelta(days=800), "2 years ago"),
    ],
)
def test_a_moment_is_told_in_its_largest_unit(past, words):
    """S0-20: usage details are short enough for a table."""
    assert ago(timezone.now() - past) == words


def test_never_says_nothing():
    assert ago(None) == ""
