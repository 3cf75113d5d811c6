from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.templatetags.icons import icon
from accounts.templatetags.moments import ago, when


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


def test_the_exact_time_stands_behind_the_words():
    """S0-20."""
    moment = datetime(2020, 2, 29, 7, 5, 9, 120, tzinfo=UTC)
    exact = 'datetime="2020-02-29T07:05:09.000120+00:00" title="29 Feb 2020, 07:05:09 UTC"'
    assert when(moment).startswith(f"<time {exact}>")
    assert when(None) == '<span class="muted">Never</span>'


def test_the_name_of_a_drawing_is_no_markup():
    assert 'sprite.svg#key"' in icon("key")
    assert "<script>" not in icon("<script>", "<script>")
