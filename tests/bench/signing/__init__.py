"""Messages as gateways have them signed and verified."""

import itertools
import secrets
import time
from collections.abc import Iterator

from tokens import signing

SIGN, VERIFY = "/gateway/signatures", "/gateway/signatures/verify"
BODY = b'{"type":"payment.settled","data":"' + b"x" * 990 + b'"}'
"""One kilobyte: Standard Webhooks asks for less than 20."""


def messages(keys: list[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Yield messages that were just signed, each one once: `entity` and the three headers.

    `keys` are (entity ID, HMAC key); each signs in turn.
    """
    run = secrets.token_hex(8)
    of = itertools.cycle([(entity, signing.secret_of(key)) for entity, key in keys])
    for number, (entity, secret) in enumerate(of):
        message_id, timestamp = f"msg_{run}_{number}", str(int(time.time()))
        signed = signing.sign([secret], signing.content(message_id, timestamp, BODY))
        headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signed}
        yield {"entity": entity} | headers
