"""What stands in the database for a token: a keyed digest, useless without the pepper."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens import digests, formats
from tokens.formats import BASE62, mint

PEPPERS = {1: b"first" * 8, 3: b"third" * 8, 2: b"second" * 8}


@pytest.fixture
def peppers(settings) -> dict[int, bytes]:
    settings.TOKEN_PEPPERS = PEPPERS
    return PEPPERS


@pytest.mark.parametrize("number", PEPPERS)
def test_a_digest_is_the_hmac_of_key_id_and_secret_under_its_pepper(peppers, number):
    token = mint("api", "live")
    expected = hmac.new(peppers[number], f"{token.key_id}.{token.secret}".encode(), hashlib.sha256).digest()
    assert digests.digest(token, number) == expected
    assert len(expected) == 32


@given(pepper=st.binary(min_size=1, max_size=200))
def test_a_pepper_of_any_length_is_a_key_of_hmac(pepper):
    """RFC 2104, section 2: shorter than a block of the hash, as long, and longer, where it is hashed first."""
    token = mint("api", "live")
    assert digests._digest(token, pepper) == hmac.digest(pepper, f"{token.key_id}.{token.secret}".encode(), "sha256")


def test_each_pepper_gives_another_digest(peppers):
    token = mint("api", "live")
    assert len({digests.digest(token, number) for number in peppers}) == len(peppers)


@given(st.text(BASE62, min_size=16, max_size=16), st.text(BASE62, min_size=43, max_size=43))
def test_a_digest_belongs_to_one_key_id(key_id, secret):
    one = formats.Presented("api", "live", key_id, secret)
    other = formats.Presented("api", "live", key_id[::-1], secret)
    assert (digests.digest(one, 1) == digests.digest(other, 1)) == (key_id == key_id[::-1])


def test_new_tokens_use_the_pepper_with_the_highest_number(peppers):
    assert digests.newest_pepper() == 3


def test_a_pepper_that_is_not_configured_is_told(peppers):
    with pytest.raises(KeyError):
        digests.digest(mint("api", "live"), 9)


def test_no_digest_is_the_one_compared_with_for_unknown_tokens(peppers):
    assert len(digests.UNKNOWN) == 32
    assert digests.digest(mint("api", "live"), 1) != digests.UNKNOWN
