"""What jobrunner says of itself and of what it finds around it, and databases that it refuses."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from jobrunner import __version__
from jobrunner.cli.command_context import CommandContext
from jobrunner.cli.main import app
from jobrunner.errors import JobrunnerError
from jobrunner.models import EventKind
from jobrunner.sources.registry import available
from jobrunner.store.events import add_event
from jobrunner.store.schema import HEAD
from tests.support import made_up_papers
from tests.support.program import (
    KEY,
    Program,
    change,
    damage_a_page,
    leave_a_journal,
    load,
    opened,
    spoil_an_index,
)

# ---- help and version


def commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of the program with the words that call it."""
    if not isinstance(command, TyperGroup):
        yield names, command
        return
    context = typer.Context(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), (*names, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
GROUPS = ((), ("sessions",), ("db",))


@pytest.mark.parametrize("words", [*COMMANDS, *GROUPS], ids=" ".join)
def test_every_help_shows_an_example(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], prog_name="jobrunner")
    assert shown.exit_code == 0
    example = "Begin with: " if not words else "Example: "
    assert f"{example}jobrunner {' '.join(words)}" in shown.output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_what_its_options_mean(
    words: tuple[str, ...],
) -> None:
    command = COMMANDS[words]
    assert command.help
    assert [option.name for option in command.params if not getattr(option, "help", None)] == []


def test_the_version_is_told(program: Program) -> None:
    assert program.run("--version").stdout == f"jobrunner {__version__}\n"


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_without_a_command_the_commands_are_told(group: tuple[str, ...], program: Program) -> None:
    said = program.call(*group, code=2).stderr
    depth = len(group)
    assert all(words[depth] in said for words in COMMANDS if words[:depth] == group)


# ---- sources


def test_sources_are_listed_with_limits_keys_and_addresses(program: Program) -> None:
    lines = program.call("sources").stdout.splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(available())
    [openalex] = [line for line in lines if line.startswith("openalex ")]
    assert "JOBRUNNER_OPENALEX_API_KEY is set" in openalex
    assert program.environment["JOBRUNNER_OPENALEX_BASE_URL"] in openalex
    assert KEY not in openalex


def test_sources_are_listed_as_json(program: Program) -> None:
    listed = {source["name"]: source for source in program.json("sources")}
    openalex = listed["openalex"]
    assert set(listed) == set(available())
    assert openalex["key_set"] is True
    assert openalex["requests_per_second"] > 0
    assert "doi" in openalex["schemes"]


def test_an_address_that_is_given_is_shown(program: Program) -> None:
    address = "http://127.0.0.1:1"
    assert address in program.call("sources", "--base-url", f"openalex={address}").stdout


def test_what_cannot_be_used_is_told_and_hides_no_other_source(program: Program) -> None:
    secret = "http://me:planted-password@127.0.0.1:9"
    done = program.call("sources", "--base-url", f"openalex={secret}")
    assert "cannot be used: openalex: the base URL must be http(s)://" in done.stderr
    assert "crossref" in done.stdout
    assert "planted-password" not in done.stdout + done.stderr
    listed = {
        one["name"]: one for one in program.json("sources", "--base-url", f"openalex={secret}")
    }
    assert set(listed["openalex"]) == {"name", "error"}


# ---- doctor


def verdicts(shown: str) -> dict[str, str]:
    """Return the verdict on each thing that was looked at."""
    lines = re.findall(r"^(ok|warning|problem|damage)\s+(.{16,}?) ", shown, re.MULTILINE)
    return {name.strip(): verdict for verdict, name in lines}


def test_a_healthy_place_is_ok(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    found = verdicts(program.run("doctor").stdout)
    looked_at = {"python", "sqlite", "file system", "locks", "migrations", "database"}
    assert {name: found[name] for name in looked_at} == dict.fromkeys(looked_at, "ok")


def test_the_doctor_needs_no_database_and_makes_none(program: Program) -> None:
    checks = {check["name"]: check for check in program.json("doctor")}
    assert checks["database"]["message"] == "nothing to check"
    assert not program.database.exists()


def test_the_doctor_tells_whether_keys_are_set_and_never_shows_one(program: Program) -> None:
    said = program.call("doctor").stdout
    assert re.search(r"key openalex +set\n", said)
    assert KEY not in said


def test_a_database_that_cannot_be_read_is_damage(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    damage_a_page(program.database, "paper")
    assert verdicts(program.call("doctor", code=6).stdout)["database"] == "damage"


def test_a_database_that_contradicts_itself_is_damage(program: Program) -> None:
    session = load(program, [made_up_papers.by_doi(1)])
    with opened(program) as database:
        add_event(database, session, EventKind.WARNING, "to be deleted")
    spoil_an_index(program.database)
    done = program.call("doctor", code=6)
    assert verdicts(done.stdout)["database"] == "damage"
    assert "jobrunner restore SNAPSHOT --db NEW/state.db" in done.stderr


# ---- the schema of the database


def test_the_revision_of_a_database_is_told(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    said = program.call("db", "current").stdout
    assert said == f".jobrunner/state.db: {HEAD} (this jobrunner works with {HEAD})\n"


def test_a_database_of_this_version_needs_no_upgrade(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    assert program.call("db", "upgrade").stdout == f".jobrunner/state.db: {HEAD}, nothing to do\n"


@pytest.mark.parametrize("command", ["db current", "db upgrade", "doctor", "status"])
def test_what_a_kill_before_the_first_commit_left_is_rolled_back(
    program: Program, command: str
) -> None:
    load(program, [made_up_papers.by_doi(1)])
    leave_a_journal(program.database)
    program.call(*command.split())
    tables = program.query("SELECT name FROM sqlite_schema WHERE type = 'table'")
    assert ("session",) in tables
    assert ("unfinished",) not in tables


def test_the_doctor_has_nothing_against_a_database_without_tables(program: Program) -> None:
    program.database.parent.mkdir()
    program.database.touch()
    found = verdicts(program.call("doctor").stdout)
    assert (found["migrations"], found["database"]) == ("ok", "ok")


# ---- databases that are refused


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
    assert "was made by a newer jobrunner (schema 9999; this one knows " in str(error)
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


def test_the_revision_of_a_newer_database_can_be_looked_at(program: Program, newer: Path) -> None:
    said = program.call("db", "current", "--db", newer).stdout
    assert said == f"{newer}: 9999 (this jobrunner works with {HEAD})\n"


def test_the_doctor_tells_of_a_newer_database(program: Program, newer: Path) -> None:
    said = program.call("doctor", "--db", newer, code=1).stdout
    assert verdicts(said)["migrations"] == "problem"
    assert "the schema is at 9999: upgrade jobrunner" in said


def test_a_refusal_is_one_line_and_what_to_do_then(program: Program, newer: Path) -> None:
    said = program.run("status", "--db", newer, code=5).stderr
    assert said.splitlines() == [
        f"error: {newer} was made by a newer jobrunner (schema 9999; this one knows {HEAD})",
        "  upgrade jobrunner, or name another database with --db",
    ]
