"""A stored output replaces only this session's own snapshot, and what is published is whole."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program
from tests.support.three_sources import session_of

RUN = ("run", "papers.json", "--batch-size", 5)
TWELVE = [made_up_papers.by_doi(number) for number in range(12)]


@pytest.fixture
def program(server: LocalServer, tmp_path: Path) -> Program:
    program = Program(tmp_path / "work", server.base_url)
    program.environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    program.input(TWELVE)
    return program


@pytest.fixture
def killed(program: Program) -> Program:
    """A session that was killed before it had published anything."""
    program.run(*RUN, "-o", "out.json", fault="commit.after", code=None)
    assert not (program.directory / "out.json").exists()
    return program


def set_output(program: Program, output: Path) -> None:
    """Change the stored output, as somebody else's database may have it."""
    with closing(sqlite3.connect(program.database)) as connection, connection:
        connection.execute("UPDATE session SET output = ?", (str(output),))


def of_somebody_else(program: Program, tmp_path: Path) -> None:
    """Let the user have named nothing: the database comes from another machine."""
    program.environment["XDG_STATE_HOME"] = str(tmp_path / "other state")


def test_an_output_that_was_named_once_is_published_by_a_bare_resume(killed: Program) -> None:
    killed.run("resume")
    assert len(json.loads((killed.directory / "out.json").read_text())["papers"]) == 12


def test_a_strangers_file_is_not_replaced(killed: Program, tmp_path: Path) -> None:
    profile = tmp_path / ".profile"
    profile.write_text("export A=1\n", encoding="utf-8")
    set_output(killed, profile)
    said = killed.run("resume").stderr
    assert profile.read_text(encoding="utf-8") == "export A=1\n"
    assert f"warning: {profile} is not written: the file there is not a snapshot of this" in said
    assert f"add -o {profile}" in said
    killed.call("snapshot")
    assert profile.read_text(encoding="utf-8") == "export A=1\n"
    session = session_of(killed)
    killed.run("resume", session, "-o", profile)
    assert len(json.loads(profile.read_text(encoding="utf-8"))["papers"]) == 12


def test_no_new_file_is_made_where_the_user_has_named_none(killed: Program, tmp_path: Path) -> None:
    of_somebody_else(killed, tmp_path)
    said = killed.run("resume").stderr
    assert "out.json is not written: you have not named it" in said
    assert not (killed.directory / "out.json").exists()


@pytest.mark.parametrize("kind", ["database", "log", "lock", "snapshot", "fifo", "directory"])
def test_what_is_no_output_is_never_replaced(kind: str, killed: Program, tmp_path: Path) -> None:
    session = session_of(killed)
    directory = killed.database.parent / session
    places = {
        "database": killed.database,
        "log": killed.database.with_name("state.db-wal"),
        "lock": directory / "run.lock",
        "snapshot": directory / "snapshots" / "000001.json",
        "fifo": tmp_path / "fifo",
        "directory": tmp_path / "directory",
    }
    os.mkfifo(places["fifo"])
    places["directory"].mkdir()
    set_output(killed, places[kind])
    assert f"{places[kind]} is not written: it " in killed.run("resume").stderr
    killed.run("verify")
    assert places["fifo"].is_fifo()


def test_a_restored_session_leaves_the_output_of_the_original_alone(
    program: Program, server: LocalServer, tmp_path: Path
) -> None:
    program.run(*RUN, "-o", "out.json")
    before = (program.directory / "out.json").stat()
    session = session_of(program)
    other = Program(tmp_path / "elsewhere", server.base_url)
    other.environment["XDG_STATE_HOME"] = program.environment["XDG_STATE_HOME"]
    said = other.call("restore", program.database.parent / session).stderr
    assert f"the output {program.directory / 'out.json'} is not here: add -o FILE" in said
    other.run("resume", session)
    assert os.path.samestat((program.directory / "out.json").stat(), before)
    other.run("resume", session, "-o", "here.json")
    assert (other.directory / "here.json").exists()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) * 2 // 3],
    "emptied": lambda _: b"",
    "changed": lambda content: content.replace(b'"position":1,', b'"position":7,'),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_an_output_that_was_damaged_is_reported_and_written_again(
    how: str, program: Program
) -> None:
    program.run(*RUN, "-o", "out.json")
    output = program.directory / "out.json"
    whole = output.read_bytes()
    output.write_bytes(DAMAGE[how](whole))
    assert output.read_bytes() != whole
    assert "the output" in program.call("verify", code=6).stdout
    session = session_of(program)
    program.run("resume", session)
    assert output.read_bytes() == whole
    program.call("verify")


def test_a_replaced_output_keeps_its_mode(program: Program) -> None:
    output = program.directory / "out.json"
    output.write_text("", encoding="utf-8")
    for mode in (0o640, 0o604):
        output.chmod(mode)
        program.run(*RUN, "--new", "-o", "out.json")
        assert output.stat().st_mode & 0o777 == mode
        program.call("snapshot", "-o", "out.json", program.json("sessions", "list")[-1]["session"])
        assert output.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("length", [255 - len("..sha256.01234567.tmp") + 1, 255, 300, 5000])
def test_a_name_that_is_too_long_is_refused_before_any_request(
    length: int, program: Program, server: LocalServer
) -> None:
    said = program.call(*RUN, "-o", "o" * length, code=2).stderr
    assert "cannot write" in said
    assert "too long" in said
    assert server.requests == []
    assert not program.database.exists()


def test_a_second_session_with_the_same_output_is_told(program: Program) -> None:
    program.run(*RUN, "-o", "out.json")
    first = session_of(program)
    said = program.run(*RUN, "--new", "-o", "out.json").stderr
    assert f"out.json holds session {first}, and is replaced" in said


def test_a_link_as_output_stays_and_its_target_is_replaced(program: Program) -> None:
    (program.directory / "link.json").symlink_to("target.json")
    program.run(*RUN, "-o", "link.json")
    first = (program.directory / "target.json").read_bytes()
    program.call("snapshot", "-o", "link.json")
    assert (program.directory / "link.json").is_symlink()
    assert (program.directory / "target.json").read_bytes() != first


def test_a_directory_whose_name_is_not_text_is_refused_at_the_start(
    program: Program, server: LocalServer, tmp_path: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    shutil.copytree(program.directory, odd)
    program.directory = odd
    said = program.call(*RUN, "-o", "out.json", code=2)
    assert "error: the name of the working directory is not valid UTF-8" in said.stderr
    assert server.requests == []


@pytest.mark.parametrize("moment", ["load.sealing", "snapshot.begin"])
def test_what_was_named_is_known_from_the_moment_at_which_a_session_can_be_resumed(
    moment: str, program: Program
) -> None:
    killed = program.run(*RUN, "-o", "out.json", fault=moment, code=None)
    assert killed.returncode < 0
    if program.has_started():
        program.run("resume")
    else:
        program.run(*RUN, "-o", "out.json")
    assert (program.directory / "out.json").exists()
