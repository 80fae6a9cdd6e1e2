"""What is at a path, and where it leads: the same answers on every Python."""

from __future__ import annotations

import ast
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobrunner
from jobrunner.files.path_queries import exists, is_directory, is_file, named_like, real_path

UNSTEADY = {"exists", "glob", "is_dir", "is_file", "resolve", "rglob"}
"""Methods of paths that hide, on some Pythons, what they raise on others."""


@pytest.fixture
def circle(tmp_path: Path) -> Path:
    """A link that leads to another, which leads back."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    return tmp_path / "a"


def kinds(path: Path) -> tuple[bool, bool, bool]:
    return exists(path), is_file(path), is_directory(path)


@pytest.mark.parametrize("below", ["", "x.json", "x/y.json"])
def test_links_in_a_circle_lead_nowhere(circle: Path, below: str) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number tells which
        real_path(circle / below)
    assert caught.value.errno == errno.ELOOP
    assert kinds(circle / below) == (False, False, False)


@pytest.mark.parametrize("name", ["missing", "missing/x", "file/x", "to nothing"])
def test_where_nothing_is_a_path_leads_on(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "to nothing").symlink_to("nothing")
    assert real_path(tmp_path / name) == tmp_path / name.replace("to nothing", "nothing")
    assert kinds(tmp_path / name) == (False, False, False)


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "file").touch()
    (tmp_path / "link").symlink_to("directory")
    assert real_path(tmp_path / "link" / "file") == tmp_path / "directory" / "file"
    assert kinds(tmp_path / "link" / "file") == (True, True, False)
    assert kinds(tmp_path / "link") == (True, False, True)


@pytest.mark.parametrize("look", [exists, is_file, is_directory, lambda at: named_like(at, "*")])
def test_what_cannot_be_seen_is_not_taken_for_missing(look: object) -> None:
    assert callable(look)
    with pytest.raises(OSError, match="name too long"):
        look(Path("x" * 300))


def test_a_name_that_no_file_can_have_is_nothing() -> None:
    assert kinds(Path("a\0b")) == (False, False, False)


def test_names_are_found_by_a_pattern(tmp_path: Path) -> None:
    for name in ("1.json", "22.json", "x.json", "1.json.sha256", ".3.json"):
        (tmp_path / name).touch()
    (tmp_path / "4.json").symlink_to("nothing")
    found = {path.name for path in named_like(tmp_path, "[0-9]*.json")}
    assert found == {"1.json", "22.json", "4.json"}
    assert named_like(tmp_path / "missing", "*") == []
    assert named_like(tmp_path / "1.json", "*") == []


def unsteady(tree: ast.AST) -> Iterator[int]:
    """Yield the lines with calls of methods that answer differently on different Pythons."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in UNSTEADY:
                yield node.lineno


def test_the_program_asks_in_no_other_way() -> None:
    [package] = jobrunner.__path__
    files = sorted(Path(package).rglob("*.py"))
    assert [
        f"{file.name}:{line}" for file in files for line in unsteady(ast.parse(file.read_bytes()))
    ] == []


def test_another_way_is_seen() -> None:
    tree = ast.parse("a.exists()\nexists(a)\n(b / 'c').is_file()\nd.parent.resolve(strict=True)")
    assert list(unsteady(tree)) == [1, 3, 4]
