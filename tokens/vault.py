"""Encryption at rest, for keys that the platform has to read again (DESIGN 2: HMAC keys, the encryption password).

AES-256-GCM with a fresh nonce for each sealing (NIST SP 800-38D). What is sealed is bound to its place: table, row,
merchant, slot, mode and version are associated data, so that ciphertext moved to another row, merchant or slot does
not open. The encryption keys are numbered and live outside the database; old ones are kept for reading until
`rotate_keys` has sealed everything anew under the newest.
"""

import secrets
from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from tokens.models import SharedKey

VERSION = b"\x01"
"""First byte of everything sealed: how the rest is built."""

NONCE = 12
"""Bytes of the nonce (SP 800-38D, 5.2.1.1): random, for at most 2**32 sealings under one key (8.3)."""

BATCH = 500
"""Rows that `rotate` seals anew in one transaction: a writer in between waits for some ten milliseconds."""


class Sealed(Protocol):
    """What holds a ciphertext and knows what it is bound to: a SharedKey, or its row as the gateway's path reads it."""

    @property
    def key_id(self) -> str: ...
    @property
    def entity_id(self) -> int: ...
    @property
    def slot(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def vault_key(self) -> int: ...
    @property
    def ciphertext(self) -> bytes | memoryview | None: ...


class Unreadable(Exception):
    """What is stored does not open: another key, or it was changed, or it stands where it was not put."""


@sensitive_variables()
def seal(value: bytes, key: SharedKey) -> None:
    """Put `value` into `key`, which is complete but for its ciphertext, under the newest encryption key.

    The row must know its key ID, merchant, slot and mode: they are what the ciphertext is bound to.
    """
    number = newest()
    nonce = secrets.token_bytes(NONCE)
    key.vault_key = number
    key.ciphertext = VERSION + nonce + AESGCM(settings.VAULT_KEYS[number]).encrypt(nonce, value, _place(key))


@sensitive_variables()
def open_(key: Sealed) -> bytes:
    """Return what was sealed into `key`. Raises Unreadable where that cannot be had, without a word about why."""
    sealed = bytes(key.ciphertext or b"")
    secret = settings.VAULT_KEYS.get(key.vault_key)
    if secret is None or sealed[:1] != VERSION:
        raise Unreadable
    try:
        return AESGCM(secret).decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], _place(key))
    except (InvalidTag, ValueError):
        raise Unreadable from None


def newest() -> int:
    """Return the number of the encryption key under which everything new is sealed."""
    return max(settings.VAULT_KEYS)


def faults() -> list[str]:
    """Return a sentence for each encryption key that is missing or is not the one its number had before.

    One row of each number is opened: cheap enough for `/readyz`.
    """
    found = []
    sealed = SharedKey.objects.filter(ciphertext__isnull=False)
    for number in sorted(sealed.order_by().values_list("vault_key", flat=True).distinct()):
        if number not in settings.VAULT_KEYS:
            found.append(f"KEYHOUSE_VAULT_KEYS lacks key number {number}, under which integration keys are stored.")
            continue
        first = sealed.filter(vault_key=number).order_by("pk").first()
        try:
            if first:
                open_(first)
        except Unreadable:
            found.append(f"KEYHOUSE_VAULT_KEYS holds another key as number {number} than the one that was used before.")
    return found


def rotate() -> Iterator[int]:
    """Seal everything anew that stands under an older key, and yield how many rows each transaction did.

    May be stopped anywhere and begun again: a row is readable under its old key until the transaction that gives it
    the new one, and a row that changed meanwhile is left for the next round. Raises Unreadable for a row that does
    not open, having changed nothing of its batch.
    """
    number, after = newest(), 0
    while True:
        with transaction.atomic():
            rows = list(
                SharedKey.objects.filter(pk__gt=after, ciphertext__isnull=False)
                .exclude(vault_key=number)
                .select_for_update(no_key=True)
                .order_by("pk")[:BATCH]
            )
            for row in rows:
                seal(open_(row), row)
            SharedKey.objects.bulk_update(rows, ["ciphertext", "vault_key"])
        if not rows:
            return
        after = rows[-1].pk
        yield len(rows)


def _place(key: Sealed) -> bytes:
    """Return what the ciphertext of `key` is bound to. The key ID stands for the row: it is never issued again."""
    return f"1|tokens_sharedkey|{key.vault_key}|{key.key_id}|{key.entity_id}|{key.slot}|{key.mode}".encode()
