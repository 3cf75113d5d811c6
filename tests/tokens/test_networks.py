"""Tokens that may be used from some networks only."""

import pytest

from tests.factories import make_token
from tests.tokens.conftest import House
from tokens.verification import GOOD


@pytest.mark.parametrize(
    ("caller", "reason"),
    [
        ("192.0.2.1", GOOD),
        ("::ffff:192.0.2.1", GOOD),
        ("2001:db8:1::7", GOOD),
        ("192.0.3.1", "network"),
        ("2001:db8:2::7", "network"),
        ("unknown", "network"),
        ("", "network"),
    ],
)
def test_a_token_with_networks_is_good_from_there_alone(house: House, caller, reason):
    _, secret = make_token(house.merchant, networks="192.0.2.0/24 2001:db8:1::/48")
    assert house.reason(secret, caller=caller) == reason
