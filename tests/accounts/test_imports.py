"""Entities from a file: everything that is wrong is told with its row, and the whole file is added or nothing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import audit, imports, lifecycle, tree
from accounts.models import AuditEvent, Entity
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_administrator, make_entity, make_merchant

SHOPS = """name,kind,parent
Harbour Group,company,
Aurora Coffee,merchant,2
Web shop,channel,3
Stores,channel,3
Till 1,terminal,5
"""


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


def read(text: str, under: Entity | None) -> imports.Plan:
    return imports.read(text.encode(), under=under)


def faults(text: str | bytes, under: Entity | None) -> list[str]:
    return [
        str(fault) for fault in imports.read(text if isinstance(text, bytes) else text.encode(), under=under).faults
    ]


def outline(under: Entity) -> list[str]:
    """Return the names below `under`, each behind as many dots as it stands deep."""
    top = Entity.objects.get(pk=under.pk)
    rows = Entity.objects.below(under).exclude(pk=under.pk).order_by("lft")
    return ["." * (row.level - top.level) + row.name for row in rows]


# What is added


def test_a_file_becomes_a_tree(partner):
    """S1-2, S0-5: kinds, names and places as the file says; each entity has an event, the import has one."""
    by = make_administrator(partner)
    assert imports.add_all(read(SHOPS, partner), by=by) == 5
    assert outline(partner) == [".Harbour Group", "..Aurora Coffee", "...Web shop", "...Stores", "....Till 1"]
    assert list(tree.check()) == []
    till = Entity.objects.get(name="Till 1")
    assert (till.kind, till.parent.name, till.created_by) == ("terminal", "Stores", by)
    assert till.entity_id.startswith("ter_")
    events = list(AuditEvent.objects.filter(actor=by).order_by("number"))
    assert [event.type for event in events] == ["entity.added"] * 5 + ["entity.imported"]
    stores = Entity.objects.get(name="Stores")
    assert (events[4].entity, events[4].target) == (till, till.entity_id)
    assert events[4].details == {"name": "Till 1", "kind": "terminal", "under": stores.entity_id}
    assert (events[5].entity, events[5].details) == (partner, {"count": 5})
    assert list(audit.verify()) == []


def test_a_file_reaches_into_what_exists(partner):
    """Parents by entity ID, many of them in one tree: what stands behind moves aside and nothing else does."""
    companies = [make_entity("company", f"Company {number}", under=partner) for number in range(4)]
    shops = [make_merchant(f"Shop {number}", under=company) for number, company in enumerate(companies)]
    other = make_merchant("Other", under=make_entity("partner", "Southgate"))
    before = Entity.objects.filter(tree_id=other.tree_id).order_by("pk").values("lft", "rght", "tree_id")
    unmoved = list(before)
    lines = ["kind;parent;name"]
    for number in (2, 0, 3):
        lines += [
            f"channel;{shops[number].entity_id};Web {number}",
            f"merchant;{companies[number].entity_id};New {number}",
        ]
        lines += [f"terminal;{len(lines) - 1};Till {number}"]
    lines.append("company;;Last")
    assert faults("\n".join(lines), partner) == []
    imports.add_all(read("\n".join(lines), partner), by=SETUP)
    assert list(tree.check()) == []
    assert outline(partner) == [
        ".Company 0",
        "..Shop 0",
        "...Web 0",
        "....Till 0",
        "..New 0",
        ".Company 1",
        "..Shop 1",
        ".Company 2",
        "..Shop 2",
        "...Web 2",
        "....Till 2",
        "..New 2",
        ".Company 3",
        "..Shop 3",
        "...Web 3",
        "....Till 3",
        "..New 3",
        ".Last",
    ]
    assert list(before) == unmoved


def test_at_the_top_each_root_is_a_tree_of_its_own(partner):
    text = "name,kind,parent\nWest,partner,\nShop,merchant,2\nAlone,merchant\nSouth,partner,\nIn there,merchant,"
    imports.add_all(read(text + partner.entity_id, None), by=SETUP)
    assert list(tree.check()) == []
    roots = Entity.objects.filter(parent=None).order_by("tree_id")
    assert [root.name for root in roots] == ["Northwind Payments", "West", "Alone", "South"]
    assert outline(partner) == [".In there"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffname,kind\r\nCafé ☕,merchant\r\n".encode(),
        "NAME\tKind\nCafé ☕\tMerchant".encode(),
        '\n\n"name";"kind";""\n\n"  Café ☕ ";"MERCHANT";\n;;\n'.encode(),
        "kind,parent,name,\nmerchant,,Cafe\u0301 ☕".encode(),
    ],
)
def test_a_file_may_be_written_in_many_ways(partner, content):
    """With and without byte order mark, by any spreadsheet; names are stored as a form would store them."""
    imports.add_all(imports.read(content, under=partner), by=SETUP)
    assert outline(partner) == [".Café ☕"]


def test_a_large_file_takes_few_statements(partner):
    """A row is not a statement: 1,000 of them, in three generations and at many places, take less than a hundred."""
    shops = [make_merchant(under=partner) for _ in range(20)]
    lines = ["name,kind,parent", *(f"Channel,channel,{shops[number % 20].entity_id}" for number in range(500))]
    lines += [f"Till,terminal,{number + 2}" for number in range(500)]
    plan = read("\n".join(lines), partner)
    with CaptureQueriesContext(connection) as queries:
        assert imports.add_all(plan, by=SETUP) == 1_000
    assert len(queries) < 100
    assert list(tree.check()) == []
    assert list(audit.verify()) == []


# What is wrong


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["Row 1: The first row names the columns, each once: name, kind, parent."]),
        ("name,kind,parent\n\n,,\n", ["There is no row below the header."]),
        ("name\nShop", ["Row 1: The first row names the columns, each once: name, kind, parent."]),
        ("name,kind,name\nShop,merchant,Shop", ["Row 1: The first row names the columns"]),
        ("name,kind,price\nShop,merchant,1", ["Row 1: “price” is no column. The columns are: name, kind, parent."]),
        (b"name,kind\nCaf\xe9,merchant", ["The file is not in UTF-8."]),
        ("name,kind\nShop,merchant".encode("utf-16"), ["The file is not in UTF-8."]),
        ("name,kind\n,merchant", ["Row 2: Enter a name."]),
        ("name,kind\n" + "x" * 81 + ",merchant", ["Row 2: Use at most 80 characters; this has 81."]),
        ("name,kind\nA\x00b,merchant\nA\u202eb,merchant", ["Row 2: Leave out the invisible", "Row 3: Leave out"]),
        ('name,kind\n"A\nb",merchant', ["Row 2: Leave out the invisible or unreadable character U+000A."]),
        ("name,kind\nShop,shop\nBar,", ["Row 2: “shop” is no kind.", "Row 3: “” is no kind."]),
        ("name,kind\nShop\x1b[31m,merch\x1b[31m", ["Row 2: Leave out", "Row 2: “merch\ufffd[31m” is no kind."]),
        ("name,kind\nShop, Bar,merchant", ["Row 2: It has more cells than the header.", "Row 2: “Bar” is no kind."]),
        ('name,kind\n"Shop,merchant', ["Row 2: It cannot be read on from here"]),
        ('name,kind\n"Shop"s,merchant', ["Row 2: It cannot be read on from here"]),
        ("name,kind\n" + "x" * 200_000 + ",merchant", ["Row 2: It cannot be read on from here (field larger"]),
        ("name,kind\nTill,terminal", ["Row 2: A terminal cannot stand under a partner."]),
        ("name,kind,parent\nShop,merchant,\nBar,merchant,2", ["Row 3: A merchant cannot stand under a merchant."]),
        ("name,kind,parent\nWeb,channel,3\nShop,merchant,", ["Row 2: There is no row 3 before it."]),
        ("name,kind,parent\nShop,merchant,2", ["Row 2: There is no row 2 before it."]),
        ("name,kind,parent\nShop,merchant,1", ["Row 2: There is no row 1 before it."]),
        ("name,kind,parent\nShop,merchant,99999999999999999999", ["Row 2: “99999999999999999999” is neither"]),
        ("name,kind,parent\nShop,merchant,²", ["Row 2: “²” is neither the number of a row nor an entity ID."]),
        ("name,kind,parent\nShop,merchant,par_0000000000000000", ["Row 2: There is no entity par_0000000000000000"]),
        ("name,kind,parent\nShop,kiosk,\nWeb,channel,2", ["Row 2: “kiosk” is no kind."]),
    ],
)
def test_what_is_wrong_is_told_with_its_row(partner, text, told):
    found = faults(text, partner)
    assert len(found) == len(told), found
    for sentence, beginning in zip(found, told, strict=True):
        assert sentence.startswith(beginning)
    with pytest.raises(Refused, match="Nothing was added"):
        imports.add_all(imports.read(text if isinstance(text, bytes) else text.encode(), under=partner), by=SETUP)
    assert outline(partner) == []


def test_one_wrong_row_of_many_adds_nothing(partner):
    lines = ["name,kind", *(f"Shop {number},merchant" for number in range(300)), "Last,terminal"]
    before = AuditEvent.objects.count()
    assert faults("\n".join(lines), partner) == ["Row 302: A terminal cannot stand under a partner."]
    assert (outline(partner), AuditEvent.objects.count()) == ([], before)


def test_limits_are_told_in_sentences(partner):
    rows = "name,kind\n" + "Shop,merchant\n" * (imports.MOST_ROWS + 1)
    assert faults(rows, partner) == ["The file has more than 10,000 rows. Divide it into several files."]
    assert read(rows.removesuffix("Shop,merchant\n"), partner).faults == []
    assert faults(b"x" * (imports.MOST_BYTES + 1), partner) == [
        "The file is larger than 2 MB. Divide it into several files."
    ]


def test_nothing_is_added_outside_the_place_of_the_import(partner):
    """S2-18: a foreign parent is answered as one that does not exist, for whoever imports."""
    foreign = make_merchant(under=make_entity("partner", "Southgate"))
    above = partner
    company = make_entity("company", "Harbour Group", under=partner)
    for parent in (foreign, above):
        text = f"name,kind,parent\nWeb,channel,{parent.entity_id}"
        assert faults(text, company) == [f"Row 2: There is no entity {parent.entity_id} here below which you may add."]


def test_what_moves_away_between_the_look_and_the_deed_stops_it(partner):
    company = make_entity("company", "Harbour Group", under=partner)
    shop = make_merchant(under=company)
    plan = read(f"name,kind,parent\nWeb,channel,{shop.entity_id}\nShop,merchant,", company)
    lifecycle.move(shop, under=make_entity("partner", "Southgate"), by=SETUP)
    with pytest.raises(Refused, match="has moved away meanwhile"):
        imports.add_all(plan, by=SETUP)
    assert not Entity.objects.filter(name__in=["Web", "Shop"]).exists()


@pytest.mark.django_db(transaction=True)
def test_an_import_and_other_changes_of_the_tree_take_turns():
    """TRAPS: the tree has one writer; two imports, moves and additions at once leave it whole."""
    partner = make_entity("partner")
    companies = [make_entity("company", under=partner) for _ in range(6)]
    with Elsewhere(4) as elsewhere:
        running = []
        for number, company in enumerate(companies):
            lines = [f"Shop {number}.{each},merchant,{companies[each % 3].entity_id}" for each in range(40)]
            plan = read("name,kind,parent\n" + "\n".join(lines), partner)
            running.append(elsewhere.start(imports.add_all, plan, by=SETUP))
            running.append(elsewhere.start(lifecycle.add, kind="merchant", name="One", under=company, by=SETUP))
        outcomes = [each.exception(timeout=60) for each in running]
    assert outcomes == [None] * 12
    assert list(tree.check()) == []
    assert list(audit.verify()) == []
    assert Entity.objects.filter(kind="merchant").count() == 6 * 41
