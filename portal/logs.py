"""What is logged: one JSON object a line, whatever stands in it, and no more of what anybody may cause than is useful.

Quotes, line breaks, control and bidirectional characters are escaped, so that nothing that a client sends begins a line
or an object of its own (OWASP ASVS 5.0, 16.4.1). A fault of ours keeps its traceback, inside the object.
"""

import json
import logging
from datetime import UTC, datetime
from threading import Lock
from time import monotonic

from accounts.origin import Origin, came_from
from portal.reports import censored

LONGEST, LONGEST_TRACE = 4_000, 20_000
"""Characters of a message and of a traceback; what is cut off is its end, and the beginning of a traceback."""

PAUSE = 1.0
"""Seconds for which one refusal of a kind stands for the others of that kind."""

SECRET_PARTS = frozenset({"secret", "key"})
"""Names of what stands in an address and is known to one person alone: links of invitations and of new passwords.

Not the person's number beside it: a letter taken out wherever it stands would tear the rest apart, so that nothing
recognises it.
"""


class JsonLine(logging.Formatter):
    """A record as one line of JSON, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        request = getattr(record, "request", None)
        known: Origin = getattr(request, "audit_origin", None) or came_from()
        told = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": censored(record.getMessage())[:LONGEST],
            "request_id": known.request_id,
            "address": known.address,
            # Nobody is looked up for a line.
            "by": getattr(getattr(request, "_cached_user", None), "person_id", ""),
            "status": getattr(record, "status_code", None),
            "left_out": getattr(record, "left_out", None),
            "exception": self.trace_of(record),
        }
        return json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=True, default=str)

    def trace_of(self, record: logging.LogRecord) -> str:
        """Return the traceback of `record` as one text, its end at least; empty where it has none."""
        trace = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        return censored(trace)[-LONGEST_TRACE:]


class Unintended(logging.Filter):
    """Leave out what the server warns of at each start and is intended: how many threads `serve` gives it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Configuration allows spawning up to ")


class Refusals(logging.Filter):
    """Let what clients are refused be told without a traceback, and at most once a second of each kind.

    Otherwise anybody who may open a page fills the log (ASVS 16.4.1, 16.5.2). A fault of ours is left as it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._told: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 0)
        self._hide_secrets(record)
        if not 400 <= status < 500:
            return True
        record.exc_info = record.exc_text = None
        with self._lock:
            kind, now = (record.name, status), monotonic()
            told_at, left_out = self._told.get(kind, (now - PAUSE, 0))
            if now - told_at < PAUSE:
                self._told[kind] = told_at, left_out + 1
                return False
            self._told[kind] = now, 0
        record.left_out = left_out
        return True

    @staticmethod
    def _hide_secrets(record: logging.LogRecord) -> None:
        """Take the secret parts of an address out of the message, of whatever kind it is."""
        match = getattr(getattr(record, "request", None), "resolver_match", None)
        secrets = [str(value) for name, value in (match.kwargs if match else {}).items() if name in SECRET_PARTS]
        if secrets and isinstance(record.args, tuple):
            for secret in secrets:
                record.args = tuple(
                    each.replace(secret, "...") if isinstance(each, str) else each for each in record.args
                )
