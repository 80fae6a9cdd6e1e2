"""Functions have few branches: what is short in lines alone can still be hard to read."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MOST_BRANCHES = 10
"""Of one function, with those of the functions inside it."""

MOST_IN_ALL = 0.24
"""Branches a statement, over the whole package."""

BRANCHES = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler),
    *(ast.IfExp, ast.Assert, ast.match_case),
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def branches(function: ast.AST) -> int:
    """Count the ways through a function; the linter leaves out the last two kinds of them."""
    count = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            count += 1
        elif isinstance(node, ast.comprehension):
            count += 1 + len(node.ifs)
        elif isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
    return count


TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes())
    for path in sorted((ROOT / "jobrunner").rglob("*.py"))
}
COUNTS = [
    (f"{path}:{node.lineno} {node.name}", branches(node))
    for path, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, FUNCTIONS)
]


def test_functions_have_few_branches() -> None:
    assert [(name, count) for name, count in COUNTS if count > MOST_BRANCHES] == []


def test_the_package_as_a_whole_has_few_branches() -> None:
    statements = sum(isinstance(n, ast.stmt) for tree in TREES.values() for n in ast.walk(tree))
    assert sum(count - 1 for _, count in COUNTS) / statements <= MOST_IN_ALL


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("return 1", 1),
        ("if a:\n  return 1\nelif b:\n  return 2", 3),
        ("return a and b or c", 3),
        ("return [x for x in a if x if y]", 4),
        ("return 1 if a else 2", 2),
        ("try:\n  a()\nexcept E:\n  b()", 2),
        ("match a:\n  case 1:\n    b()\n  case _:\n    c()", 3),
        ("def g():\n  while a:\n    b()", 2),
    ],
)
def test_every_kind_of_branch_counts(code: str, count: int) -> None:
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    assert branches(ast.parse(f"def f():\n{lines}")) == count
