"""The token string: what was minted can be read back, and nothing else can."""

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens import formats
from tokens.formats import BASE62, TOKEN_LENGTH, Presented, mask, mint, parse, write

KINDS, MODES = ["api", "sdk", "gtw"], ["live", "test"]
FORM = re.compile(r"kh_(api|sdk|gtw)_(live|test)_[0-9A-Za-z]{16}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}")
KNOWN = Presented("api", "live", "0123456789ABCDEF", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg")
KNOWN_TEXT = "kh_api_live_0123456789ABCDEF_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg2kUkBp"

base62 = st.text(BASE62, min_size=1)
tokens = st.builds(
    Presented,
    st.sampled_from(KINDS),
    st.sampled_from(MODES),
    st.text(BASE62, min_size=16, max_size=16),
    st.text(BASE62, min_size=43, max_size=43),
)


def read_base62(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 62 + BASE62.index(digit)
    return number


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_minted_reads_back(kind, mode):
    minted = mint(kind, mode)
    text = write(minted)
    assert parse(text) == minted
    assert (minted.kind, minted.mode) == (kind, mode)
    assert FORM.fullmatch(text)
    assert len(text) == TOKEN_LENGTH


@given(tokens)
def test_whatever_is_written_reads_back(token):
    assert parse(write(token)) == token


def test_a_token_of_today_can_be_read_for_ever():
    assert write(KNOWN) == KNOWN_TEXT
    assert parse(KNOWN_TEXT) == KNOWN


@given(tokens)
def test_the_last_six_characters_are_the_crc_32_of_all_before_them(token):
    text = write(token)
    assert read_base62(text[-6:]) == zlib.crc32(text[:-6].encode())
    assert text[:-6].endswith(token.secret)


def test_every_single_changed_character_is_refused():
    odd = "_- .\0\n\x7fé\uff10\uff3f\U0001d7d8\ud800"
    for position, right in enumerate(KNOWN_TEXT):
        for wrong in set(BASE62 + odd) - {right}:
            changed = KNOWN_TEXT[:position] + wrong + KNOWN_TEXT[position + 1 :]
            assert parse(changed) is None, f"{wrong!r} at {position}"


@given(st.data())
def test_swapped_missing_and_doubled_characters_are_refused(data):
    text = write(data.draw(tokens))
    at = data.draw(st.integers(0, TOKEN_LENGTH - 2))
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert swapped == text or parse(swapped) is None
    assert parse(text[:at] + text[at + 1 :]) is None
    assert parse(text[: at + 1] + text[at:]) is None


@pytest.mark.parametrize(
    "around", [" {}", "{} ", "{}\n", "\ufeff{}", "{}\0", "Bearer {}", "{0}{0}", "{0},{0}", "{0} {0}"]
)
def test_anything_around_a_token_is_refused(around):
    assert parse(around.format(KNOWN_TEXT)) is None


@given(st.text() | st.text(st.characters(), min_size=TOKEN_LENGTH, max_size=TOKEN_LENGTH))
def test_any_text_is_safe_to_read(text):
    assert parse(text) is None


@given(st.binary(max_size=200))
def test_any_bytes_of_a_header_are_safe_to_read(raw):
    assert parse(raw.decode("latin-1")) is None
    assert parse(raw.decode("utf-8", "surrogateescape")) is None


@given(st.from_regex(FORM, fullmatch=True))
def test_the_right_form_without_the_right_checksum_is_refused(text):
    right = zlib.crc32(text[:-6].encode()) == read_base62(text[-6:])
    assert (parse(text) is not None) == right


def test_no_two_tokens_are_alike_in_any_part():
    minted = [mint("api", "live") for _ in range(5_000)]
    assert len({token.key_id for token in minted}) == len(minted)
    assert len({token.secret for token in minted}) == len(minted)


def test_every_character_is_used_about_equally():
    text = "".join(mint("api", "live").secret for _ in range(1_500))
    assert set(text) == set(BASE62)
    expected = len(text) / 62  # 1,040 each; six standard deviations are 194
    assert all(abs(text.count(character) - expected) < 6 * expected**0.5 for character in BASE62)


def test_the_secret_has_more_than_the_112_bits_of_nist_sp_800_63b():
    assert 62**formats.SECRET_LENGTH > 2**256


@given(tokens)
def test_the_mask_shows_the_prefix_four_of_the_key_id_and_the_last_four(token):
    """S0-16, S0-27: the list shows a token that nobody can complete."""
    text = write(token)
    shown = mask(token.kind, token.mode, token.key_id, text[-4:])
    assert shown == f"kh_{token.kind}_{token.mode}_{text[12:16]}…{text[-4:]}"
    assert parse(shown) is None


def test_the_secret_is_in_no_repr_and_cannot_be_changed():
    token = mint("api", "live")
    assert token.secret not in repr(token)
    assert token.key_id in repr(token)
    with pytest.raises(AttributeError):
        token.secret = "other"
