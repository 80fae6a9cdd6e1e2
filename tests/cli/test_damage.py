"""A database that is damaged anywhere: told plainly, never a traceback, and a way back."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.sample import LocalServer, OpenAlex

from . import library
from .running import Program, adopt, rows_of, was_killed

PAPERS = library.papers(lookups=24, searches=4)

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
    """Flip bits where something stands."""
    changed = bytearray(page)
    used = [place for place, byte in enumerate(page) if byte]
    for place in chance.sample(used, min(8, len(used))):
        changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


DAMAGES: tuple[Damage, ...] = (garbage, zeros, a_torn_write, a_few_bits)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A session that was killed half-way, with a snapshot of before."""
    with LocalServer(OpenAlex(library.works())) as server:
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
    assert codes["verify"] in ((0, 6) if unused else (6,)), "\n".join(said)
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


def test_every_page_damaged_in_one_way_is_found(killed: Program, template: Program) -> None:
    mattered, _ = sweep(killed, template, random.Random(20261125), ())
    assert mattered > 15


@pytest.mark.torture
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_page_damaged_in_every_way_is_found(
    killed: Program, template: Program, damage: Damage
) -> None:
    mattered, _ = sweep(killed, template, random.Random(4711), (damage,))
    assert mattered > 15
