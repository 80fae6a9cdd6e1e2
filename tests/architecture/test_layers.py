"""The rooms of the package: imports go down only, and nothing grows too large to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LAYERS = (
    {"cli", "__main__"},  # below it "api", the Python interface, gets a line of its own
    {"operations", "engine"},  # beside them "bulk": releases on disk
    {"snapshots", "settings", "plugins"},  # beside them "exports" and "report"
    {"sources", "store", "demo"},
    {"http", "inputs", "consolidation"},
    {"matching", "files"},
    {"identifiers"},
    {"models", "errors", "decode_errors", "clock", "crash_points", "jobrunner"},
)
"""From the top down. A room uses the layers below its own; rooms of one layer are strangers."""

EXCUSED_ROOMS = {
    ("__main__", "cli"): "it starts the command line",
}
"""(Room, room) of one layer that know each other nevertheless, with the reason."""

FORBIDDEN = {"store": {"http"}}
"""What a room may not use although it is below."""

LIBRARIES = {
    "typer": {"cli"},
    "rich": {"cli"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "httpx2": {"sources", "http"},
}
"""Libraries that only some rooms speak."""

MOST_AT_THE_TOP = 8
"""Modules beside the folders; ``__init__`` does not count."""

LONGEST_FUNCTION = 50
LONGEST_MODULE = 300
EXCUSED_SIZES: dict[str, str] = {}
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
    if here == there or (here, there) in EXCUSED_ROOMS:
        return False
    return layer(source) >= layer(target) or there in FORBIDDEN.get(here, ())


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
    assert {name for name in speakers if room(name) not in rooms} == set()


def test_excuses_are_needed() -> None:
    pairs = {(room(name), room(target)) for name, targets in GRAPH.items() for target in targets}
    assert EXCUSED_ROOMS.keys() <= pairs


def test_few_modules_lie_beside_the_folders() -> None:
    beside = {name for name in MODULES if name.count(".") == 1 and MODULES[name].stem != "__init__"}
    assert len(beside) <= MOST_AT_THE_TOP


def prints(tree: ast.AST) -> bool:
    """Tell whether a module writes to the standard streams."""
    return any(
        (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr"))
        for node in ast.walk(tree)
    )


def test_only_the_command_line_prints() -> None:
    talking = {room(name) for name, tree in TREES.items() if prints(tree)}
    assert talking <= LAYERS[0]


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
        ("jobrunner.__main__", "jobrunner.cli.main", False),
        ("jobrunner.engine.run", "jobrunner.store.runs", False),
        ("jobrunner.engine.run", "jobrunner.engine.worker", False),
        ("jobrunner.engine.run", "jobrunner.operations.load", True),
        ("jobrunner.store.runs", "jobrunner.store.rows", False),
        ("jobrunner.sources.contract", "jobrunner.http.service", False),
        ("jobrunner.store.runs", "jobrunner", False),
        ("jobrunner.inputs.contract", "jobrunner.store.sessions", True),
        ("jobrunner.engine.run", "jobrunner.cli.main", True),
        ("jobrunner.sources.contract", "jobrunner.store.rows", True),
        ("jobrunner.store.rows", "jobrunner.sources.contract", True),
        ("jobrunner.store.rows", "jobrunner.http.service", True),
        ("jobrunner.http.service", "jobrunner.sources.contract", True),
        ("jobrunner.models", "jobrunner.identifiers.extract", True),
        ("jobrunner.models", "jobrunner.errors", True),
    ],
)
def test_a_wrong_direction_is_seen(source: str, target: str, *, forbidden: bool) -> None:
    assert wrong(source, target) is forbidden


def test_a_function_is_measured_from_its_name_to_its_end() -> None:
    tree = ast.parse("@decorated\ndef f(\n    a,\n):\n    return a\nclass C:\n    def g(self): ...")
    assert list(functions(tree)) == [("f", 4), ("g", 1)]
