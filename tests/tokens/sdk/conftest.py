"""A merchant with channels and terminals, SDK tokens of every subject, and the people who may have to do with them."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Entity, User
from accounts.permissions import Role
from tests.factories import make_entity, make_merchant, make_token, make_user, put_into
from tokens.models import Token


@dataclass
class Shop:
    """partner > merchant > channel > two terminals, and a rival under another partner; each token with its secret."""

    partner: Entity
    merchant: Entity
    channel: Entity
    till: Entity
    other_till: Entity
    rival: Entity
    seller: User
    """SDK user at the merchant: `of_seller` is theirs."""
    colleague: User
    """Another SDK user there."""
    operator: User
    """Terminal operator of `till`."""
    api: Token
    of_merchant: Token
    of_till: Token
    of_seller: Token
    secrets: dict[str, str]
    """Key ID -> the token's secret string."""

    @property
    def sdk(self) -> dict[str, Token]:
        return {"merchant": self.of_merchant, "terminal": self.of_till, "person": self.of_seller}


def make_sdk(entity: Entity, *, user: User | None = None, **options) -> tuple[Token, str]:
    """Return a new SDK token of `entity`, or of `user` at it, and its secret string."""
    return make_token(entity, kind=Token.Kind.SDK, user=user, **options)


def address(name: str, entity: Entity) -> str:
    """Return the URL of a page of the tokens' app about `entity`."""
    return reverse(f"tokens:{name}", args=[entity.entity_id])


@pytest.fixture
def shop(db) -> Shop:
    partner = make_entity("partner", "Northwind Payments")
    merchant = make_merchant("Aurora Coffee", under=partner)
    channel = make_entity("channel", "Stores", under=merchant)
    tills = [make_entity("terminal", name, under=channel) for name in ("Till 1", "Till 2")]
    rival = make_merchant("Borealis Books", under=make_entity("partner"))
    places = [Entity.objects.get(pk=each.pk) for each in (partner, merchant, channel, *tills, rival)]
    seller, colleague = (make_user(Role.SDK_USER, on=merchant, name=name) for name in ("Noor van Dijk", "Ali Rahimi"))
    operator = make_user(Role.TERMINAL_OPERATOR, on=tills[0])
    made = [
        make_token(merchant, alias="Checkout"),
        make_sdk(merchant, alias="All tills"),
        make_sdk(places[3]),
        make_sdk(merchant, user=seller),
    ]
    secrets = {token.key_id: secret for token, secret in made}
    return Shop(*places, seller, colleague, operator, *(token for token, _secret in made), secrets)


@pytest.fixture
def tills(shop: Shop) -> list[Entity]:
    """Return six terminals in the order of their names: without a token, and with one in every state."""
    made = [make_entity("terminal", f"Stall {number}", under=shop.merchant) for number in range(1, 5)]
    made = [Entity.objects.get(pk=each.pk) for each in made]
    put_into(make_sdk(made[0])[0], "inactive")
    used, _secret = make_sdk(made[1])
    expired, _secret = make_sdk(made[2])
    put_into(make_sdk(made[3])[0], "revoked")
    now = timezone.now()
    Token.objects.filter(pk=used.pk).update(last_used_at=now)
    Token.objects.filter(pk=expired.pk).update(expires_at=now - timedelta(hours=1), last_used_at=now)
    return [*made, shop.till, shop.other_till]
