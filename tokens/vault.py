"""Encryption at rest, for keys that the platform has to read again (DESIGN 2: HMAC keys, the encryption password).

AES-256-GCM with a fresh nonce for each sealing (NIST SP 800-38D). What is sealed is bound to its place: table, row,
merchant, slot, mode and version are associated data, so that ciphertext moved to another row, merchant or slot does
not open. The encryption keys are numbered and live outside the database; old ones are kept for reading until
`rotate_keys` has sealed everything anew under the newest.
"""

import secrets
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.events import EventType
from tokens import readers
from tokens.lifecycle import empty_journal
from tokens.models import SharedKey
from tokens.querysets import SharedKeyQuerySet

VERSION = b"\x01"
"""First byte of everything sealed: how the rest is built."""

NONCE = 12
"""Bytes of the nonce (SP 800-38D, 5.2.1.1): random, for at most 2**32 sealings under one key (8.3)."""

MOST_PASSES, PAUSE = 50, 0.1
"""How often `rotate` looks for rows that were being changed, and seconds between: longer than any change takes."""

BATCH = 500
"""Rows that `rotate` seals anew in one transaction, which takes some ten milliseconds."""


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


class StoredKey(NamedTuple):
    """A key's row as the path without models reads it."""

    pk: int
    key_id: str
    entity_id: int
    slot: str
    mode: str
    vault_key: int
    ciphertext: bytes

    def __repr__(self) -> str:
        return f"<StoredKey {self.key_id}>"


COLUMNS = "k.id, k.key_id, k.entity_id, k.slot, k.mode, k.vault_key, k.ciphertext"
"""What a statement selects of `tokens_sharedkey k` for a StoredKey."""


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


_FIRST = f"""
SELECT {COLUMNS} FROM tokens_sharedkey k
 WHERE k.ciphertext IS NOT NULL AND k.vault_key > CAST(CAST(%s AS text) AS integer) ORDER BY k.vault_key LIMIT 3
"""  # noqa: S608  put together from literals


def faults() -> list[str]:
    """Return a sentence for each encryption key that is missing or is not the one its number had before.

    Of each number up to three rows are looked for in an index and opened: cheap enough for `/readyz`. One that opens
    shows that the key is right; a single row may be at fault by itself. Raises Unreachable as `readers.fetch` does.
    """
    found, number = [], -1
    while rows := [StoredKey._make(row) for row in readers.fetch(_FIRST, str(number))]:
        number = rows[0].vault_key
        if number not in settings.VAULT_KEYS:
            found.append(f"KEYHOUSE_VAULT_KEYS lacks key number {number}, under which integration keys are stored.")
        elif not any(_opens(row) for row in rows if row.vault_key == number):
            found.append(f"KEYHOUSE_VAULT_KEYS holds another key as number {number} than the one that was used before.")
    return found


def _opens(key: Sealed) -> bool:
    try:
        open_(key)
    except Unreadable:
        return False
    return True


class Round(NamedTuple):
    """What one transaction of `rotate` did."""

    done: int
    unreadable: list[str]
    """Key IDs of the rows that do not open: they are left as they are, and found again by each pass."""


def waiting() -> int:
    """Return how many keys stand under another encryption key than the newest."""
    return _under_older_keys().count()


def rotate(*, by: audit.Actor) -> Iterator[Round]:
    """Seal everything anew that stands under an older key, and yield what each transaction did.

    May be stopped anywhere, also by a crash, and begun again: a row is readable under its old key until the
    transaction that gives it the new one, together with the event that says so. A row that somebody is just changing
    is passed over, or the two would wait for each other in a circle; after a moment it is looked at again.
    """
    unreadable: set[str] = set()
    for _again in range(MOST_PASSES):
        for done in _pass(by):
            unreadable.update(done.unreadable)
            yield done
        if waiting() <= len(unreadable):
            break
        sleep(PAUSE)
    transaction.on_commit(empty_journal, robust=True)  # pages from before hold what was sealed under the older keys


def _pass(by: audit.Actor) -> Iterator[Round]:
    after = 0
    while True:
        begun = monotonic()
        with transaction.atomic():
            older = _under_older_keys().filter(pk__gt=after).order_by("pk")
            rows = list(older.select_for_update(no_key=True, skip_locked=True)[:BATCH])
            if not rows:
                return
            done = _seal_anew(rows)
            if done.done:
                audit.record(EventType.KEYS_REENCRYPTED, by=by, keys=done.done, vault_key=newest())
        after = rows[-1].pk
        if connection.vendor == "sqlite":
            sleep(monotonic() - begun)  # half of the time is others': who waits for the writer only tries now and then
        yield done


def _under_older_keys() -> SharedKeyQuerySet:
    return SharedKey.objects.filter(ciphertext__isnull=False).exclude(vault_key=newest())


@sensitive_variables()
def _seal_anew(rows: list[SharedKey]) -> Round:
    """Seal `rows`, which are locked, under the newest key; one statement for each, of which the driver makes one."""
    changed: list[tuple[Any, ...]] = []
    unreadable = []
    for row in rows:
        try:
            seal(open_(row), row)
        except Unreadable:
            unreadable.append(row.key_id)
        else:
            changed.append((row.ciphertext, row.vault_key, row.pk))
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE tokens_sharedkey SET ciphertext = %s, vault_key = %s WHERE id = %s AND ciphertext IS NOT NULL",
            changed,
        )
    return Round(len(changed), unreadable)


def _place(key: Sealed) -> bytes:
    """Return what the ciphertext of `key` is bound to. The key ID stands for the row: it is never issued again."""
    return f"1|tokens_sharedkey|{key.vault_key}|{key.key_id}|{key.entity_id}|{key.slot}|{key.mode}".encode()
