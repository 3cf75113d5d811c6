"""How the journal and the log fit together: what `check_audit` tells, and what `portal.replay` has to do again.

A cut at the end of the log and a backup that was put back look alike. Each is a restore that stays a fault until an
operator acknowledges it. Excused are only lines that a restore has named one by one, so that neither a copy of its mark
nor a later cut hides anything (PCI DSS 4.0: 10.3.2, 10.3.4).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from accounts.batches import in_batches
from accounts.events import EventType
from accounts.journal import CHECKED, LOST, RESTORED, Line, files, lines_of, moment_of
from accounts.models import AuditEvent

BATCH = 500
"""Lines whose events are looked up in one query."""


@dataclass
class Restore:
    """That an older database was put back, or the end of the log was cut off: the two look alike."""

    key: str
    """What its mark, its event and its acknowledgement have in common."""
    number: int
    """Of the event that tells of it."""
    agreed: int
    """Of the last event before what was lost."""
    at: str
    left: int = 0
    """How many of the lines that name what was lost are still to come."""


@dataclass
class Comparison:
    """How the journal and the log fit together."""

    count: int = 0
    unreadable: list[int] = field(default_factory=list)
    """The places, counted in lines, of what is no line of ours."""
    copied: list[int] = field(default_factory=list)
    """The places of what tells a second time that a database was put back."""
    strange: dict[tuple[int, str], Line] = field(default_factory=dict)
    """Lines, by number and HMAC, whose event is not in the log, or not as they tell of it."""
    newest: int = 0
    restored: dict[str, Restore] = field(default_factory=dict)
    """When the database was put back, by and by."""
    acknowledged: set[str] = field(default_factory=set)
    """Keys of those of which an operator said that it was them."""

    @property
    def pending(self) -> list[Restore]:
        """Those that nobody has acknowledged."""
        return [restore for key, restore in self.restored.items() if key not in self.acknowledged]

    def take(self, place: int, line: Line, known: dict[int, tuple[str, str, str]]) -> None:
        """Hold the line at this place against what is `known` of its event."""
        if line.type == LOST:
            restore = self.restored.get(line.target)
            if restore and restore.left:
                restore.left -= 1
                self.strange.pop((line.number, line.mac), None)
            else:
                self.copied.append(place)
            return
        if line.type == RESTORED:
            if line.target in self.restored or not line.other:
                self.copied.append(place)
                return
            agreed, left, at = line.other.split(" ")
            self.restored[line.target] = Restore(line.target, line.number, int(agreed), at, int(left))
            self.newest = 0
        if line.type == EventType.LOG_ACKNOWLEDGED:
            self.acknowledged.add(line.target)
        self.newest = max(self.newest, line.number)
        if not _agrees(line, known):
            self.strange[line.number, line.mac] = _event_of(line)

    def ask_the_log(self) -> None:
        """Add what the log alone tells of databases that were put back: the file may have been begun anew since."""
        for event in AuditEvent.objects.filter(type=EventType.LOG_RESTORED).order_by("number"):
            key, agreed = event.target or str(event.number), event.details.get("agreed", 0)
            self.restored.setdefault(key, Restore(key, event.number, agreed, moment_of(event)))
        acknowledged = AuditEvent.objects.filter(type=EventType.LOG_ACKNOWLEDGED)
        self.acknowledged.update(acknowledged.values_list("target", flat=True))


def compare() -> Comparison:
    """Hold every line against the event of its number. The journal is read first: a line is younger than its event."""
    found = Comparison()
    lines = enumerate((line for path in files() for line in lines_of(path)), start=1)
    for batch in in_batches(lines, BATCH):
        known = _known(line for _, line in batch if line)
        for place, line in batch:
            found.count += 1
            if line is None:
                found.unreadable.append(place)
            else:
                found.take(place, line, known)
    found.ask_the_log()
    return found


def lost(is_genuine: Callable[[int], bool]) -> tuple[int, list[Line]]:
    """Return the highest number that log and journal agree on (0: none), and the lines whose events were lost.

    Lost is an event behind the end of the log, and one whose number another event has, which `is_genuine`: that was
    written after an older database was put back. What somebody changed or deleted is not lost, but a case for
    `check_audit`. Reads backwards, as far as the last comparison that still holds; where something is missing, all is
    read once more, to leave out what an earlier restore has named.
    """
    agreed, missing = _missing(is_genuine)
    if missing:
        strange = compare().strange
        missing = {key: line for key, line in missing.items() if key in strange}
    return agreed, sorted(missing.values())


def _missing(is_genuine: Callable[[int], bool]) -> tuple[int, dict[tuple[int, str], Line]]:
    agreed = 0
    missing: dict[tuple[int, str], Line] = {}
    end = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
    lines = (line for path in reversed(files()) for line in lines_of(path, backwards=True))
    for batch in in_batches(lines, BATCH):
        known = _known(line for line in batch if line)
        for line in batch:
            if line is None or line.type == LOST:
                continue
            if _agrees(line, known):
                agreed = max(agreed, line.number)
                if line.type == CHECKED and line.other:
                    return agreed, missing
            elif line.type == CHECKED and (line.number, line.mac) in missing:
                continue  # its event has a line of its own
            elif is_genuine(line.number) if line.number in known else line.number > end:
                missing[line.number, line.mac] = _event_of(line)
    return agreed, missing


def _event_of(line: Line) -> Line:
    """Return the line of the event that a mark stands for; any other line as it is."""
    return line._replace(type=EventType.LOG_RESTORED.value, other="") if line.type == RESTORED else line


def _agrees(line: Line, known: dict[int, tuple[str, str, str]]) -> bool:
    event = known.get(line.number)
    return event is not None and (event == _event_of(line)[1:4] or (line.type == CHECKED and event[0] == line.mac))


def _known(lines: Iterable[Line]) -> dict[int, tuple[str, str, str]]:
    numbers = {line.number for line in lines}
    rows = AuditEvent.objects.filter(number__in=numbers).values_list("number", "mac", "type", "target")
    return {number: (bytes(mac).hex(), kind, target) for number, mac, kind, target in rows}
