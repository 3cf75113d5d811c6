"""The peers' side of the comparison: their rows and the credentials that are presented."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction
from knox.crypto import hash_token
from knox.settings import CONSTANTS, knox_settings
from rest_framework_api_key.crypto import Sha512ApiKeyHasher

from tests.bench import bulk

CROWD = 1_000
"""Knox tokens of the one user who has many: Knox loads them all for each request of that user."""


def fill(tokens: int) -> dict:
    """Fill the empty database with `tokens` users who have a Knox token and a token of Django REST framework each, and
    with as many API keys; and with one more user who has CROWD Knox tokens.

    Returns the values of `Authorization` that are presented, each as a list: knox, crowd, token, api-key.
    """
    chance = random.Random(tokens)
    knox = [_hex(chance, knox_settings.AUTH_TOKEN_CHARACTER_LENGTH) for _ in range(tokens + min(CROWD, tokens))]
    plain = [_hex(chance, 40) for _ in range(tokens)]
    keys = [f"{_letters(chance, 8)}.{_letters(chance, 32)}" for _ in range(tokens)]
    now = datetime.now(UTC)
    with transaction.atomic():
        _fill_users(tokens + 1, now)
        _fill_knox(knox, users=tokens, now=now)
        _fill_plain(plain, now)
        _fill_keys(keys, now)
    bulk.settle()

    def drawn(scheme: str, among: Sequence[str]) -> list[str]:
        return [f"{scheme} {text}" for text in chance.sample(among, min(len(among), bulk.PRESENTED))]

    return {
        "knox": drawn("Token", knox[:tokens]),
        "crowd": drawn("Token", knox[tokens:]),
        "token": drawn("Token", plain),
        "api-key": drawn("Api-Key", keys),
    }


def _fill_users(count: int, now: datetime) -> None:
    columns = "id password is_superuser username first_name last_name email is_staff is_active date_joined"
    joined = bulk.moment(now)
    rows = ((pk, "!", False, f"user{pk}", "", "", "", False, True, joined) for pk in range(1, count + 1))
    bulk.load("auth_user", columns.split(), rows)


def _fill_knox(tokens: list[str], *, users: int, now: datetime) -> None:
    """Give each user the first `users` tokens, one each, and the user after them the rest."""
    created, expiry = bulk.moment(now), bulk.moment(now + timedelta(hours=10))  # as Knox does unless told otherwise

    def rows() -> Iterator[tuple]:
        for number, token in enumerate(tokens):
            key = token[: CONSTANTS.TOKEN_KEY_LENGTH]
            yield hash_token(token), key, min(number, users) + 1, created, expiry

    bulk.load("knox_authtoken", ["digest", "token_key", "user_id", "created", "expiry"], rows())


def _fill_plain(tokens: list[str], now: datetime) -> None:
    created = bulk.moment(now)
    rows = ((token, created, number + 1) for number, token in enumerate(tokens))
    bulk.load("authtoken_token", ["key", "created", "user_id"], rows)


def _fill_keys(keys: list[str], now: datetime) -> None:
    created, hasher = bulk.moment(now), Sha512ApiKeyHasher()

    def rows() -> Iterator[tuple]:
        for number, key in enumerate(keys):
            prefix, hashed = key.partition(".")[0], hasher.encode(key, "")
            yield f"{prefix}.{hashed}", prefix, hashed, created, f"Key {number}", False

    columns = ["id", "prefix", "hashed_key", "created", "name", "revoked"]
    bulk.load("rest_framework_api_key_apikey", columns, rows())


def _hex(chance: random.Random, length: int) -> str:
    return f"{chance.getrandbits(4 * length):0{length}x}"


def _letters(chance: random.Random, length: int) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=length))
