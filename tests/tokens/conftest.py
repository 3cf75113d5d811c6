"""A small account tree with one token, and the gateway that asks about it."""

from dataclasses import dataclass

import pytest

from accounts import lifecycle as entities
from accounts.models import Entity
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_token
from tokens import formats
from tokens.models import Token
from tokens.verification import Decision, decide


@dataclass
class House:
    """partner > company > merchant > two channels with a terminal each, and a second merchant with a channel."""

    partner: Entity
    company: Entity
    merchant: Entity
    channel: Entity
    terminal: Entity
    other_channel: Entity
    other_terminal: Entity
    sibling: Entity
    sibling_channel: Entity
    gateway: Token
    gateway_secret: str
    token: Token
    secret: str

    def decide(self, secret: str | None = None, **bindings: str) -> Decision | None:
        """Return what is decided on the token, or on `secret`, when the gateway asks."""
        return decide(self.secret if secret is None else secret, gateway=self.gateway_secret, **bindings)

    def reason(self, secret: str | None = None, **bindings: str) -> str:
        decision = self.decide(secret, **bindings)
        assert decision is not None
        return decision.reason

    def suspend(self, *entities_: Entity) -> None:
        for entity in entities_:
            entities.suspend(entity, by=SETUP)

    def reactivate(self, *entities_: Entity) -> None:
        for entity in entities_:
            entities.reactivate(entity, by=SETUP)


@pytest.fixture
def house(db) -> House:
    partner = make_entity(Entity.Kind.PARTNER, "Partner")
    company = make_entity(Entity.Kind.COMPANY, "Company", under=partner)
    merchant = make_merchant("Merchant", under=company)
    for name in ["Channel", "Other channel"]:
        channel = make_entity(Entity.Kind.CHANNEL, name, under=merchant)
        make_entity(Entity.Kind.TERMINAL, f"Terminal of {name}", under=channel)
    make_entity(Entity.Kind.CHANNEL, "Sibling's channel", under=make_merchant("Sibling", under=company))
    from_the_top = Entity.objects.filter(tree_id=partner.tree_id).order_by("lft")  # in the order of the fields above
    return House(*from_the_top, *make_gateway(), *make_token(merchant, alias="Till"))


def with_another_secret(text: str) -> str:
    """Return a well-formed token with the key ID of `text` and a secret that nobody issued."""
    presented = formats.parse(text)
    assert presented is not None
    return formats.write(presented._replace(secret=formats.mint("api", "live").secret))


def rewritten(text: str, **parts: str) -> str:
    """Return `text` with other parts and a checksum that fits them: what somebody would try who read the format."""
    presented = formats.parse(text)
    assert presented is not None
    return formats.write(presented._replace(**parts))


def stored(token: Token) -> dict:
    """Return every column of the token as the database has it."""
    row = Token.objects.filter(pk=token.pk).values().get()
    return row | {"digest": row["digest"] and bytes(row["digest"])}
