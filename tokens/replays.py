"""Which signed messages have been verified already: the same one again, within its tolerance, is a replay.

One insert decides, on whichever worker or machine: the digest is unique, and of two at the same moment the database
lets one through. It is committed before anybody is told that the message is good. A look comes first, so that whoever
sends the same message over and over takes no writer's turn from anybody: SQLite has one.
"""

import hashlib
import itertools
from datetime import UTC, datetime
from time import time
from typing import Any

from django.db import Error, connection

from tokens.signing import TOLERANCE

KEPT = 2 * TOLERANCE
"""Seconds beyond its timestamp for which a message is remembered: its tolerance, and as much for clocks that differ."""
PRUNED_AT_ONCE = 1_000
PRUNE_EVERY = 250
"""So many messages of one process later the old ones are deleted: what is stored stays bounded by the traffic."""

_SEEN = "SELECT 1 FROM tokens_seenmessage WHERE digest = %s"
_CLAIM = "INSERT INTO tokens_seenmessage (digest, until) VALUES (%s, %s) ON CONFLICT (digest) DO NOTHING"
_PRUNE = """
DELETE FROM tokens_seenmessage
 WHERE id IN (SELECT id FROM tokens_seenmessage WHERE until < %s ORDER BY until LIMIT %s {unlocked})
"""
_UNLOCKED = {"sqlite": "", "postgresql": "FOR UPDATE SKIP LOCKED"}
"""Two workers that prune at once take different rows, instead of waiting for each other in a circle."""

_claims = itertools.count(1)


def is_first(merchant: str, mode: str, message_id: str, timestamp: str) -> bool:
    """Note that a message with a signature that holds has come; return whether it is the first with these four.

    Raises django.db.Error where that cannot be noted: then nobody may be told that the message is good.
    """
    # Nothing before the ID has a `|`, so that no two messages have one text.
    digest = hashlib.sha256(f"{merchant}|{mode}|{timestamp}|{message_id}".encode()).digest()
    until = _moment(int(timestamp) + KEPT)
    try:
        is_new = _claim(digest, until)
    except Error:
        if connection.in_atomic_block:
            raise
        connection.close()  # it may have died while it was idle; nothing of the statement is left then
        is_new = _claim(digest, until)
    if next(_claims) % PRUNE_EVERY == 0:
        prune(at_most=PRUNED_AT_ONCE)
    return is_new


def _claim(digest: bytes, until: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [digest])
        if cursor.fetchone():
            return False
        cursor.execute(_CLAIM, [digest, until])
        return bool(cursor.rowcount == 1)


def prune(*, at_most: int) -> int:
    """Delete messages that no verification accepts any more, the oldest first; return how many those were."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE.format(unlocked=_UNLOCKED[connection.vendor]), [_moment(time()), at_most])
        return int(cursor.rowcount)


def _moment(seconds: float) -> Any:
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(seconds, UTC))
