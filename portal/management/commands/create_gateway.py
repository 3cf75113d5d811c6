"""`manage.py create_gateway`: the credential with which one of the platform's gateways asks about requests."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from portal.management.operators import WRONG_USE, OperatorCommand, typed
from tokens import lifecycle
from tokens.models import Token
from tokens.permissions import KEYS_READ

MOST_DAYS = 3650


class Command(OperatorCommand):
    """Gateways belong to the platform, so no page creates them: whoever may do that has a shell on the server."""

    help = "Creates a gateway credential. Its secret is printed once, alone, on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for a name by which the gateway is known in lists and logs."""
        parser.add_argument("alias", help="which gateway this is, such as 'Edge Frankfurt'")
        parser.add_argument("--mode", choices=Token.Mode.values, default=Token.Mode.LIVE.value)
        parser.add_argument(
            "--days", type=int, help=f"good for so many days, 1 to {MOST_DAYS} (default: until stopped)"
        )
        parser.add_argument(
            "--may-read-keys",
            action="store_true",
            help="for the payment core: be told HMAC keys and passwords themselves",
        )

    @sensitive_variables()
    def handle(self, *_: str, alias: str, mode: str, days: int | None, may_read_keys: bool, **__: Any) -> None:
        """Create the credential; the secret goes to standard output, everything else to the error stream."""
        alias = typed(alias, "alias")
        if not alias:
            raise CommandError("alias: Enter a name.", returncode=WRONG_USE)
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days: Say a number from 1 to {MOST_DAYS}.", returncode=WRONG_USE)
        until = None if days is None else timezone.now() + timedelta(days=days)
        held = frozenset({KEYS_READ} if may_read_keys else ())
        token, secret = lifecycle.create(
            None, kind=Token.Kind.GATEWAY, alias=alias, mode=mode, permissions=held, expires_at=until, by=self.by
        )
        self.stdout.write(secret)
        self.explain(f"The gateway “{token.alias}” may ask from now on. Key ID: {token.key_id}")
        if until:
            self.explain(f"It expires at {until:%Y-%m-%d %H:%M} UTC. Create the next one before.")
        if may_read_keys:
            self.explain("It may read merchants' keys themselves: keep it to the payment core.")
        self.explain("It sends the line on standard output in the header X-Keyhouse-Gateway. It cannot be shown again.")
