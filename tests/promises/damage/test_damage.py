"""A database that is damaged anywhere: told plainly, never a traceback, and a way back."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.files.run_log import ranges
from tests.support import made_up_papers
from tests.support.program import Program, adopt, damage_a_page, papers_of, rows_of, was_killed

PAPERS = made_up_papers.papers(lookups=24, searches=4)

PAGE = 16384

Damage = Callable[[bytes, random.Random], bytes]


def garbage(page: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(len(page))


def zeros(page: bytes, _: random.Random) -> bytes:
    return bytes(len(page))


def a_torn_write(page: bytes, chance: random.Random) -> bytes:
    """The first sectors are of another time."""
    return chance.randbytes(4096) + page[4096:]


def a_few_bits(page: bytes, chance: random.Random) -> bytes:
    """Flip bits where something stands: in a text that no snapshot holds yet nothing can tell."""
    changed = bytearray(page)
    used = [place for place, byte in enumerate(page) if byte]
    for place in chance.sample(used, min(8, len(used))):
        changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


DAMAGES: tuple[Damage, ...] = (garbage, zeros, a_torn_write, a_few_bits)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A session that was killed half-way, with a snapshot of before."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("killed"), server.base_url)
        program.input(PAPERS)
        program.call(
            "run", "papers.json", "--batch-size", 3, "--max-requests", "openalex=4", code=1
        )
        more = ("resume", "--max-requests", "openalex=1000", "--batch-size", 3)
        assert was_killed(program.run(*more, fault="commit.before:3", code=None).returncode)
        with closing(sqlite3.connect(program.database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return program


def pages_of(database: Path) -> int:
    return database.stat().st_size // PAGE


def call(program: Program, *arguments: str, said: list[str]) -> int:
    """Call the program; whatever it finds, it ends in a clear line."""
    done = program.call(*arguments, code=None)
    text = f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    said.append(text)
    assert "Traceback" not in text, "\n".join(said)
    assert "this is a bug" not in text, "\n".join(said)
    if done.returncode not in (0, 3, 75):
        assert "error: " in done.stderr, "\n".join(said)
    if done.returncode == 6:
        assert "jobrunner restore SNAPSHOT" in done.stderr, "\n".join(said)
    return done.returncode


def leave(program: Program, template: Program, content: bytes) -> None:
    """Leave what the killed run has left, but for the database."""
    shutil.rmtree(program.database.parent)
    shutil.copytree(template.database.parent, program.database.parent)
    program.database.write_bytes(content)


def rows(program: Program) -> list[str] | None:
    try:
        return rows_of(program)
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def examine(
    program: Program, template: Program, damaged: bytes, whole: list[str], name: str
) -> bool:
    """Let every command meet a damaged database; return whether it was in unused space."""
    said = [name]
    codes = {}
    for command in (("status",), ("verify",), ("resume",), ("run", "papers.json", "--new")):
        leave(program, template, damaged)
        codes[command[0]] = call(program, *command, said=said)
    leave(program, template, damaged)
    unused = rows(program) == whole
    may_be_unknown = unused or a_few_bits.__name__ in name
    assert codes["verify"] in ((0, 6) if may_be_unknown else (6,)), "\n".join(said)
    return unused


def sweep(
    program: Program, template: Program, chance: random.Random, damages: tuple[Damage, ...]
) -> list[int]:
    """Damage every page in turn; return how often it mattered, and how often it did not."""
    original = program.database.read_bytes()
    whole = rows_of(program)
    found = [0, 0]
    for number in range(1, pages_of(program.database)):
        for damage in damages or (DAMAGES[number % len(DAMAGES)],):
            page = original[number * PAGE : (number + 1) * PAGE]
            damaged = bytearray(original)
            damaged[number * PAGE : (number + 1) * PAGE] = damage(page, chance)
            what = f"page {number + 1}: {damage.__name__}"
            found[examine(program, template, bytes(damaged), whole, what)] += 1
    return found


@pytest.fixture
def killed(program: Program, template: Program) -> Program:
    adopt(program, template)
    return program


@pytest.mark.torture
def test_every_page_damaged_in_one_way_is_found(killed: Program, template: Program) -> None:
    mattered, _ = sweep(killed, template, random.Random(20261125), ())
    assert mattered > 8


@pytest.mark.torture
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_page_damaged_in_every_way_is_found(
    killed: Program, template: Program, damage: Damage
) -> None:
    mattered, _ = sweep(killed, template, random.Random(4711), (damage,))
    assert mattered > 8


# ---- a way back


def restore_newest(program: Program, session: str, new: Path) -> str:
    snapshots = sorted(program.database.parent.glob(f"{session}/snapshots/*.json"))
    return program.call("restore", snapshots[-1], "--db", new).stderr


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session")[0][0])


def test_a_restore_tells_which_batches_and_papers_are_missing_and_a_resume_redoes_only_those(
    killed: Program, template: Program, server: LocalServer
) -> None:
    session = session_of(killed)
    done = killed.query(
        "SELECT b.number, p.position FROM batch b JOIN record r ON r.batch_id = b.id"
        " JOIN paper p ON p.id = r.paper_id ORDER BY 2"
    )
    [snapshot] = killed.database.parent.glob("*/snapshots/*.json")
    held = {b["number"] for b in json.loads(snapshot.read_bytes())["batches"]}
    lost = {number for number, _ in done} - held
    positions = {position for number, position in done if number in lost}
    assert (len(lost), len(positions)) == (2, 6)
    original = killed.database.read_bytes()
    killed.database.write_bytes(original[:PAGE] + b"\xa5" * (len(original) - PAGE))
    killed.call("verify", code=6)
    new = killed.database.with_name("new.db")
    said = restore_newest(killed, session, new)
    assert (
        f"openalex: batches {ranges(lost)}, committed after the snapshot, are missing:"
        f" 6 papers ({ranges(positions)})"
    ) in said
    assert snapshot.exists()
    whole = {position for number, position in done if number in held}
    kept = {f"doi:{PAPERS[position]['doi']}" for position in whole} - {
        f"doi:{paper.get('doi')}" for place, paper in enumerate(PAPERS) if place not in whole
    }
    server.requests.clear()
    killed.environment["JOBRUNNER_OPENALEX_BASE_URL"] = server.base_url
    killed.call("resume", "--db", new, "--max-requests", "openalex=1000")
    asked = {name for request in server.requests for name in request.ids}
    assert kept.isdisjoint(asked)
    assert {f"doi:{PAPERS[position]['doi']}" for position in positions} <= asked
    assert snapshot.exists()
    killed.call("verify", "--db", new)


def test_a_damaged_database_tells_what_the_log_does_not(killed: Program) -> None:
    session = session_of(killed)
    (killed.database.parent / session / "run.log").unlink()
    said = restore_newest(killed, session, killed.directory / "new" / "state.db")
    assert "openalex: batches 4-5, committed after the snapshot, are missing" in said


def test_the_way_back_that_is_told_leads_from_a_damaged_database_to_the_end(
    killed: Program, server: LocalServer
) -> None:
    session = session_of(killed)
    damage_a_page(killed.database, "paper")
    [told] = re.findall(
        r"`jobrunner (restore SNAPSHOT [^`]+)`", killed.call("resume", code=6).stderr
    )
    [snapshot] = killed.database.parent.glob("*/snapshots/*.json")
    said = killed.call(*told.replace("SNAPSHOT", str(snapshot)).split()).stderr
    [told] = re.findall("next: jobrunner (.+)", said)
    killed.environment["JOBRUNNER_OPENALEX_BASE_URL"] = server.base_url
    killed.call(*told.split(), "--max-requests", "openalex=1000", "-o", "out.json")
    assert len(papers_of(killed.directory / "out.json")) == len(PAPERS)
    killed.call("verify", session, "--db", "NEW/state.db")
    assert snapshot.exists()


# ---- other files


def damaged_header(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(b"\xff" * 100)


def cut_in_half(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def cut_in_a_page(database: Path) -> None:
    """Where nothing stands, perhaps."""
    os.truncate(database, database.stat().st_size - PAGE // 3)


def garbage_as_shm(database: Path) -> None:
    database.with_name("state.db-shm").write_bytes(random.Random(1).randbytes(32768))


def garbage_as_wal(database: Path) -> None:
    database.with_name("state.db-wal").write_bytes(random.Random(1).randbytes(50000))


@pytest.mark.parametrize(
    ("damage", "codes"),
    [(damaged_header, (1, 6)), (cut_in_half, (6,)), (cut_in_a_page, (0, 6)),
     (garbage_as_shm, (0,)), (garbage_as_wal, (0,))],
)  # fmt: skip
def test_a_file_cut_off_or_overwritten_is_told_or_does_no_harm(
    killed: Program, damage: Callable[[Path], None], codes: tuple[int, ...]
) -> None:
    damage(killed.database)
    said: list[str] = []
    for command in ("verify", "status", "resume"):
        code = call(killed, command, said=said)
        if command == "verify":
            assert code in codes, "\n".join(said)


@pytest.fixture
def with_log(program: Program, server: LocalServer) -> Program:
    """A killed session whose last commits are only in the write-ahead log."""
    program.input(PAPERS)
    command = ("run", "papers.json", "--batch-size", 3)
    assert was_killed(program.run(*command, fault="commit.before:5", code=None).returncode)
    assert program.database.with_name("state.db-wal").stat().st_size > 0
    server.requests.clear()
    return program


@pytest.mark.parametrize("left", [0.0, 0.3, 0.7, 0.999])
def test_a_write_ahead_log_that_was_cut_off_takes_back_whole_commits_only(
    with_log: Program, left: float
) -> None:
    wal = with_log.database.with_name("state.db-wal")
    with_log.database.with_name("state.db-shm").unlink()
    os.truncate(wal, int(wal.stat().st_size * left))
    said: list[str] = []
    code = call(with_log, "verify", said=said)
    if code == 0:
        call(with_log, "resume", said=said)
        with_log.call("verify")
    else:  # not even the tables were in the file
        assert code == 1, said
        assert "no jobrunner database" in said[0]
        assert call(with_log, "run", "papers.json", said=said) == 0
