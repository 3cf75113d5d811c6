"""Keyhouse's side of the comparison: its rows and the credentials that are presented."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import transaction

from accounts import tree
from tests.bench import bulk
from tokens import digests
from tokens.formats import BASE62, KEY_ID_LENGTH, SECRET_LENGTH, Presented, write
from tokens.permissions import CATALOGUE, write_scope

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TOKENS_OF_A_MERCHANT = 20
MERCHANTS_OF_A_COMPANY = 100
"""A million tokens thus belong to 50,000 merchants, and each of those has a channel: 100,000 entities."""


def fill(tokens: int) -> dict:
    """Fill the empty database with `tokens` API tokens, a gateway and the entities they need.

    Returns `{gateway, good: [...], unknown: [...], wrong: [...], malformed: [...]}`: credentials of each sort, those
    that are good drawn from everywhere among all.
    """
    chance = random.Random(tokens)
    merchants = max(1, tokens // TOKENS_OF_A_MERCHANT)
    with transaction.atomic():
        owners = _fill_entities(merchants)
        gateway = _mint(chance, "gtw")
        minted = [gateway, *(_mint(chance, "api") for _ in range(tokens))]
        _fill_tokens(minted, owners)
    bulk.settle()
    good = chance.sample(minted[1:], min(tokens, bulk.PRESENTED))
    return {
        "gateway": write(gateway),
        "good": [write(token) for token in good],
        "unknown": [write(_mint(chance, "api")) for _ in good],
        "wrong": [write(Presented("api", "live", token.key_id, _text(chance, SECRET_LENGTH))) for token in good],
        "malformed": [write(token)[:-1] + "!" for token in good],
    }


def _fill_entities(merchants: int) -> list[int]:
    """Stand partners, companies, merchants and channels; return the primary keys of the merchants with tokens."""
    rows = list(_forest(merchants))
    sorts = {row["pk"]: row["sort"] for row in rows}
    position = ["parent_id", "tree_id", "lft", "rght", "level"]
    bulk.load(
        "accounts_entity",
        ["id", "entity_id", "kind", "name", "status", "created_at", *position],
        (
            (
                row["pk"],
                f"{sorts[row['pk']].removeprefix('-')[:3]}_{row['pk']:016d}",
                sorts[row["pk"]].removeprefix("-"),
                f"Entity {row['pk']}",
                "suspended" if sorts[row["pk"]].startswith("-") else "active",
                bulk.moment(NOW),
                *(row[name] for name in position),
            )
            for row in sorted(tree.positions(rows), key=lambda row: row["level"])
        ),
    )
    return [pk for pk, sort in sorts.items() if sort == "merchant"]


def _forest(merchants: int) -> Iterator[dict]:
    """Yield `{pk, parent_id, sort}`, parents first; every company has a suspended merchant (`-merchant`) too."""
    pk = company = 0
    for number in range(merchants):
        if number % MERCHANTS_OF_A_COMPANY == 0:
            company = pk + 2
            yield {"pk": pk + 1, "parent_id": None, "sort": "partner"}
            yield {"pk": company, "parent_id": pk + 1, "sort": "company"}
            yield {"pk": pk + 3, "parent_id": company, "sort": "-merchant"}
            pk += 3
        yield {"pk": pk + 1, "parent_id": company, "sort": "merchant"}
        yield {"pk": pk + 2, "parent_id": pk + 1, "sort": "channel"}
        pk += 2


def _fill_tokens(minted: list[Presented], owners: list[int]) -> None:
    pepper, scope, now = digests.newest_pepper(), write_scope(CATALOGUE), bulk.moment(NOW)
    columns = (
        "kind mode status key_id entity_id digest pepper_id last4 scope networks slot alias description created_at"
    )
    bulk.load(
        "tokens_token",
        columns.split(),
        (
            (
                token.kind,
                token.mode,
                "active",
                token.key_id,
                owners[number % len(owners)] if token.kind == "api" else None,
                digests.digest(token, pepper),
                pepper,
                token.secret[-4:],
                scope if token.kind == "api" else "",
                "",
                "",
                f"Token {number}",
                "",
                now,
            )
            for number, token in enumerate(minted)
        ),
    )


def _mint(chance: random.Random, kind: str) -> Presented:
    """Return a credential as `formats.mint` does, but one that repeats itself with the next run."""
    return Presented(kind, "live", _text(chance, KEY_ID_LENGTH), _text(chance, SECRET_LENGTH))


def _text(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(BASE62, k=length))
