"""The rules of the house, each a function from a file's path and text to the sentences it earns.

Paths are relative to the project. `test_architecture.py` runs every rule over every file, and over a bad example.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import MappingProxyType

RANK = MappingProxyType({"accounts": 0, "tokens": 1, "portal": 2})
"""Imports point from the higher rank to the lower."""

DRAWERS = {"utils", "helpers", "common", "services", "signals", "mixins"}
SCOPED = {"visible_to", "permitted", "get_permitted"}
HARMLESS = {"select_related", "prefetch_related", "only", "defer"}
"""What may stand before the scope: it fetches nothing by itself and widens nothing."""
GUARDED = {"status", "parent", "parent_id", "lft", "rght", "tree_id", "level"}
"""Columns that decide who may do what: a lifecycle verb writes the first one, the tree service the others."""

WRITERS = (
    "accounts/tree.py",
    "accounts/lifecycle.py",
    "tokens/lifecycle.py",
    "tokens/keys/lifecycle.py",
    "tokens/sdk/lifecycle.py",
    "tokens/sdk/recall.py",
    "portal/demo",
)
TREE_VERBS = {"move_to", "insert_node", "insert_at", "rebuild", "partial_rebuild", "delay_mptt_updates", "move_node"}
WRITES = {"update", "create", "get_or_create", "update_or_create", "acreate", "aupdate"}

BARE_SAVE_ALLOWED: dict[str, str] = {
    "accounts/signin/factors.py: removed.delete": "what somebody removed must open nothing; the event stays",
    "accounts/signin/sessions.py: ended.delete": "a session is no record, and one that is over must not come back",
    "accounts/signin/sessions.py: Session.objects.filter(pk=at_rest(key)).delete": "the same, for the present one",
    "accounts/signin/sessions.py: over.delete": "the same, for those that are over",
    "accounts/signin/passwords.py: too_old.delete": "the hash of a password is kept no longer than it is compared with",
    "accounts/signin/factors.py: left.delete": "the same, for all of a person's factors at once",
    "accounts/members.py: ended.delete": "what overlooks a mark of the end would let somebody in; the log remembers",
}
"""`path: call` -> why a full save or a delete is right there, e.g. {"accounts/x.py: form.save": "because ..."}."""

MARKED_SAFE_ALLOWED: dict[str, str] = {}
"""`path` -> why markup that was not escaped is safe there."""

MODULE_LINES, FUNCTION_LINES, TEMPLATE_LINES = 300, 40, 150


def app_of(path: str) -> str:
    """Return the first folder of a path."""
    return PurePosixPath(path).parts[0]


def is_migration(path: str) -> bool:
    """Tell whether makemigrations wrote the file."""
    return "/migrations/" in path


def serves_people(path: str) -> bool:
    """Tell whether the file answers a person: views, forms, tables, filters and the management API."""
    name = PurePosixPath(path)
    return name.stem.startswith(("views", "forms", "tables", "filters")) or bool(
        {"api", "views"} & set(name.parts[:-1])
    )


def imports_point_one_way(path: str, text: str) -> Iterator[str]:
    """portal -> tokens -> accounts, at the top of the file, where everybody sees it."""
    own, tree = RANK[app_of(path)], ast.parse(text)
    nested = {id(node) for function in functions(tree) for node in ast.walk(function)}
    for node in ast.walk(tree):
        for name in imported(node, path):
            app = name.split(".")[0]
            if app in RANK and RANK[app] > own:
                yield f"{path}:{node.lineno} imports {name}; imports point portal -> tokens -> accounts."
            if app in RANK and id(node) in nested:
                yield f"{path}:{node.lineno} imports {name} inside a function, which hides a cycle."


def imported(node: ast.AST, path: str) -> list[str]:
    """Return the modules that a node names: by import, by `import_module` or by Django's `get_model`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = PurePosixPath(path).parts[: -node.level] if node.level else ()
        return [".".join([*package, *([node.module] if node.module else [])])]
    by_name = isinstance(node, ast.Call) and called(node) in {"import_module", "get_model", "__import__"}
    return [node.args[0].value] if by_name and node.args and is_text(node.args[0]) and not is_migration(path) else []


def no_drawer_files(path: str, _: str) -> Iterator[str]:
    """A file says what it holds."""
    for part in PurePosixPath(path).with_suffix("").parts:
        if part.strip("_") in DRAWERS:
            yield f"{path}: {part} is a drawer; name the file after what it holds."


def queries_are_scoped(path: str, text: str) -> Iterator[str]:
    """What a person is served begins with `visible_to` or `permitted`."""
    if not serves_people(path):
        return
    tree = ast.parse(text)
    scoped = {id(start_of(node)) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in SCOPED}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "_base_manager"}:
            if id(node) not in scoped:
                yield f"{path}:{node.lineno} asks {ast.unparse(node)} without visible_to() or permitted()."
        elif isinstance(node, ast.Call) and called(node) in {"get_object_or_404", "get_list_or_404"}:
            if node.args and isinstance(node.args[0], ast.Name) and node.args[0].id[:1].isupper():
                yield f"{path}:{node.lineno} looks up {node.args[0].id} among everybody's rows."
        elif isinstance(node, ast.Call) and called(node) in {"raw", "cursor", "RawSQL", "extra"}:
            yield f"{path}:{node.lineno} writes SQL of its own, which no scope reaches."


def start_of(scope: ast.Attribute) -> ast.AST:
    """Return what a scope is asked of, without the harmless calls between."""
    node = scope.value
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in HARMLESS:
        node = node.func.value
    return node


def guarded_columns_have_one_writer(path: str, text: str) -> Iterator[str]:
    """A status or a tree position is written by its service alone."""
    if path.startswith(WRITERS) or is_migration(path):
        return
    for node in ast.walk(ast.parse(text)):
        for name in written(node):
            if name in GUARDED:
                yield f"{path}:{node.lineno} writes {name}; only {', '.join(WRITERS)} may."


def written(node: ast.AST) -> list[str]:
    """Return the columns that a node writes: by assignment, setattr, a queryset's write or a new row."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        flat = [inner for target in targets for inner in getattr(target, "elts", [target])]
        # Anything drawn as a tree has levels; mptt's own is derived, and check_tree compares it.
        return [target.attr for target in flat if isinstance(target, ast.Attribute) and target.attr != "level"]
    if not isinstance(node, ast.Call):
        return []
    name = called(node)
    if name == "setattr" and len(node.args) > 1:
        return [node.args[1].value] if is_text(node.args[1]) else []
    if name == "bulk_update":
        return [inner.value for argument in node.args for inner in getattr(argument, "elts", []) if is_text(inner)]
    if name in WRITES or name in {"Entity", "Token", "SharedKey"}:
        return [word.arg for word in node.keywords if word.arg]
    return []


def the_tree_has_one_writer(path: str, text: str) -> Iterator[str]:
    """mptt's own verbs corrupt the tree unless its lock is held."""
    if path == "accounts/tree.py" or is_migration(path):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and called(node) in TREE_VERBS and ast.unparse(node.func) != "tree.rebuild":
            yield f"{path}:{node.lineno} calls {called(node)}(); accounts/tree.py is the only writer of the tree."


def saves_are_narrow(path: str, text: str) -> Iterator[str]:
    """A full save brings a deactivated row back to life; a delete takes the evidence away."""
    if is_migration(path):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        call = ast.unparse(node.func)
        if f"{path}: {call}" in BARE_SAVE_ALLOWED:
            continue
        words = {word.arg: word.value for word in node.keywords}
        new = isinstance(words.get("force_insert"), ast.Constant) and words["force_insert"].value is True
        if node.func.attr == "save" and "update_fields" not in words and not new:
            yield f"{path}:{node.lineno} {call}() writes the whole row; name update_fields (or force_insert=True)."
        if node.func.attr in {"delete", "_raw_delete"} and not node.args:
            yield f"{path}:{node.lineno} {call}() deletes rows; what people did stays on record."


def modules_and_functions_are_short(path: str, text: str) -> Iterator[str]:
    """Over the limit, split by noun."""
    if is_migration(path):
        return
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{path} has {lines} lines; a module has at most {MODULE_LINES}."
    for function in functions(ast.parse(text)):
        # Signature and docstring do not count: naming nine arguments and explaining them is no complexity.
        body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
        lines = function.end_lineno - body[0].lineno + 1
        if lines > FUNCTION_LINES:
            yield f"{path}:{function.lineno} {function.name}() does {lines} lines of work; at most {FUNCTION_LINES}."


def markup_is_escaped(path: str, text: str) -> Iterator[str]:
    """Python never declares markup safe that it did not escape."""
    if path in MARKED_SAFE_ALLOWED:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and called(node) in {"mark_safe", "SafeString", "SafeText"}:
            yield f"{path}:{node.lineno} marks text as safe; use format_html() or a template."


def templates_are_short(path: str, text: str) -> Iterator[str]:
    """Over the limit, make a partial."""
    if (lines := len(text.splitlines())) > TEMPLATE_LINES:
        yield f"{path} has {lines} lines; a template has at most {TEMPLATE_LINES}."


INLINE = {
    r"<script(?![^>]*(\ssrc=|type=[\"']application/json[\"']))": "holds a script; scripts are files under static/",
    r"<style\b": "holds a style sheet; styles are files under static/",
    r"<[^<>]*\sstyle\s*=": "has a style attribute, which the content security policy blocks",
    r"<[^<>]*\son[a-z]+\s*=": "has an event attribute, which the content security policy blocks",
    r"javascript:": "has a javascript: address",
    r"\|\s*(safe|safeseq)\b": "switches escaping off for a value",
    r"\{%-?\s*autoescape\s+off": "switches escaping off for a block",
}


def templates_hold_no_code(path: str, text: str) -> Iterator[str]:
    """The content security policy allows files of our own and nothing inline; values are escaped."""
    if path in MARKED_SAFE_ALLOWED:
        return
    # A template tag inside a tag may hold > and <; it is no attribute.
    plain = re.sub(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}", blank, text, flags=re.DOTALL)
    for pattern, fault in INLINE.items():
        for found in re.finditer(pattern, plain, re.IGNORECASE):
            yield f"{path}:{line_of(plain, found.end())} {fault}."


ADDRESS = re.compile(r"(?<![\w.])(?:https?:|wss?:)?//([a-z0-9.-]+\.[a-z]{2,}|\d+\.\d+\.\d+\.\d+)", re.IGNORECASE)
NAMESPACE = re.compile(r"xmlns(:\w+)?\s*=\s*[\"'][^\"']*[\"']")
SAMPLE_HOST = re.compile(r"(^|\.)(example|test|invalid|localhost|example\.(com|org|net))$|^127\.")


def nothing_comes_from_outside(path: str, text: str) -> Iterator[str]:
    """A page of Keyhouse asks Keyhouse alone; only documentation names (RFC 2606) may stand in samples."""
    if path.startswith("static/vendor/"):
        return
    plain = NAMESPACE.sub(blank, text.replace("http://www.w3.org/2000/svg", ""))
    for found in ADDRESS.finditer(plain):
        if not SAMPLE_HOST.search(found[1].lower()):
            yield f"{path}:{line_of(plain, found.start())} names the outside host {found[1]}."


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function and method below a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def called(node: ast.Call) -> str:
    """Return the last name of what a call calls."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_text(node: ast.AST) -> bool:
    """Tell whether a node is a literal string."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def line_of(text: str, position: int) -> int:
    """Return the line number of a position."""
    return text.count("\n", 0, position) + 1


def blank(found: re.Match[str]) -> str:
    """Return the line breaks of a match, so that line numbers stay true."""
    return "\n" * found[0].count("\n")


PYTHON_RULES = (
    imports_point_one_way,
    queries_are_scoped,
    guarded_columns_have_one_writer,
    the_tree_has_one_writer,
    saves_are_narrow,
    markup_is_escaped,
)
SIZE_RULES = (modules_and_functions_are_short, no_drawer_files)
TEMPLATE_RULES = (templates_are_short, templates_hold_no_code, nothing_comes_from_outside)
STATIC_RULES = (nothing_comes_from_outside,)
