"""`manage.py issue_token`: an API token for a merchant, its secret alone on standard output."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from portal.management.operators import WRONG_USE, OperatorCommand, named_entity, typed
from tokens import lifecycle
from tokens.models import Token
from tokens.permissions import PRESETS

MOST_DAYS = 3650


class Command(OperatorCommand):
    """Issue a token as the portal does, for a merchant who cannot sign in or a script that sets up a server."""

    help = "Creates an API token. Its secret is printed once, alone, on standard output; pipe it to where it belongs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer what cannot be changed later, and the alias."""
        parser.add_argument("entity_id", help="entity ID of the merchant, such as mer_8Fk2pQ0xRt71LmNa")
        parser.add_argument("--alias", default="", help="what uses the token (default: numbered)")
        parser.add_argument("--mode", choices=Token.Mode.values, default=Token.Mode.LIVE.value)
        parser.add_argument("--preset", choices=list(PRESETS), default="full_access", help="what the token may do")
        parser.add_argument("--expires-in-days", type=int, metavar="N", help="default: never")

    @sensitive_variables()
    def handle(self, *_: str, entity_id: str, alias: str, expires_in_days: int | None, **options: Any) -> None:
        """Create the token; the secret goes to standard output, everything else to the error stream."""
        entity = named_entity(entity_id)
        token, secret = lifecycle.create(
            entity,
            by=self.by,
            alias=typed(alias, "--alias"),
            mode=options["mode"],
            permissions=PRESETS[options["preset"]],
            expires_at=_expiry(expires_in_days),
        )
        self.stdout.write(secret)
        until = f", until {token.expires_at:%Y-%m-%d %H:%M} UTC" if token.expires_at else ""
        self.explain(f"“{token.alias}” of {entity} is active{until}. Key ID: {token.key_id}")
        self.explain("The line on standard output is its secret. It is stored nowhere and cannot be shown again.")


def _expiry(days: int | None):
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(f"--expires-in-days: Use a number from 1 to {MOST_DAYS}.", returncode=WRONG_USE)
    return timezone.now() + timedelta(days=days)
