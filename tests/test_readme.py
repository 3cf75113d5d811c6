"""What the README says in tables, held against the code."""

import re

from django.conf import settings
from django.core.management import get_commands

from accounts.permissions import FROM_ABOVE, PLATFORM_ROLES, ROLE_CAPABILITIES, Capability, Role
from portal.demo.people import PERSONAS
from tokens.lifecycle import TRANSITIONS
from tokens.models import Token

README = (settings.BASE_DIR / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table whose header row begins with `heading`, without header."""
    rows = README.split(f"\n| {heading} |", 1)[1].splitlines()[2:]
    cells = []
    for row in rows:
        if not row.startswith("|"):
            break
        cells.append([cell.strip() for cell in row.strip("|").split("|")])
    return cells


def test_the_lifecycle_table_is_the_code():
    """S0-32 ... S0-37: DESIGN 4 as the README shows it."""
    order = [status.value for status in Token.Status]
    assert table("verb") == [
        [verb, ", ".join(sorted(each.sources, key=order.index)), each.target, f"`{each.capability}`"]
        for verb, each in TRANSITIONS.items()
    ]


def test_the_role_table_is_the_code():
    """C9, S4-6: absent means denied."""

    def cell(role: str, capability: str) -> str:
        if capability not in ROLE_CAPABILITIES[role]:
            return ""
        return "below" if capability in FROM_ABOVE and role not in PLATFORM_ROLES else "yes"

    assert table("capability") == [
        [f"`{capability.value}`", *(cell(role, capability) for role in Role)] for capability in Capability
    ]
    assert f"| capability | {' | '.join(str(role.label) for role in Role)} |" in README


def test_every_setting_is_in_the_table():
    files = [settings.BASE_DIR / "portal" / name for name in ("settings.py", "environment.py")]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    read = set(re.findall(r'"((?:KEYHOUSE_|DATABASE_)[A-Z_]+)"', source))
    assert {row[0].strip("`") for row in table("variable")} == read


def test_every_command_is_in_the_table():
    ours = {name for name, app in get_commands().items() if app == "portal"}
    told = {row[0].strip("`").split()[0] for row in table("command")}
    assert told | {"demo", "test"} == ours


def test_every_persona_is_in_the_table():
    told = {row[0].strip("`").partition("@")[0] for row in table("sign in as")}
    assert told == {persona.login for persona in PERSONAS}


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (settings.BASE_DIR / target).exists(), target
