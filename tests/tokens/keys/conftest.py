"""A merchant with all five slots filled, and the gateway that signs for it."""

from dataclasses import dataclass

import pytest

from accounts.models import Entity, User
from accounts.permissions import Role
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_user
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS
from tokens.models import Token


@dataclass
class House:
    """company > merchant > channel, a second merchant, and the secrets of the first one's live slots."""

    merchant: Entity
    channel: Entity
    sibling: Entity
    developer: User
    gateway: Token
    gateway_secret: str
    secrets: dict[str, str]

    def key(self, slot: str, mode: str = "live") -> lifecycle.Key:
        return lifecycle.keys_of(self.merchant, mode)[slot]


@pytest.fixture
def house(db) -> House:
    company = make_entity(Entity.Kind.COMPANY, "Company")
    merchant, sibling = make_merchant("Merchant", under=company), make_merchant("Sibling", under=company)
    channel = make_entity(Entity.Kind.CHANNEL, "Channel", under=merchant)
    secrets = {name: lifecycle.create(merchant, slot, mode="live", by=SETUP)[1] for name, slot in SLOTS.items()}
    return House(merchant, channel, sibling, make_user(Role.DEVELOPER, on=merchant), *make_gateway(), secrets)
