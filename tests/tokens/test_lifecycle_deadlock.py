"""Creating and deactivating tokens of one merchant at the same time: neither waits for the other in a circle."""

import threading
import time
from contextlib import suppress

import pytest
from django.db import connection

from accounts.refusals import Refused
from tests.factories import SETUP, make_merchant, make_token
from tokens import lifecycle
from tokens.models import Token

SECONDS = 3


@pytest.mark.django_db(transaction=True)
def test_creating_and_deactivating_at_once_never_deadlock():
    """S0-32: a deactivation is never the victim. Its event refers to the merchant's row, which a creation holds."""
    merchant = make_merchant()
    tokens = [make_token(merchant)[0] for _ in range(4)]
    faults, done, until = [], [], time.monotonic() + SECONDS

    def run(work) -> None:
        try:
            while time.monotonic() < until:
                work()
                done.append(work)
        except Exception as fault:  # noqa: BLE001  told below
            faults.append(repr(fault))
        finally:
            connection.close()

    def flip(token: Token) -> None:
        for verb in (lifecycle.deactivate, lifecycle.reactivate):
            with suppress(Refused):
                verb(Token.objects.get(pk=token.pk), by=SETUP)

    works = [lambda: make_token(merchant), lambda: make_token(merchant), *(lambda t=t: flip(t) for t in tokens[:3])]
    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(done) > len(works)
