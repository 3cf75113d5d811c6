"""The house keeps its rules, and every rule can tell when one is broken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import house_rules as rules

ROOT = Path(__file__).resolve().parent.parent
TEXT = {".css", ".js", ".svg", ".html", ".txt", ".json", ".webmanifest"}


def files(*patterns: str) -> dict[str, str]:
    """Return path -> text of the project's files."""
    found = sorted({path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()})
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found}


APPS = files("accounts/**/*.py", "tokens/**/*.py", "portal/**/*.py")
EVERYTHING = APPS | files("tests/**/*.py", "deploy/**/*.py", "bench/**/*.py", "manage.py")
TEMPLATES = files("templates/**/*.html", "templates/**/*.txt", "templates/**/*.svg")
STATIC = files(*(f"static/**/*{ending}" for ending in TEXT))
WHERE = [
    *((rule, APPS) for rule in rules.PYTHON_RULES),
    *((rule, EVERYTHING) for rule in rules.SIZE_RULES),
    *((rule, TEMPLATES) for rule in rules.TEMPLATE_RULES),
    *((rule, STATIC) for rule in rules.STATIC_RULES),
]


@pytest.mark.parametrize(("rule", "texts"), WHERE, ids=lambda value: getattr(value, "__name__", ""))
def test_the_house_keeps_the_rule(rule: Callable, texts: dict[str, str]):
    faults = [fault for path, text in texts.items() for fault in rule(path, text)]
    assert not faults, "\n" + "\n".join(faults)


def test_the_rules_see_the_house():
    assert {path.split("/")[0] for path in APPS} == set(rules.RANK)
    assert TEMPLATES
    assert STATIC


LONG_FUNCTION = "def long():\n" + "    pass\n" * (rules.FUNCTION_LINES + 1)
BAD = [
    (rules.imports_point_one_way, "accounts/tree.py", "from tokens.models import Token"),
    (rules.imports_point_one_way, "tokens/urls.py", "import portal.views"),
    (rules.imports_point_one_way, "tokens/views.py", "def view():\n    from accounts.models import Entity"),
    (rules.imports_point_one_way, "tokens/api/views.py", "def view():\n    from ..models import Token"),
    (rules.imports_point_one_way, "accounts/tree.py", "Token = apps.get_model('tokens.Token')"),
    (rules.imports_point_one_way, "accounts/apps.py", "import_module('portal.checks')"),
    (rules.no_drawer_files, "tokens/utils.py", ""),
    (rules.no_drawer_files, "accounts/services/__init__.py", ""),
    (rules.no_drawer_files, "tests/_helpers.py", ""),
    (rules.queries_are_scoped, "tokens/views.py", "Token.objects.get(key_id=key_id)"),
    (rules.queries_are_scoped, "accounts/forms.py", "queryset = Entity.objects"),
    (rules.queries_are_scoped, "accounts/forms.py", "models.Entity._default_manager.all()"),
    (rules.queries_are_scoped, "tokens/api/endpoints.py", "Token.objects.filter(status='active')"),
    (rules.queries_are_scoped, "portal/views.py", "get_object_or_404(Token, key_id=key_id)"),
    (rules.queries_are_scoped, "tokens/views.py", "Token.objects.filter(pk=1).visible_to(user)"),
    (rules.queries_are_scoped, "tokens/tables.py", "connection.cursor()"),
    (rules.guarded_columns_have_one_writer, "tokens/views.py", "token.status = 'active'"),
    (rules.guarded_columns_have_one_writer, "tokens/views.py", "token.alias, token.status = pair"),
    (rules.guarded_columns_have_one_writer, "tokens/usage.py", "rows.filter(pk=1).update(status=after)"),
    (rules.guarded_columns_have_one_writer, "accounts/forms.py", "entity.parent = parent"),
    (rules.guarded_columns_have_one_writer, "accounts/admin.py", "setattr(entity, 'tree_id', 4)"),
    (rules.guarded_columns_have_one_writer, "portal/views.py", "Entity(name=name, parent=parent)"),
    (rules.guarded_columns_have_one_writer, "tokens/usage.py", "rows.bulk_update(some, ['last_used_at', 'status'])"),
    (rules.the_tree_has_one_writer, "accounts/lifecycle.py", "entity.move_to(parent)"),
    (rules.the_tree_has_one_writer, "portal/demo.py", "Entity.objects.rebuild()"),
    (rules.saves_are_narrow, "tokens/lifecycle.py", "token.save()"),
    (rules.saves_are_narrow, "tokens/lifecycle.py", "token.save(force_insert=False)"),
    (rules.saves_are_narrow, "accounts/forms.py", "super().save(*args, **kwargs)"),
    (rules.saves_are_narrow, "accounts/lifecycle.py", "entity.delete()"),
    (rules.modules_and_functions_are_short, "tokens/views.py", "x = 1\n" * (rules.MODULE_LINES + 1)),
    (rules.modules_and_functions_are_short, "tokens/views.py", LONG_FUNCTION),
    (rules.markup_is_escaped, "tokens/tables.py", "mark_safe(f'<b>{alias}</b>')"),
    (rules.templates_are_short, "templates/a.html", "<p>\n" * (rules.TEMPLATE_LINES + 1)),
    (rules.templates_hold_no_code, "templates/a.html", "<script>alert(1)</script>"),
    (rules.templates_hold_no_code, "templates/a.html", "<style>p {}</style>"),
    (rules.templates_hold_no_code, "templates/a.html", "<p class='x'\n   style='color: red'>"),
    (rules.templates_hold_no_code, "templates/a.html", '<button onclick="go()">'),
    (rules.templates_hold_no_code, "templates/a.html", "<a href='javascript:go()'>"),
    (rules.templates_hold_no_code, "templates/a.html", "{{ alias|safe }}"),
    (rules.templates_hold_no_code, "templates/a.html", "{% autoescape off %}"),
    (rules.nothing_comes_from_outside, "templates/a.html", "<img src='https://cdn.somewhere.net/a.png'>"),
    (rules.nothing_comes_from_outside, "templates/a.html", "<script src='//cdn.somewhere.net/a.js'></script>"),
    (rules.nothing_comes_from_outside, "static/css/a.css", "@import url(http://10.1.2.3/a.css);"),
]


@pytest.mark.parametrize(("rule", "path", "text"), BAD, ids=lambda value: getattr(value, "__name__", ""))
def test_the_rule_notices(rule: Callable, path: str, text: str):
    assert list(rule(path, text)), f"{rule.__name__} overlooked: {text}"


GOOD = [
    (
        rules.imports_point_one_way,
        "tokens/views.py",
        "from accounts.models import Entity\nimport tokens.forms",
    ),
    (rules.imports_point_one_way, "tokens/api/urls.py", "from . import views\nfrom .views import listing"),
    (rules.queries_are_scoped, "tokens/views.py", "Token.objects.visible_to(user).filter(status='active')"),
    (rules.queries_are_scoped, "tokens/views.py", "get_object_or_404(Token.objects.permitted(user, x), key_id=k)"),
    (
        rules.queries_are_scoped,
        "tokens/views.py",
        "Token.objects.select_related('entity').get_permitted(user, x, pk=1)",
    ),
    (rules.queries_are_scoped, "tokens/verification.py", "Token.objects.get(key_id=key_id)"),
    (rules.guarded_columns_have_one_writer, "tokens/lifecycle.py", "rows.update(status=after)"),
    (rules.guarded_columns_have_one_writer, "tokens/views.py", "Token.objects.filter(status='active')"),
    (rules.the_tree_has_one_writer, "portal/management/commands/check_tree.py", "tree.rebuild()"),
    (rules.saves_are_narrow, "tokens/lifecycle.py", "token.save(update_fields=['alias'])\nrow.save(force_insert=True)"),
    (rules.saves_are_narrow, "accounts/adapter.py", "cache.delete('key')"),
    (rules.templates_hold_no_code, "templates/a.html", "<script src=\"{% static 'js/a.js' %}\" defer></script>"),
    (rules.templates_hold_no_code, "templates/a.html", '<script id="x" type="application/json">[]</script>'),
    (rules.templates_hold_no_code, "templates/a.html", "<p>one = two</p> {# style= is blocked #}"),
    (rules.nothing_comes_from_outside, "static/icons/a.svg", '<svg xmlns="http://www.w3.org/2000/svg">'),
    (rules.nothing_comes_from_outside, "templates/a.html", "<code>curl https://api.merchant.example/</code>"),
    (rules.nothing_comes_from_outside, "static/js/a.js", "// a comment. Then more.\nfetch(address)"),
]


@pytest.mark.parametrize(("rule", "path", "text"), GOOD, ids=lambda value: getattr(value, "__name__", ""))
def test_the_rule_lets_good_code_pass(rule: Callable, path: str, text: str):
    assert list(rule(path, text)) == []


def test_every_exception_is_still_needed():
    for entry, reason in (rules.BARE_SAVE_ALLOWED | rules.MARKED_SAFE_ALLOWED).items():
        path, _, call = entry.partition(": ")
        assert reason
        assert call in (APPS | TEMPLATES).get(path, ""), f"{entry} is gone; strike it from the list."
    used = {rule for rule, *_ in BAD}
    assert used == {rule for rule, _ in WHERE}, "each rule has a bad example"
