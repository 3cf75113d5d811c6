"""The journal: what the audit log holds, said once more in a file outside the database, a line for each event.

The chain of the log cannot tell that its end was cut off, nor that an older backup was put back; the journal can, since
it goes on where the log ends. A line is written once its event is committed. It names the event's number, HMAC, kind
and target, and is sealed with an HMAC of its own: without AUDIT_KEY nobody writes one (PCI DSS 4.0, 10.3.2 ... 10.3.4).
"""

import fcntl
import hashlib
import hmac
import logging
import mmap
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote, unquote

from django.conf import settings

from accounts.events import ENDINGS
from accounts.models import AuditEvent

logger = logging.getLogger(__name__)

TAG = b"kh1 "
"""What each line begins with; a write that a crash cut short may stand before it in the same line."""

RESTORED = "journal.restored"
"""The kind of the line that says: an older database was put back, and the event of this number tells of it.
Counts once. It excuses nothing by itself; the lines of the kind LOST right behind it do."""

LOST = "journal.lost"
"""The kind of the line that names one event that was lost when a database was put back; that one alone is excused.
Nobody gains by writing it a second time, wherever that is."""

CHECKED = "journal.checked"
"""The kind of the line that says: every line above was held against a database whose last event has this number. Where
the database still has that event, nothing above has to be looked at again. A copy of it elsewhere says nothing."""

MOST_WAITING = 10_000
"""Lines that are kept for later where they cannot be written."""

MOST_ADDED = 100_000
"""Events for which lines are written belatedly, the newest ones."""

_waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
_writing = Lock()


class Line(NamedTuple):
    """What the journal says of one event."""

    number: int
    mac: str
    """HMAC of the event, as hexadecimal digits."""
    type: str
    target: str
    other: str
    """What an ending besides ends, or when it does: the key that a renewal replaced, the end of an overlap."""


def write(events: Iterable[AuditEvent]) -> None:
    """Append a line for each of `events`, which are committed. Where that fails, log it, and try again with the next.

    Endings are forced onto the disk before the answer that tells of them: they are what a backup put back would undo.
    The rest is left to the system, which writes it within half a minute; no event waits for the disk twice for it.
    """
    events = list(events)
    _append([_line_of(event) for event in events], sync=any(event.type in ENDINGS for event in events))


def mark_restored(event: AuditEvent, agreed: int, lost: Iterable[Line]) -> None:
    """Note that the database was put back to the event `agreed`, that `event` tells so, and which lines it is about."""
    named = sorted({(line.number, line.mac) for line in lost})
    told = f"{agreed} {len(named)} {moment_of(event)}"
    mark = _sealed(event.number, bytes(event.mac).hex(), RESTORED, event.target, told)
    _append([mark, *(_sealed(number, mac, LOST, event.target, "") for number, mac in named)], sync=True)


def mark_checked() -> None:
    """Note that the journal was held against the log up to the end of both."""
    newest = next((line for path in reversed(files()) for line in lines_of(path, backwards=True)), None)
    last = AuditEvent.objects.order_by("-number").first()
    if last and not (newest and newest.other and (newest.number, newest.type) == (last.number, CHECKED)):
        _append([_sealed(last.number, bytes(last.mac).hex(), CHECKED, "", _end())], sync=False)


def add_missing(after: int, upto: int) -> None:
    """Write lines for the events behind number `after` up to `upto`, of which the journal does not know yet."""
    missing = AuditEvent.objects.filter(number__gt=after, number__lte=upto).order_by("-number")[:MOST_ADDED]
    if lines := [_line_of(event) for event in reversed(missing)]:
        _append(lines, sync=True)


def moment_of(event: AuditEvent) -> str:
    """Return when it happened, as a mark says it."""
    return event.at.astimezone(UTC).isoformat(timespec="seconds")


def unwritten() -> int:
    """Return how many lines this process could not write yet."""
    return len(_waiting)


def files() -> list[Path]:
    """Return the files of the journal, the oldest first: those that were rotated away stand beside it, uncompressed."""
    path: Path = settings.AUDIT_JOURNAL
    rotated = [each for each in path.parent.glob(f"{path.name}[.-]*") if each.suffix not in {".gz", ".xz", ".zst"}]
    return [*sorted(rotated, key=lambda each: each.stat().st_mtime), *([path] if path.exists() else [])]


def lines_of(path: Path, *, backwards: bool = False) -> Iterator[Line | None]:
    """Yield each line of the file, None for what is none; of a file that just ends, what is there."""
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            if not backwards:
                yield from (_read(line) for line in iter(text.readline, b""))
                return
            end, inode = len(text), os.fstat(file.fileno()).st_ino
            while end > 0:
                start = text.rfind(b"\n", 0, end - 1) + 1
                line = _read(text[start:end])
                if line and line.type == CHECKED and line.other != f"{inode}:{start}":
                    line = line._replace(other="")
                yield line
                end = start


@contextmanager
def held() -> Iterator[None]:
    """Let nobody else compare and mark the journal inside the block. Lines of events are written all the same."""
    settings.AUDIT_JOURNAL.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(_opened(), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(text: bytes) -> Line | None:
    """Return what a line says; None where AUDIT_KEY did not seal it."""
    body, _, seal = text[max(text.rfind(TAG), 0) :].strip().rpartition(b" ")
    if not hmac.compare_digest(seal, _seal(body)):
        return None
    _tag, number, mac, kind, target, other = body.decode("ascii").split(" ")
    return Line(int(number), mac, kind, unquote(target).removeprefix("-"), unquote(other).removeprefix("-"))


def _end() -> str:
    """Return where the next line will stand: which file, and behind how many bytes."""
    descriptor = _opened()
    try:
        known = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return f"{known.st_ino}:{known.st_size}"


def _line_of(event: AuditEvent) -> bytes:
    other = event.details.get("replaced") or event.details.get("until") or ""
    return _sealed(event.number, bytes(event.mac).hex(), event.type, event.target, str(other))


def _sealed(number: int, mac: str, kind: str, target: str, other: str) -> bytes:
    words = f"{number} {mac} {kind} -{quote(target, safe='')} -{quote(other, safe=':+')}"
    body = TAG + words.encode("ascii")
    return body + b" " + _seal(body) + b"\n"


def _seal(body: bytes) -> bytes:
    return hmac.digest(settings.AUDIT_KEY, b"journal " + body, hashlib.sha256)[:16].hex().encode()


def _append(lines: list[bytes], *, sync: bool) -> None:
    """Write `lines` behind what waits already, in one go, so that those of several processes do not mix.

    What cannot be written waits, the newest lines of it. No mark that was written is written again: it counts once.
    """
    with _writing:
        text, written = b"".join([*_waiting, *lines]), 0
        _waiting.clear()
        try:
            descriptor = _opened()
            try:
                while written < len(text):
                    written += os.write(descriptor, text[written:])
                if sync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            again = 0 if written == len(text) and RESTORED.encode() not in text else written
            _waiting.extend(text[text.rfind(b"\n", 0, again) + 1 :].splitlines(keepends=True))
            logger.error("%d lines of the audit journal were not written: %s", len(_waiting), error.strerror)


def _opened() -> int:
    """Open the journal anew: whoever rotates it moves it away and need tell nobody."""
    path: Path = settings.AUDIT_JOURNAL
    with suppress(FileNotFoundError):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
