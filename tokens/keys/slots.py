"""The five named slots of a merchant's integration keys, as literal tables (S4-7 ... S4-10).

Each mode has its own five. Three hold keys that the platform must be able to read (`SharedKey`), two hold bearer
tokens (`Token` with a slot). Words of the interface stand here, beside what they are about.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tokens.models import SharedKey, Token

ENCRYPTION = SharedKey.Slot.ENCRYPTION.value
HMAC_PRIMARY = SharedKey.Slot.HMAC_PRIMARY.value
HMAC_SECONDARY = SharedKey.Slot.HMAC_SECONDARY.value
REST_PRIMARY = Token.RestSlot.PRIMARY.value
REST_SECONDARY = Token.RestSlot.SECONDARY.value

HMACS = (HMAC_PRIMARY, HMAC_SECONDARY)
PAIRS = {HMAC_PRIMARY: HMAC_SECONDARY, REST_PRIMARY: REST_SECONDARY}
"""Primary slot -> the secondary that may run beside it (S4-19)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot: what it is called, what its key does, and what a hard replacement of that key stops."""

    name: str
    label: Promise
    use: Promise
    """What the key is for."""
    stops: Promise
    """What stops working the moment the key is renewed or revoked."""
    is_shared: bool = False
    """Whether two sets use it (S4-9), so that both are named before it is replaced (S4-20)."""
    secondary: str = ""
    """The slot that lets it be replaced without interruption; empty: a hard cutover (S4-21)."""

    @property
    def is_recoverable(self) -> bool:
        """Whether its key can be revealed again; the others are bearer tokens, shown once (C1)."""
        return self.name in SharedKey.Slot.values


SLOTS = {
    slot.name: slot
    for slot in (
        Slot(
            ENCRYPTION,
            _("Encryption password"),
            _("Encrypts the payment data of the Legacy API."),
            _("Legacy API requests that are encrypted with the old password."),
        ),
        Slot(
            HMAC_PRIMARY,
            _("Primary HMAC key"),
            _("Signs Legacy API requests, and the notifications of the REST API (Enhanced Webhook)."),
            _("Legacy API requests and REST API webhooks that are signed with the old key: both use this one."),
            is_shared=True,
            secondary=HMAC_SECONDARY,
        ),
        Slot(
            REST_PRIMARY,
            _("Primary REST API key"),
            _("Authenticates REST API calls."),
            _("REST API calls that carry the old key."),
            secondary=REST_SECONDARY,
        ),
        Slot(
            HMAC_SECONDARY,
            _("Secondary HMAC key"),
            _("Signs and verifies beside the primary one while you switch."),
            _("Notifications and requests that are signed with the old secondary key."),
        ),
        Slot(
            REST_SECONDARY,
            _("Secondary REST API key"),
            _("Authenticates REST API calls beside the primary one while you switch."),
            _("REST API calls that carry the old secondary key."),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class KeySet:
    """Slots that belong together, as the interface groups them."""

    name: str
    label: Promise
    about: Promise
    slots: tuple[str, ...]


SETS = (
    KeySet("legacy", _("Legacy API"), _("Both are used in the Legacy API."), (ENCRYPTION, HMAC_PRIMARY)),
    KeySet(
        "rest",
        _("REST API"),
        _("The HMAC key is the Legacy API's, and optional here: for Enhanced Webhook."),
        (HMAC_PRIMARY, REST_PRIMARY),
    ),
    KeySet(
        "double_run",
        _("Double run"),
        _("Both are optional, and for the REST API alone: two sets work in parallel while you switch."),
        (HMAC_SECONDARY, REST_SECONDARY),
    ),
)

USE_CASES = {
    "create": _("For a temporary migration, or before a key rotation."),
    "renew": _("If a key may be compromised, or where you do not rotate keys."),
    "revoke": _("For a temporary migration, or after a key rotation."),
}
"""Verb -> when to use it (S4-12, S4-14, S4-17)."""
