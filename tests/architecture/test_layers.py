"""The rooms of the package: imports go down only, and nothing grows too large to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LAYERS = (
    {"cli", "__main__"},
    {
        *("runner", "workers", "lanes", "asking", "keeping", "stopping"),
        *("intake", "choosing", "resuming", "retrying", "restoring", "deleting"),
        *("status", "explaining"),
        *("duplicates", "reviewing", "planning", "snapshots", "verifying", "comparing", "lost"),
        *("leftovers", "doctor", "settings", "config"),
    },
    {"sources", "store", "inputs", "outputs", "sample"},
    {"http", "client", "http_rules", "service"},
    {
        *("matching", "evidence", "title_evidence", "titles", "names", "latex"),
        *("merging", "unions", "identifiers", "identifier_rules", "policies"),
        *("pace", "allowance", "files", "paths", "turns", "filesystem", "runlog"),
    },
    {"papers", "errors", "decoding", "clock", "faults", "jobrunner"},
)
"""From the top down; a room may use its own layer and those below."""

STRANGERS = LAYERS[2]
"""Rooms of one layer that do not know each other."""

ACQUAINTED = {("store", "inputs")}
"""Except that what is stored are papers as an input gives them."""

FORBIDDEN = {"store": LAYERS[3]}
"""What a room may not use although it is below."""

LIBRARIES = {
    "typer": {"cli"},
    "rich": {"cli"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "httpx2": {"sources", "http", "client", "http_rules", "service"},
}
"""Libraries that only some rooms speak."""

EXCUSED_IMPORTS = {
    (
        "jobrunner.engine.batch_queue",
        "sqlalchemy",
    ): "the type of a read transaction that it hands on",
    ("jobrunner.snapshots.write", "sqlalchemy"): "the type of a read transaction that it hands on",
}
"""(Module, library) that may be imported although the room does not speak it, with the reason."""

LONGEST_FUNCTION = 50
LONGEST_MODULE = 300
EXCUSED_SIZES = {
    "jobrunner.cli.commands.run:run": "the declaration of its options is the larger half",
}
"""Modules, or functions as ``module:name``, that may be longer, each with the reason."""


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted((ROOT / "jobrunner").rglob("*.py"))}
TREES = {name: ast.parse(path.read_bytes()) for name, path in MODULES.items()}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every name that is imported anywhere, functions and type checking included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str | None:
    """Return our module that an imported name is, or is in; None if it is not ours."""
    return next((known for known in (name, name.rpartition(".")[0]) if known in MODULES), None)


GRAPH = {
    name: {found for other in imported(tree) if (found := module_of(other))}
    for name, tree in TREES.items()
}


def room(module: str) -> str:
    """Return the part of the package that a module belongs to."""
    parts = module.split(".")
    return parts[min(1, len(parts) - 1)]


def layer(module: str) -> int:
    return next((number for number, rooms in enumerate(LAYERS) if room(module) in rooms), 0)


def wrong(source: str, target: str) -> bool:
    """Tell whether one module may not import another."""
    here, there = room(source), room(target)
    return (
        layer(source) > layer(target)
        or (here != there and {here, there} <= STRANGERS and (here, there) not in ACQUAINTED)
        or there in FORBIDDEN.get(here, ())
    )


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_every_module_has_its_layer() -> None:
    known = set().union(*LAYERS)
    assert {room(name) for name in MODULES} - known == set(), "say in LAYERS where it belongs"


def test_imports_go_down_only() -> None:
    edges = ((name, target) for name, targets in GRAPH.items() for target in targets)
    assert [edge for edge in edges if wrong(*edge)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(GRAPH) == []


def test_imports_are_written_in_full() -> None:
    assert [
        name for name, tree in TREES.items() for other in imported(tree) if other[0] == "."
    ] == []


@pytest.mark.parametrize(("library", "rooms"), LIBRARIES.items())
def test_a_library_is_spoken_in_its_rooms_only(library: str, rooms: set[str]) -> None:
    speakers = {
        name
        for name, tree in TREES.items()
        if any(other.split(".")[0] == library for other in imported(tree))
    }
    excused = {module for module, excused in EXCUSED_IMPORTS if excused == library}
    assert {name for name in speakers if room(name) not in rooms} == excused


def test_functions_are_short() -> None:
    long = {
        f"{name}:{function}"
        for name, tree in TREES.items()
        for function, lines in functions(tree)
        if lines > LONGEST_FUNCTION
    }
    assert long == {name for name in EXCUSED_SIZES if ":" in name}


def test_modules_are_short() -> None:
    long = {
        name
        for name, path in MODULES.items()
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_MODULE
    }
    assert long == {name for name in EXCUSED_SIZES if ":" not in name}


# ---- the measures themselves


def test_a_circle_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


def test_imports_in_functions_and_for_type_checking_count() -> None:
    tree = ast.parse(
        "import a.b\nif TYPE_CHECKING:\n    from c import d\ndef f():\n    from e import g, h"
    )
    assert list(imported(tree)) == ["a.b", "c.d", "e.g", "e.h"]


@pytest.mark.parametrize(
    ("source", "target", "forbidden"),
    [
        ("jobrunner.cli.main", "jobrunner.engine.run", False),
        ("jobrunner.engine.run", "jobrunner.store.runs", False),
        ("jobrunner.store.runs", "jobrunner.store.rows", False),
        ("jobrunner.sources.contract", "jobrunner.http.batch_requests", False),
        ("jobrunner.store.runs", "jobrunner", False),
        ("jobrunner.store.sessions", "jobrunner.inputs.contract", False),
        ("jobrunner.inputs.contract", "jobrunner.store.sessions", True),
        ("jobrunner.engine.run", "jobrunner.cli.main", True),
        ("jobrunner.sources.contract", "jobrunner.store.rows", True),
        ("jobrunner.store.rows", "jobrunner.sources.contract", True),
        ("jobrunner.store.rows", "jobrunner.http.batch_requests", True),
        ("jobrunner.http.batch_requests", "jobrunner.sources.contract", True),
        ("jobrunner.models", "jobrunner.identifiers.extract", True),
    ],
)
def test_a_wrong_direction_is_seen(source: str, target: str, *, forbidden: bool) -> None:
    assert wrong(source, target) is forbidden


def test_a_function_is_measured_from_its_name_to_its_end() -> None:
    tree = ast.parse("@decorated\ndef f(\n    a,\n):\n    return a\nclass C:\n    def g(self): ...")
    assert list(functions(tree)) == [("f", 4), ("g", 1)]
