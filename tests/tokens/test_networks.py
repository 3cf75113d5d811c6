"""Tokens that may be used from some networks only."""

import pytest
from django.core.exceptions import ValidationError

from tests.factories import make_token
from tests.tokens.conftest import House
from tokens.forms import NetworksField
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


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7/24, 2001:DB8::/32", "192.0.2.0/24 2001:db8::/32"),
    ],
)
def test_a_network_is_kept_as_its_addresses_are_compared(typed, kept):
    """S0-20: an address of IPv4 that is written as IPv6 is the IPv4 address it stands for."""
    assert NetworksField().clean(typed) == kept


@pytest.mark.parametrize("zone", ["eth0", "\0x", "\u202egnp", "z" * 5_000])
def test_a_network_with_a_zone_is_refused(zone):
    """S0-20: a zone is a name on one machine, and can be any text."""
    with pytest.raises(ValidationError):
        NetworksField().clean(f"fe80::1%{zone}")
