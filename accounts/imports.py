"""Entities from a CSV file: the whole file is checked, and then all of it is added or nothing.

The columns are `name`, `kind` (partner, company, merchant, channel or terminal) and `parent`: the number of an earlier
row, counted as a spreadsheet does with the header as row 1, or the entity ID of one that exists; nothing means the
place of the import itself. Separated by commas, semicolons or tabs, in UTF-8 with or without a byte order mark.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import audit, tree
from accounts.batches import in_batches
from accounts.fields import clean_text
from accounts.models import AuditEvent, Entity, User
from accounts.public_ids import new_entity_id
from accounts.refusals import Refused

COLUMNS = ("name", "kind", "parent")
MOST_ROWS = 10_000
MOST_BYTES = 2_000_000
SEPARATORS = (",", ";", "\t")
ENTITY_ID = re.compile(r"[a-z]{3}_[0-9A-Za-z]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row; row 0 is the file as a whole."""

    row: int
    sentence: str

    def __str__(self) -> str:
        where = {"row": self.row, "sentence": self.sentence}
        return _("Row %(row)d: %(sentence)s") % where if self.row else self.sentence


@dataclass(slots=True)
class Line:
    """A row of the file, as it was typed and as it is understood."""

    row: int
    name: str
    kind: str
    parent: str
    under: "Entity | int | None" = None
    """The entity that exists, or the place in the plan of the line, below which it is to stand; None: at the top."""


@dataclass(slots=True)
class Plan:
    """What a file would add below `under` (None: at the top), and everything that is wrong with it."""

    under: Entity | None
    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many of each kind, the kinds in their order from the top."""
        kinds = [line.kind for line in self.lines]
        return [(kind.label, kinds.count(kind)) for kind in Entity.Kind if kind in kinds]

    def parent_name(self, line: Line) -> str:
        """Return what the entity above is called; empty for the top."""
        parent = self.lines[line.under] if isinstance(line.under, int) else line.under
        return parent.name if parent else ""


class AlreadyImported(Refused):
    """The same form was confirmed before, and what it was to add was added then."""


def with_plain_ends(content: bytes, *, was_posted: bool = False) -> bytes:
    """Return `content` with line feeds alone at the ends of its lines, as it is measured when it comes and again later.

    A browser writes two characters for each of them into what it posts; that must not make a file too large between
    its preview and its confirmation. A file larger than MOST_BYTES stays as it is: the rest of it was cut off.
    """
    if len(content) > MOST_BYTES and not was_posted:
        return content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def read(content: bytes, *, under: Entity | None) -> Plan:
    """Return what the file `content` would add below `under` (None: at the top), with all that is wrong with it."""
    plan = Plan(under)
    try:
        plan.lines = list(_lines(_text(content), plan.faults))
    except _Unreadable as fault:
        plan.faults.append(Fault(fault.row, str(fault)))
    if not plan.lines and not plan.faults:
        plan.faults.append(Fault(0, _("There is no row below the header.")))
    _find_parents(plan)
    plan.faults.sort(key=lambda fault: fault.row)
    return plan


def add_all(plan: Plan, *, by: audit.Actor, form_key: UUID | None = None) -> int:
    """Add everything in `plan`; return how many entities. Each has an event of its own, and the import has one.

    `form_key` names one confirmation by a person, and the import's event remembers it: the same one sent again, even
    at the same moment, raises AlreadyImported and adds nothing.

    Raises Refused, having added nothing, where the plan has faults or where an entity it names has gone or moved away
    since the file was read.
    """
    if plan.faults:
        raise Refused(_("The file is not right. Nothing was added."))
    author = by if isinstance(by, User) else None
    nodes = [
        Entity(kind=line.kind, name=line.name, entity_id=new_entity_id(line.kind), created_by=author)
        for line in plan.lines
    ]
    with tree.locked():
        _check_form(form_key, by=by)
        known = [line.under.entity_id for line in plan.lines if isinstance(line.under, Entity)]
        if len(_existing(set(known), plan.under)) < len(set(known)):
            raise Refused(_("An entity that the file names has moved away meanwhile. Nothing was added."))
        tree.graft(nodes, [line.under for line in plan.lines])
        audit.record_all(AuditEvent.Type.ENTITY_ADDED, [(node, node.entity_id, _told(node)) for node in nodes], by=by)
        target = plan.under.entity_id if plan.under else ""
        told = {"count": len(nodes)} | ({"form": str(form_key)} if form_key else {})
        audit.record(AuditEvent.Type.ENTITIES_IMPORTED, by=by, entity=plan.under, target=target, **told)
    return len(nodes)


def _check_form(form_key: UUID | None, *, by: audit.Actor) -> None:
    """Raise AlreadyImported where `by` has imported with this form before. The tree is locked all the while."""
    if form_key is None or not isinstance(by, User):
        return
    imported = AuditEvent.objects.filter(type=AuditEvent.Type.ENTITIES_IMPORTED, actor=by)
    if imported.filter(details__form=str(form_key)).exists():
        raise AlreadyImported(_("This file was imported already, when it was confirmed first. Nothing was added now."))


class _Unreadable(Exception):
    """From here on nothing of the file can be understood."""

    def __init__(self, sentence: str, row: int = 0) -> None:
        super().__init__(sentence)
        self.row = row


def _told(node: Entity) -> dict[str, object]:
    return {"name": node.name, "kind": str(node.kind), "under": node.parent.entity_id if node.parent else ""}


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        most = {"most": MOST_BYTES // 1_000_000}
        raise _Unreadable(_("The file is larger than %(most)d MB. Divide it into several files.") % most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Unreadable(_("The file is not in UTF-8. Save it as “CSV UTF-8”, then try again.")) from None


def _lines(text: str, faults: list[Fault]) -> Iterator[Line]:
    """Yield the rows below the header, cleaned; what is wrong with one is added to `faults`, and it is yielded all the
    same, because others may stand below it."""
    rows = _rows(text)
    columns = _columns(next(rows, (1, []))[1])
    for count, (row, cells) in enumerate(rows, start=1):
        if count > MOST_ROWS:
            most = {"most": f"{MOST_ROWS:,}"}
            raise _Unreadable(_("The file has more than %(most)s rows. Divide it into several files.") % most)
        found = dict(zip(columns, cells, strict=False))
        if any(cell.strip() for cell in cells[len(columns) :]):
            faults.append(Fault(row, _("It has more cells than the header. Put text with commas in quotes.")))
        line = Line(row, "", "", found.get("parent", "").strip())
        try:
            line.name = clean_text(found["name"])
            if not line.name:
                faults.append(Fault(row, _("Enter a name.")))
        except ValidationError as error:
            faults.append(Fault(row, error.messages[0]))
        line.kind = _kind(found.get("kind", ""))
        if not line.kind:
            kinds = {"kind": _shown(found.get("kind", "")), "kinds": ", ".join(Entity.Kind.values)}
            faults.append(Fault(row, _("“%(kind)s” is no kind. The kinds are: %(kinds)s.") % kinds))
        yield line


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row that is not empty."""
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row = 0
    try:
        for row, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield row, cells
    except csv.Error as error:
        sentence = _("It cannot be read on from here (%(why)s). Are the quotes closed?") % {"why": error}
        raise _Unreadable(sentence, row + 1) from None


def _columns(header: Sequence[str]) -> list[str]:
    """Return the names of the columns in their order. Raises _Unreadable where they are not ours."""
    names = [cell.strip().lower() for cell in header]
    while names and not names[-1]:
        names.pop()
    unknown = [cell for cell in names if cell not in COLUMNS]
    ours = {"columns": ", ".join(COLUMNS)}
    if unknown:
        words = ours | {"name": _shown(unknown[0])}
        raise _Unreadable(_("“%(name)s” is no column. The columns are: %(columns)s.") % words, 1)
    if len(set(names)) < len(names) or not {"name", "kind"} <= set(names):
        raise _Unreadable(_("The first row names the columns, each once: %(columns)s.") % ours, 1)
    return names


def _kind(text: str) -> str:
    wanted = text.strip().casefold()
    return next((kind.value for kind in Entity.Kind if wanted in {kind.value, str(kind.label).casefold()}), "")


def _find_parents(plan: Plan) -> None:
    """Set below what each line stands, and add a fault where that cannot be."""
    places = {line.row: place for place, line in enumerate(plan.lines)}
    named = {line.parent for line in plan.lines if ENTITY_ID.fullmatch(line.parent)}
    existing = _existing(named, plan.under)
    for line in plan.lines:
        sentence = _place(line, plan, places, existing)
        if sentence:
            plan.faults.append(Fault(line.row, sentence))


def _place(line: Line, plan: Plan, places: dict[int, int], existing: dict[str, Entity]) -> str:
    """Set `line.under`; return what is wrong with it, nothing where it is right."""
    text = line.parent
    if not text:
        line.under = plan.under
    elif text.isascii() and text.isdecimal() and len(text) < 8:
        line.under = places.get(int(text))
        if line.under is None or int(text) >= line.row:
            line.under = None
            return _("There is no row %(row)s before it. Put a parent above what stands below it.") % {"row": text}
    elif text in existing:
        line.under = existing[text]
    elif ENTITY_ID.fullmatch(text):
        return _("There is no entity %(id)s here below which you may add.") % {"id": text}
    else:
        return _("“%(text)s” is neither the number of a row nor an entity ID.") % {"text": _shown(text)}
    return _nesting(line, plan)


def _nesting(line: Line, plan: Plan) -> str:
    """Return why the kind of `line` may not stand below its parent; nothing where it may, or where that has no kind."""
    parent = plan.lines[line.under] if isinstance(line.under, int) else line.under
    if not line.kind or (parent and not parent.kind):
        return ""
    try:
        tree.check_nesting(line.kind, parent.kind if parent else None)
    except tree.Misplaced as refusal:
        return str(refusal)
    return ""


def _shown(text: str) -> str:
    """Return the beginning of what was typed, harmless on a terminal too."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text.strip()[:80])


def _existing(entity_ids: set[str], under: Entity | None) -> dict[str, Entity]:
    """Return those of the entities that stand at or below `under` (None: anywhere), by their entity ID."""
    among = Entity.objects.below(under) if under else Entity.objects.all()
    chunks = in_batches(sorted(entity_ids))
    return {entity.entity_id: entity for chunk in chunks for entity in among.filter(entity_id__in=chunk)}
