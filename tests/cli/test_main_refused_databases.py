"""Databases that every command refuses, and leaves as they are."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobrunner.cli.command_context import CommandContext
from jobrunner.cli.main import app
from jobrunner.errors import JobrunnerError
from jobrunner.store.schema import HEAD
from tests.support import made_up_papers
from tests.support.commands import COMMANDS
from tests.support.program import Program, change, load

ARGUMENTS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("run",): ("papers.json",),
    ("retry",): ("20261124",),
    ("explain",): ("10.5555/study.1",),
    ("review",): ("-o", "review.json"),
    ("restore",): ("snapshot.json",),
    ("sessions", "delete"): ("20261124", "--yes"),
}
"""What a command needs beside the database."""

TOLERANT = {("db", "current"), ("doctor",)}
"""Commands that are there to look at any database."""

OF_A_DATABASE = [
    words
    for words, command in COMMANDS.items()
    if any(option.name == "db" for option in command.params)
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of a newer jobrunner, and in the directory above a snapshot of ours."""
    program = Program(tmp_path_factory.mktemp("newer"))
    load(program, [made_up_papers.by_doi(1)])
    program.call("snapshot", "-o", "snapshot.json")
    change(program, "UPDATE alembic_version SET version_num = '9999'")
    return program.database


@pytest.fixture
def newer(tmp_path: Path, template: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "newer.db"))


def a_strangers_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (text)")


def a_strangers_file(path: Path) -> None:
    path.write_text("Dear diary, " * 100, encoding="utf-8")


STRANGERS: dict[str, Callable[[Path], None]] = {
    "a stranger's database": a_strangers_database,
    "a stranger's file": a_strangers_file,
    "a directory": Path.mkdir,
}


@pytest.fixture
def called(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., JobrunnerError]:
    """Call a command in this process, on a database that it refuses; return its error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "papers.json").write_text('[{"title": "Reading the ferns"}]', encoding="utf-8")
    for name in ("snapshot.json", "snapshot.json.sha256"):
        shutil.copy(template.parents[1] / name, tmp_path)

    def call(words: tuple[str, ...], path: Path) -> JobrunnerError:
        arguments = [*words, *ARGUMENTS.get(words, ()), "--db", str(path)]
        error = CliRunner().invoke(app, arguments, obj=CommandContext()).exception
        assert isinstance(error, JobrunnerError), repr(error)
        return error

    return call


@pytest.mark.parametrize("words", [w for w in OF_A_DATABASE if w not in TOLERANT], ids=" ".join)
def test_a_database_of_a_newer_version_is_refused_by_every_command(
    newer: Path, called: Callable[..., JobrunnerError], words: tuple[str, ...]
) -> None:
    before = newer.read_bytes()
    error = called(words, newer)
    assert error.exit_code == 5
    assert "was made by a newer jobrunner (schema 9999; this one supports " in str(error)
    assert "upgrade jobrunner" in str(error.hint)
    assert newer.read_bytes() == before


@pytest.mark.parametrize("words", OF_A_DATABASE, ids=" ".join)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_is_no_database_of_ours_is_refused_by_every_command_and_left_as_it_is(
    tmp_path: Path,
    called: Callable[..., JobrunnerError],
    stranger: str,
    words: tuple[str, ...],
) -> None:
    path = tmp_path / "stranger"
    STRANGERS[stranger](path)
    before = path.read_bytes() if path.is_file() else b""
    error = called(words, path)
    assert error.exit_code == 1
    assert error.hint
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_refusal_is_one_line_and_what_to_do_then(program: Program, newer: Path) -> None:
    said = program.run("status", "--db", newer, code=5).stderr
    assert said.splitlines() == [
        f"error: {newer} was made by a newer jobrunner (schema 9999; this one supports {HEAD})",
        "  upgrade jobrunner, or choose another database with --db",
    ]
