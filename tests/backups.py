"""A house of which there is a backup, and what ends in it after that was made."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import connection

from accounts import comparison
from accounts.models import AuditEvent, Entity
from tests.commands import run
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_token, put_into
from tests.test_checks import tamper
from tests.tokens.questions import ask
from tokens import lifecycle as tokens
from tokens import rotation
from tokens.keys import lifecycle as keys
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey, Token
from tokens.sdk import lifecycle as sdk


@dataclass
class House:
    """A merchant with things that can end, and who asks about them."""

    merchant: Entity
    gateway: str
    secrets: dict[str, str]
    put_back: Callable[[], None]

    def token(self, alias: str) -> Token:
        return Token.objects.get(alias=alias)

    def is_let_through(self, alias: str) -> bool:
        question = {"X_Keyhouse_Gateway": self.gateway, "Authorization": f"Bearer {self.secrets[alias]}"}
        return ask("kind=api,sdk&mode=live", **question).status == HTTPStatus.OK


@pytest.fixture(name="house")
def backed_up(tmp_path) -> House:
    """Return a house as it was when the backup was made."""
    merchant = make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind"))
    _, gateway = make_gateway()
    secrets = {alias: make_token(merchant, alias=alias)[1] for alias in ("kept", "stopped", "ended", "gone", "old")}
    till = make_entity("terminal", "Till 1", under=merchant)
    secrets["till"] = make_token(till, kind="sdk", alias="till")[1]
    for slot in ("hmac_primary", "hmac_secondary", "rest_primary"):
        keys.create(merchant, SLOTS[slot], mode="live", by=SETUP)
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as backup:
            connection.connection.backup(backup)

    def put_back() -> None:
        if connection.vendor != "sqlite":
            pytest.skip("a backup is put back as SQLite does it")
        with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as backup:
            backup.backup(connection.connection)

    return House(merchant, gateway, secrets, put_back)


def end_everything(house: House) -> None:
    """End things in the ways there are, by their verbs."""
    tokens.deactivate(house.token("stopped"), by=SETUP)
    put_into(house.token("ended"), "revoked")
    put_into(house.token("gone"), "removed")
    rotation.rotate(house.token("old"), overlap=timedelta(), by=SETUP)
    sdk.lose(Entity.objects.get(name="Till 1"), by=SETUP)
    keys.revoke(SharedKey.objects.get(slot="hmac_primary"), by=SETUP)
    keys.renew(SharedKey.objects.get(slot="hmac_secondary"), by=SETUP)
    keys.revoke(Token.objects.get(slot="rest_primary"), by=SETUP)


def restored() -> int:
    """Return the number of the newest event that says that a backup was put back."""
    return AuditEvent.objects.filter(type="log.restored").latest("number").number


def acknowledge() -> None:
    """Say of every backup that was put back that it was us."""
    for number in {restore.number for restore in comparison.compare().pending}:
        assert run("replay_journal", "--acknowledge", str(number), "--reason", "The disk was broken")[0] == 0


def cut(after: int) -> None:
    tamper(f"DELETE FROM accounts_auditevent WHERE number > {after}")  # noqa: S608
