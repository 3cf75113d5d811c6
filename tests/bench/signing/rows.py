"""Merchants with their keys, and a gateway that asks."""

import random

from accounts.audit import Operator
from tests.bench import bulk
from tests.campaigns.vault import fill as fill_keys
from tests.campaigns.vault import value_of
from tokens import lifecycle
from tokens.models import SharedKey, Token


def fill(keys: int) -> dict:
    """Fill the empty database with `keys` integration keys, six of each merchant, and make a gateway.

    Returns `{gateway, keys: [[entity ID, primary HMAC key], ...]}`, drawn from everywhere among all.
    """
    fill_keys(keys)
    _, gateway = lifecycle.create(None, kind=Token.Kind.GATEWAY, alias="Bench", by=Operator("bench"))
    primary = SharedKey.objects.filter(slot="hmac_primary", mode="live").order_by("pk")
    found = list(primary.values_list("entity__entity_id", "key_id"))
    chosen = random.Random(keys).sample(found, min(len(found), bulk.PRESENTED))
    return {"gateway": gateway, "keys": [(entity, value_of(key_id).decode()) for entity, key_id in chosen]}
