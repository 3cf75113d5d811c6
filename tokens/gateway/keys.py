"""`POST /gateway/keys`: the payment core reads an active key that can be read again, an HMAC key or the password.

Only a gateway whose own credential has the scope `keys.read` may, and each time is an event of the merchant that names
that gateway (S4-3, C1). REST API keys are digests: nobody can read them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from django.db import connection

from accounts import audit
from accounts.refusals import Refused
from tokens import vault
from tokens.gateway.merchants import asked, authenticated, bindings
from tokens.gateway.problems import Problem, endpoint
from tokens.keys import lifecycle
from tokens.models import SharedKey, Token
from tokens.permissions import KEYS_READ

PATH = "/gateway/keys"


@endpoint
def application(environ: dict) -> dict:
    """Answer with the key's value. Raises Problem where this gateway, or anybody, may not have it."""
    gateway = authenticated(environ)
    said = bindings(environ, "entity", "mode", "slot")
    _check_slot(said["slot"])
    question = asked(gateway, **said, needs=KEYS_READ)
    if not question.keys:
        raise Problem(HTTPStatus.CONFLICT, "This slot is empty: the merchant has no such key in this mode.")
    (key,) = question.keys
    vault.open_(key)  # where that fails it is a fault of ours, and no answer about the key
    with audit.origin(environ.get("REMOTE_ADDR", ""), ""):
        value = _read(key.pk, by=audit.Operator(f"gateway {gateway.key_id}"))
    told = {"entity": question.merchant, "mode": key.mode, "slot": key.slot, "key_id": key.key_id}
    return told | {"value": value}


def _check_slot(slot: str) -> None:
    if slot in Token.RestSlot.values:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "A REST API key is shown once, at its creation. Nobody can read it again."
        )
    if slot not in SharedKey.Slot.values:
        raise Problem(HTTPStatus.BAD_REQUEST, f"`slot` is one of {', '.join(SharedKey.Slot.values)}.")


def _read(pk: int, *, by: audit.Operator) -> str:
    with _fresh_connection():
        try:
            return lifecycle.read(SharedKey.objects.select_related("entity").get(pk=pk), by=by)
        except Refused:
            raise Problem(HTTPStatus.CONFLICT, "This key has been revoked or renewed just now. Ask again.") from None


@contextmanager
def _fresh_connection() -> Iterator[None]:
    """Do for Django's connection what each of its requests does; in the middle of a transaction, nothing."""
    if connection.in_atomic_block:
        yield
        return
    connection.close()
    try:
        yield
    finally:
        connection.close()
