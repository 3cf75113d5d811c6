"""`manage.py import_entities`: the same import for somebody with a shell on the server."""

import os
import pwd
from pathlib import Path

import pytest

from accounts import tree
from accounts.models import AuditEvent, Entity
from portal.management.operators import WRONG_USE
from tests.commands import last_event, run
from tests.factories import make_entity, make_merchant

ME = pwd.getpwuid(os.getuid()).pw_name
TWO = "name,kind,parent\nHarbour Group,company,\nAurora Coffee,merchant,2\n"


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


def write(folder: Path, text: str) -> str:
    file = folder / "shops.csv"
    file.write_bytes(text.encode())
    return str(file)


def test_a_file_is_added_below_an_entity(partner, tmp_path):
    code, out, err = run("import_entities", write(tmp_path, TWO), "--under", partner.entity_id)
    assert (code, err) == (0, "2 rows are right. Adding them ...\n")
    assert out == f"2 entities were added below Northwind Payments ({partner.entity_id}): company 1, merchant 1.\n"
    assert Entity.objects.get(name="Aurora Coffee").parent.parent == partner
    assert last_event().actor_label == f"manage.py import_entities, run by {ME}"
    assert list(tree.check()) == []


def test_a_dry_run_adds_nothing(partner, tmp_path):
    code, out, _ = run("import_entities", write(tmp_path, TWO), "--dry-run")
    assert (code, out) == (0, "2 entities would be added at the top: company 1, merchant 1.\n")
    assert Entity.objects.count() == AuditEvent.objects.count() == 1


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_every_fault_is_told_with_its_row(partner, tmp_path, words):
    path = write(tmp_path, "name,kind\nShop,shop\nTill,terminal\nGood,merchant")
    code, out, err = run("import_entities", path, *words)
    assert (code, out) == (WRONG_USE, "")
    assert err.splitlines() == [
        "Row 2: “shop” is no kind. The kinds are: partner, company, merchant, channel, terminal.",
        "Row 3: A terminal cannot stand at the top of the account tree.",
        f"{path}: 2 faults. Nothing was added.",
    ]
    assert Entity.objects.count() == 1


def test_what_cannot_be_imported_to_or_from_is_told(partner, tmp_path):
    terminal = make_entity("terminal", under=make_merchant(under=partner))
    path = write(tmp_path, TWO)
    assert run("import_entities", path, "--under", "par_0000000000000000")[0] == 1
    assert run("import_entities", path, "--under", terminal.entity_id) == (1, "", "Nothing stands below a terminal.")
    code, _, err = run("import_entities", str(tmp_path / "missing.csv"))
    assert (code, err) == (WRONG_USE, f"{tmp_path}/missing.csv cannot be read: No such file or directory.")
    large = write(tmp_path, "x" * 2_000_001)
    assert "larger than 2 MB" in run("import_entities", large)[2]
