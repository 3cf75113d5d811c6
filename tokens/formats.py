"""The token string: mint, parse, mask.

    kh_<api|sdk|gtw>_<live|test>_<key ID, 16 base62>_<secret, 43 base62><CRC-32, 6 base62>

Letters, digits and `_` only, so that a double click selects the whole and a secret scanner finds it. The checksum
lets a mistyped token be refused without a database. No Django here.
"""

import re
import secrets
import string
import zlib
from typing import NamedTuple

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_ID_LENGTH = 16
SECRET_LENGTH = 43
"""43 characters of base62 hold 256 bits: above the 112 bits from which NIST SP 800-63B lets a keyed hash suffice."""
CHECKSUM_LENGTH = 6
TOKEN_LENGTH = len("kh_api_live_") + KEY_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH

_PAIRS = [high + low for high in BASE62 for low in BASE62]
"""All two-digit numbers of base 62: a checksum is three of them, in half the time of six digits."""
_BASE = len(_PAIRS)

_BODY = re.compile(r"kh_(api|sdk|gtw)_(live|test)_([0-9A-Za-z]{16})_([0-9A-Za-z]{43})", re.ASCII)


class Presented(NamedTuple):
    """A token string taken apart. Its checksum holds; whether anybody issued it is another question."""

    kind: str
    mode: str
    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"<Presented {self.kind} {self.mode} {self.key_id}>"


def mint(kind: str, mode: str) -> Presented:
    """Return a new credential of `kind` (api, sdk, gtw) and `mode` (live, test), random from the operating system."""
    return Presented(kind, mode, random_text(KEY_ID_LENGTH), random_text(SECRET_LENGTH))


def write(token: Presented) -> str:
    """Return the token as the string its holder stores."""
    body = f"kh_{token.kind}_{token.mode}_{token.key_id}_{token.secret}"
    return body + checksum(body)


def parse(text: str) -> Presented | None:
    """Return `text` taken apart, or None where its form or its checksum does not hold. Any text is safe to give."""
    if len(text) != TOKEN_LENGTH or not text.isascii():
        return None
    body = text[:-CHECKSUM_LENGTH]
    if checksum(body) != text[-CHECKSUM_LENGTH:]:  # before the form: whatever is mistyped ends here
        return None
    match = _BODY.fullmatch(body)
    return Presented._make(match.groups()) if match else None


def mask(kind: str, mode: str, key_id: str, last4: str) -> str:
    """Return what may be shown for ever: the prefix, the key ID's first four and the token's last four characters."""
    return f"kh_{kind}_{mode}_{key_id[:4]}…{last4}"


def checksum(body: str) -> str:
    """Return the CRC-32 of `body` (ASCII) as six base62 digits, the highest first."""
    rest, low = divmod(zlib.crc32(body.encode("ascii")), _BASE)
    high, middle = divmod(rest, _BASE)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def random_text(length: int) -> str:
    """Return `length` random characters of base62, from the operating system."""
    return "".join(secrets.choice(BASE62) for _position in range(length))
