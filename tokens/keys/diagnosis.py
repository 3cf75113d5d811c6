"""Why a signature does not verify: the mistakes that integrators make, tried one after the other.

What is right is Standard Webhooks 1.0: HMAC-SHA-256 over `{id}.{timestamp}.{body}` with the key's base64-decoded bytes,
written `v1,<base64>`. Every mistake that is known is a way to compute the same from the same parts in another fashion.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts.models import Entity
from tokens import signing, vault
from tokens.keys.slots import HMACS, SLOTS
from tokens.models import SharedKey


@dataclass(frozen=True, slots=True)
class Candidate:
    """An HMAC key of the merchant that the message is tried against. Its value is never shown."""

    slot: str
    mode: str
    value: str

    def __repr__(self) -> str:
        return f"<Candidate {self.slot} {self.mode}>"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: the key that signed the message (None: none did), and what is wrong with it, if anything is."""

    candidate: Candidate | None
    faults: tuple[Promise, ...] = ()

    @property
    def holds(self) -> bool:
        return self.candidate is not None and not self.faults

    @property
    def label(self) -> Promise | str:
        """The name of the slot whose key signed the message."""
        return SLOTS[self.candidate.slot].label if self.candidate else ""


NEITHER = _(
    "No HMAC key of this merchant signed this. Compare the payload byte for byte, and see that the sender has one of "
    "the keys above."
)
NO_SIGNATURE = _("The signature is neither base64 nor hexadecimal: it should read “v1,” and 44 characters of base64.")
STALE = _("The timestamp is more than five minutes from now: the message is old, or the sender's clock is wrong.")
NO_ID = _("The message ID is missing or malformed: 1 to 128 visible ASCII characters without full stop or comma.")
NO_TIMESTAMP = _("The timestamp is missing, or not a number of seconds since 1970.")
MILLISECONDS = _("The timestamp is in milliseconds. It should be in seconds.")
OTHER_MODE = _("It was signed with a key of the other mode: live and test have keys of their own.")
HEX = _("The signature is written in hexadecimal. It should be base64, after “v1,”.")
NO_VERSION = _("The signature lacks its version. It should begin with “v1,”.")

Keying = Callable[[str], bytes]

KEYINGS: tuple[tuple[Keying, Promise | None], ...] = (
    (lambda value: base64.b64decode(value.removeprefix("whsec_")), None),
    (lambda value: value.encode(), _("The key was used as it is written. What follows “whsec_” is base64: decode it.")),
    (
        lambda value: value.removeprefix("whsec_").encode(),
        _("The part after “whsec_” was used as text. It is base64: decode it first."),
    ),
)

Signing = Callable[[bytes, bytes, bytes], bytes]

SIGNINGS: tuple[tuple[Signing, Promise | None], ...] = (
    (lambda name, moment, body: b".".join((name, moment, body)), None),
    (lambda name, moment, body: body, _("Only the payload was signed. Sign “id.timestamp.payload”.")),
    (
        lambda name, moment, body: b".".join((moment, body)),
        _("The message ID was left out. Sign “id.timestamp.payload”."),
    ),
)

BODIES: tuple[tuple[Callable[[bytes], bytes], Promise | None], ...] = (
    (lambda body: body, None),
    (lambda body: body.replace(b"\r\n", b"\n"), None),  # a browser sends each line break of a form as CR LF
    (
        lambda body: body.replace(b"\r\n", b"\n") + b"\n",
        _("A line break at the end of the payload was signed that is not in it."),
    ),
    (
        lambda body: body.replace(b"\r\n", b"\n").rstrip(b"\n"),
        _("The payload ends with a line break that was not signed."),
    ),
)


@sensitive_variables()
def candidates_of(merchant: Entity, mode: str) -> list[Candidate]:
    """Return every HMAC key of `merchant`, those of `mode` first. One that cannot be read is left out."""
    keys = SharedKey.objects.working().filter(entity=merchant, slot__in=HMACS)
    found = []
    for key in sorted(keys, key=lambda key: (key.mode != mode, key.slot)):
        with suppress(vault.Unreadable):
            found.append(Candidate(key.slot, key.mode, vault.open_(key).decode("ascii")))
    return found


@sensitive_variables()
def diagnose(
    candidates: Iterable[Candidate], *, mode: str, message_id: str, timestamp: str, signature: str, payload: str
) -> Finding:
    """Return which of `candidates` signed the message, and each thing that keeps it from verifying in `mode`."""
    given = list(_signatures(signature))
    if not given:
        return Finding(None, (NO_SIGNATURE,))
    body = payload.encode("utf-8", "surrogatepass")
    parts = (message_id.encode("utf-8", "surrogatepass"), timestamp.encode("utf-8", "surrogatepass"), body)
    for candidate in candidates:
        faults = _match(candidate, given, *parts)
        if faults is not None:
            other = (OTHER_MODE,) if candidate.mode != mode else ()
            named = () if signing.is_id(message_id) else (NO_ID,)
            return Finding(candidate, (*other, *faults, *named, *_clock(timestamp)))
    return Finding(None, (NEITHER, *_clock(timestamp)))


@sensitive_variables()
def _match(
    candidate: Candidate, given: list[tuple[bytes, tuple[Promise, ...]]], name: bytes, moment: bytes, body: bytes
) -> tuple[Promise, ...] | None:
    """Return what was done wrong with this key; nothing where all is right, None where the key did not sign it."""
    for keying, key_fault in KEYINGS:
        key = keying(candidate.value)
        for content, content_fault in SIGNINGS:
            for change, body_fault in BODIES:
                made = hmac.digest(key, content(name, moment, change(body)), hashlib.sha256)
                for told, form_faults in given:
                    if hmac.compare_digest(made, told):
                        return (*filter(None, (key_fault, content_fault, body_fault)), *form_faults)
    return None


def _signatures(text: str) -> Iterator[tuple[bytes, tuple[Promise, ...]]]:
    """Yield each signature in `text` as bytes, with what is wrong about how it is written."""
    for part in text.split():
        version, comma, written = part.rpartition(",")
        unversioned = () if comma and version == "v1" else (NO_VERSION,)
        try:
            if len(written) == 64:
                yield bytes.fromhex(written), (HEX, *unversioned)
                continue
            padded = written.replace("-", "+").replace("_", "/") + "=" * (-len(written) % 4)
            decoded = base64.b64decode(padded, validate=True)
        except (ValueError, binascii.Error):
            continue
        if len(decoded) == hashlib.sha256().digest_size:
            yield decoded, unversioned


def _clock(timestamp: str) -> tuple[Promise, ...]:
    if not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > 15:
        return (NO_TIMESTAMP,)
    seconds = int(timestamp)
    if seconds > 100_000_000_000:
        return (MILLISECONDS,)
    if not signing.is_timestamp(timestamp):
        return (NO_TIMESTAMP,)
    return () if signing.is_current(timestamp, time.time()) else (STALE,)
