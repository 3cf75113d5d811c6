"""`manage.py verify_token`: whether a token is good, and if not, why; for somebody who has it in hand."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.models import AuditEvent
from portal.management.operators import WRONG_USE, OperatorCommand, named_entity
from tokens import formats, verification
from tokens.models import Token
from tokens.permissions import CATALOGUE
from tokens.readers import Unreachable

MOST_BYTES = 1_000
"""Read from standard input: several times what a token needs, and no more."""

NOBODY_KNOWS = 3
"""Exit code where the database does not answer: that is not to be taken for a token that is not good."""

ANSWERS = {
    "malformed": "this is no token of Keyhouse, or it was mistyped.",
    "unknown": "nobody issued a token with this key ID here.",
    "digest": "the key ID is known, but the secret is not the one that belongs to it.",
    "inactive": "it is inactive.",
    "revoked": "it was revoked for good.",
    "removed": "it was removed for good.",
    "expired": "it has expired.",
    "suspended": "its entity, or one above it, is suspended.",
    "person": "the person it belongs to may not sign in any more, or has no access to its merchant.",
    "kind": "it is no API token.",
    "mode": "it is for the other mode.",
    "entity": "it does not belong to that entity, or that one is suspended.",
    "network": "it may be used from some networks only, and no address was given or another one.",
    "permission": "it does not have that permission, or none at all.",
}
"""Reason of the decision -> what an operator is told. No gateway and no client ever is."""


class Command(OperatorCommand):
    """Decide as the gateway's endpoint does, without a gateway and without counting as use of the token."""

    help = (
        "Reads a token from standard input and says whether it is good. "
        "Exit code 0: good, 1: not good, 2: asked wrongly, 3: the database does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer what a gateway may bind a decision to. The token itself is no argument: others could see it."""
        parser.add_argument("--permission", default="", help="such as payment_transaction.edit")
        parser.add_argument("--mode", choices=Token.Mode.values, default="")
        parser.add_argument("--entity", default="", help="entity ID of the merchant, or of something below it")

    def handle(self, *_: str, permission: str, mode: str, entity: str, **__: Any) -> None:
        """Print the answer; exit with 1 where it is not good, with NOBODY_KNOWS where that cannot be told."""
        try:
            self._answer(permission, mode, entity)
        except (Unreachable, DatabaseError) as error:
            sentence = "The database does not answer, so nobody can say whether the token is good."
            raise CommandError(sentence, returncode=NOBODY_KNOWS) from error

    @sensitive_variables()
    def _answer(self, permission: str, mode: str, entity: str) -> None:
        if permission and permission not in CATALOGUE:
            raise CommandError("--permission: There is no such permission.", returncode=WRONG_USE)
        entity = named_entity(entity).entity_id if entity else ""
        text = read_token()
        reason = verification.reason_for(text, permission=permission, mode=mode, entity=entity)
        token = self._looked_up(text, reason)
        about = f" ({token.masked}, “{token.alias}”, {token.state})" if token else ""
        if reason != verification.GOOD:
            self.stdout.write(f"Not good{about}: {ANSWERS[reason]}")
            sys.exit(1)
        self.stdout.write(f"Good{about}.")

    def _looked_up(self, text: str, reason: str) -> Token | None:
        """Return the token that was asked about, noting the look for its merchant, as a look in the admin is noted."""
        presented = formats.parse(text)
        if presented is None or reason == "unknown":
            return None
        token = Token.objects.select_related("entity").get(key_id=presented.key_id)
        with transaction.atomic():
            audit.record(
                AuditEvent.Type.TOKENS_VIEWED,
                by=self.by,
                entity=token.entity,
                target=token.key_id,
                tokens=[token.key_id],
                answer=reason,
            )
        return token


def read_token() -> str:
    """Return what stands on standard input, or what is typed unseen where that is a terminal."""
    piped = not sys.stdin.isatty()
    text = sys.stdin.buffer.read(MOST_BYTES).decode("utf-8", "replace") if piped else getpass("Token: ")
    if not text.strip():
        raise CommandError("No token came on standard input.", returncode=WRONG_USE)
    return text.strip()
