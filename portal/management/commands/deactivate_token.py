"""`manage.py deactivate_token`: stop a credential at once, when the portal is out of reach."""

from argparse import ArgumentParser
from typing import Any

from accounts.fields import LONGEST_REASON
from portal.management.operators import OperatorCommand, named_token, typed
from tokens import lifecycle


class Command(OperatorCommand):
    """Stop a token or a gateway credential as the portal does: reversible, and told in the merchant's activity."""

    help = "Deactivates a token or gateway credential. No decision that begins after this accepts it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the public part only, and why."""
        parser.add_argument("key_id", help="key ID: the 16 characters behind kh_api_live_")
        parser.add_argument("--reason", default="", help="goes into the audit log")

    def handle(self, *_: str, key_id: str, reason: str, **__: Any) -> None:
        """Deactivate it, or say why that cannot be done now."""
        token = named_token(key_id)
        lifecycle.deactivate(token, by=self.by, reason=typed(reason, "--reason", longest=LONGEST_REASON))
        owner = f" of {token.entity}" if token.entity else ""
        self.stdout.write(f"“{token.alias}”{owner} is inactive. Requests that carry it are refused from now on.")
