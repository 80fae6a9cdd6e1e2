"""The door for plug-ins: the guide and its example need no other, and all of it is explained."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from jobrunner import plugins

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "plugin-example"
GUIDE = (ROOT / "docs" / "how-to" / "add-a-source.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
DOOR = "jobrunner.plugins"
EXPORTED = set(plugins.__all__)

NOT_MODULES = {"jobrunner.sources": "the entry point group", "jobrunner.toml": "a file"}
"""What the guide calls by a name with a dot, beside the door."""


def code_of_guide() -> dict[str, str]:
    """Return the Python that a reader of the guide copies, by where it stands."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    files = sorted(EXAMPLE.rglob("*.py"))
    return {f"block {number} of add-a-source.md": block for number, block in enumerate(blocks)} | {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files
    }


def imports_of(code: str) -> Iterator[tuple[str, str]]:
    """Yield every import from jobrunner as (module, name); a module as a whole has the name ''."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def other_doors(code: str) -> set[str]:
    """Return the modules of jobrunner beside the door that a piece of code imports from."""
    modules = {module for module, _ in imports_of(code)}
    return {module for module in modules if module.split(".")[0] == "jobrunner"} - {DOOR}


def names_in_prose(text: str) -> set[str]:
    """Return the words in backticks, each up to its first dot or bracket."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {word for word in re.findall(r"`([A-Za-z_]+)(?:[.(][^`]*)?`", prose) if word}


@cache
def tree_of(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_bytes())


def definition(name: str, module: str) -> tuple[ast.stmt, str | None]:
    """Return the statement that defines a name, wherever it comes from, and its docstring."""
    body = tree_of(module).body
    for statement, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            if name in {alias.name for alias in statement.names}:
                return definition(name, statement.module)
        elif isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if statement.name == name:
                return statement, ast.get_docstring(statement)
        elif name in assigned(statement):
            return statement, text_of(following)
    raise LookupError(f"{name} is not defined in {module}")


def assigned(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def text_of(statement: ast.stmt) -> str | None:
    """Return the text that a statement is, as below an assignment."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def undocumented_methods(statement: ast.stmt) -> list[str]:
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    methods = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [method for method in methods if not method.name.startswith("_")]
    return [method.name for method in public if not ast.get_docstring(method)]


# ---- the guide needs no other door


@pytest.mark.parametrize(("place", "code"), code_of_guide().items())
def test_the_guide_imports_from_the_door_alone(place: str, code: str) -> None:
    assert other_doors(code) == set(), place


def test_the_example_stands_in_the_guide_and_uses_the_door() -> None:
    used = {name for code in code_of_guide().values() for module, name in imports_of(code) if name}
    assert len(used & EXPORTED) > 10


@pytest.mark.parametrize(("place", "code"), code_of_guide().items())
def test_what_the_guide_imports_is_exported(place: str, code: str) -> None:
    names = {name for module, name in imports_of(code) if module == DOOR}
    assert names - EXPORTED == set(), place


def test_the_guide_speaks_of_no_other_module() -> None:
    spoken = set(re.findall(r"`(jobrunner\.\w+)[\w.]*`", GUIDE))
    assert spoken - NOT_MODULES.keys() == {DOOR}


def test_classes_that_the_guide_speaks_of_are_exported() -> None:
    classes = {name for name in names_in_prose(GUIDE) if re.match("[A-Z][a-z]+", name)}
    assert classes
    assert classes - EXPORTED == set()


# ---- what is exported is explained


def test_the_list_of_names_is_sorted_and_has_each_once() -> None:
    kinds = [(not name.isupper(), not name[0].isupper(), name) for name in plugins.__all__]
    assert kinds == sorted(set(kinds))


def test_everything_that_the_door_imports_is_exported() -> None:
    imported = {name for _, name in imports_of(Path(plugins.__file__).read_text(encoding="utf-8"))}
    assert imported - {"annotations"} == EXPORTED


@pytest.mark.parametrize("name", plugins.__all__)
def test_an_exported_name_is_documented(name: str) -> None:
    statement, docstring = definition(name, DOOR)
    assert docstring
    assert undocumented_methods(statement) == []


def test_every_exported_name_stands_in_the_guide() -> None:
    assert EXPORTED - names_in_prose(GUIDE.split("## What there is to import")[1]) == set()


def test_the_guide_offers_nothing_that_is_not_there() -> None:
    table = GUIDE.split("## What there is to import")[1]
    offered = names_in_prose("\n".join(line for line in table.splitlines() if line[:1] == "|"))
    hooks = {"judge", "learn"}  # fields of a service
    assert offered - hooks == EXPORTED


def test_the_changelog_mends_a_plug_in_with_names_that_are_there() -> None:
    table = CHANGELOG.split("| import of 0.1.0 |")[1].split("\n\n")[0]
    rows = [line.split("|") for line in table.splitlines() if "| `" in line]
    assert rows
    named = set[str]()
    for _, before, after, _ in rows:
        kept = "the same name" in after
        named |= names_in_prose(before.partition(":")[2] if kept else after)
    assert named - EXPORTED == set()


# ---- the measures themselves


def test_another_door_is_seen() -> None:
    code = "import jobrunner.http.client\ndef f():\n    from jobrunner.models import Paper"
    assert other_doors(code) == {"jobrunner.http.client", "jobrunner.models"}
    assert other_doors("from jobrunner.plugins import Paper\nimport jobrunnerx, re") == set()


def test_an_alias_without_a_text_below_it_is_undocumented() -> None:
    documented, bare = ast.parse('A = int\n"""One."""'), ast.parse("A = int\nB = str")
    assert [text_of(tree.body[1]) for tree in (documented, bare)] == ["One.", None]


def test_a_method_without_a_text_is_undocumented() -> None:
    (tree,) = ast.parse('class C:\n    def f(self): ...\n    def g(self):\n        """G."""').body
    assert undocumented_methods(tree) == ["f"]


def test_words_in_backticks_are_read_up_to_the_dot() -> None:
    assert names_in_prose("`Answer.failed`, `a_b(x)` and `--option`, not ```c```") == {
        "Answer",
        "a_b",
    }
