"""Running the program in a process of its own, and looking at what it leaves."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from jobrunner.cli.main import main
from jobrunner.demo.messages import Plan
from jobrunner.engine.shutdown import SIGNALS
from jobrunner.matching.decide import RULES
from jobrunner.operations.load import load_session
from jobrunner.store.database import Database, open_database
from jobrunner.store.rows import Options
from tests.support.events import LIMIT_S
from tests.support.servers.faults import always, slow, where

KEY = "planted-key-4711-abcdef"
NOT_INHERITED = ("JOBRUNNER_", "PYTHONDONTWRITEBYTECODE")
"""Settings of the person who tests, and what would make every start compile everything again."""

CHANGING = ("retrieved_at", "retired_at", "batch")


class Program:
    """The command ``jobrunner``, started in a directory, talking to one server."""

    def __init__(self, directory: Path, base_url: str = "http://127.0.0.1:9") -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)},
            "JOBRUNNER_OPENALEX_BASE_URL": base_url,
            "JOBRUNNER_OPENALEX_API_KEY": KEY,
            "JOBRUNNER_DEBUG": "",
        }
        self.prefix: tuple[str, ...] = ()
        """A command that starts the program in its turn, such as ``prlimit --nofile=20``."""

    def start(self, *arguments: object, fault: str = "") -> subprocess.Popen[str]:
        """Start the program; ``fault`` is a named moment at which it is killed."""
        environment = {**self.environment, **({"JOBRUNNER_FAULT": fault} if fault else {})}
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "jobrunner", *map(str, arguments)],
            cwd=self.directory,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self, *arguments: object, fault: str = "", code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run the program to its end and demand its exit code (None: any)."""
        child = self.start(*arguments, fault=fault)
        out, err = child.communicate(timeout=LIMIT_S)
        assert "Traceback" not in err, err
        assert code is None or child.returncode == code, f"{child.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def call(self, *arguments: object, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Do as :meth:`run` does, but in this process: for what needs no process of its own."""
        out, err = io.StringIO(), io.StringIO()
        argv = ["jobrunner", *map(str, arguments)]
        with (
            pytest.MonkeyPatch.context() as patch,
            open(os.devnull, encoding="utf-8") as nothing,  # noqa: PTH123 - it is no path
            chdir(self.directory),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            for name in [name for name in os.environ if name.startswith("JOBRUNNER_")]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", argv)
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            patch.setattr(sys, "stdin", nothing)
            ended = 0
            try:
                main()
            except SystemExit as exit_:
                ended = int(exit_.code or 0)
            finally:  # a run ignores signals at its end, when its process would end too
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        said = out.getvalue(), err.getvalue()
        assert code is None or ended == code, f"{ended}\n{said[0]}\n{said[1]}"
        return subprocess.CompletedProcess(argv, ended, *said)

    def json(self, *arguments: object) -> Any:
        """Call a command with --json and return what it prints."""
        return json.loads(self.call(*arguments, "--json").stdout)

    def input(self, papers: object, name: str = "papers.json") -> Path:
        """Write an input file."""
        path = self.directory / name
        path.write_text(json.dumps(papers), encoding="utf-8")
        return path

    @property
    def database(self) -> Path:
        """The state database at its default place."""
        return self.directory / ".jobrunner" / "state.db"

    def has_started(self) -> bool:
        """Whether there is a session that can be resumed: a kill may come before."""
        if not self.database.exists() or not self.query("SELECT 1 FROM sqlite_schema"):
            return False
        return bool(self.query("SELECT 1 FROM session WHERE status <> 'loading'"))

    def query(self, sql: str, *values: object) -> list[Any]:
        """Ask the database, reading only."""
        with closing(connect_ro(self.database)) as connection:
            return connection.execute(sql, values).fetchall()


def only(text: str) -> Plan:
    """Let only the requests whose query holds a text be answered soon, the others in a minute."""
    return where(lambda request: text not in str(request.query), always(slow(60)))


def was_killed(code: int) -> bool:
    return code == -signal.SIGKILL


def papers_of(path: Path) -> list[dict[str, Any]]:
    """Return the enriched papers of an output, without times and batches: runs differ in them."""
    document = json.loads(path.read_text(encoding="utf-8"))
    papers: list[dict[str, Any]] = document["papers"]
    for paper in papers:
        paper.pop("missed", None)
        for record in paper.get("records", {}).values():
            for name in CHANGING:
                record.pop(name, None)
    return papers


def adopt(program: Program, template: Program) -> None:
    """Give a program a copy of everything that another one has left in its directory."""
    shutil.copytree(template.directory, program.directory, dirs_exist_ok=True)


def opened(program: Program) -> closing[Database]:
    """Open the program's database in this process, to be closed by ``with``."""
    return closing(open_database(program.database))


def load(
    program: Program,
    papers: object,
    name: str = "papers.json",
    *,
    sources: tuple[str, ...] = ("openalex",),
) -> str:
    """Make a session that has not been run yet; return its id."""
    program.database.parent.mkdir(exist_ok=True)
    with closing(open_database(program.database, create=True)) as database:
        options = Options(sources=sources, rules=RULES, batch_size=10)
        session, lease = load_session(database, program.input(papers, name), options)
        lease.release()
    return session.id


def rows_of(program: Program) -> list[str]:
    """Return every row of the database as SQL."""
    with closing(connect_ro(program.database)) as connection:
        return list(connection.iterdump())


def connect_ro(database: Path) -> sqlite3.Connection:
    """Open a database for reading only.

    A kill in the switch of a new database to the write-ahead log leaves a rollback journal, which
    has to be rolled back first. Else nothing is written: a log that a kill leaves stays as it is.
    """
    if database.with_name(f"{database.name}-journal").exists():
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT 1 FROM sqlite_schema")
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True)


def leave_a_journal(database: Path) -> None:
    """Be killed when the file is changed but not committed, its write-ahead log not yet in use."""
    subprocess.run([sys.executable, "-c", _KILLED, database], check=False)


_KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA synchronous = OFF")  # without it a journal counts only once it is synced
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE unfinished (id)")
os.kill(os.getpid(), 9)
"""


def change(program: Program, sql: str, *values: object) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(program.database)) as connection, connection:
        connection.execute(sql, values)


def damage_a_page(database: Path, name: str) -> None:
    """Overwrite the first page of a table or an index."""
    with closing(sqlite3.connect(database)) as connection:
        [(size,)] = connection.execute("PRAGMA page_size")
        where = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        [(page,)] = connection.execute(where, (name,))
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x5a" * size)


def spoil_an_index(database: Path) -> None:
    """Delete a row of the history, but not its entry in an index."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        named = "FROM sqlite_schema WHERE name = 'ix_event_session_id'"
        [index] = connection.execute(f"SELECT * {named}")
        connection.execute(f"DELETE {named}")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM event WHERE id = (SELECT max(id) FROM event)")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", index)


@contextmanager
def protected(path: Path) -> Iterator[None]:
    """Make a directory or file read-only during the block, for root too."""
    if os.geteuid() == 0:
        command = ["chattr", "+i", str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("root may write everywhere, and the file system has no +i attribute")
        try:
            yield
        finally:
            subprocess.run(["chattr", "-i", str(path)], check=True)  # noqa: S607
        return
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        path.chmod(mode)


SOURCE = """
from jobrunner.models import Answer, Match, Record
from jobrunner.http.service import Limits, Service
from jobrunner.sources.contract import LookupResult


class Source:
    name = {name!r}
    schemes = ("doi",)
    after = ()
    lookup_size = 50
    search_size = 10
    service = Service(name={name!r}, base_url="http://127.0.0.1:9", limits=Limits(100, 2))

    def __init__(self, settings):
        pass

    async def lookup(self, papers, requests):
        match = Match(by="doi", score=1.0)
        return LookupResult({{
            paper.id: Answer.found(Record(id=f"{name}-{{paper.position}}"), match)
            for paper in papers
        }})

    async def search(self, paper, requests):
        return Answer.not_found()
"""


def install_source(program: Program, name: str) -> None:
    """Install a package with a source that has every paper of a DOI, for this program alone."""
    place = program.directory / "packages"
    information = place / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (place / f"{name}.py").write_text(SOURCE.format(name=name), encoding="utf-8")
    (information / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n", encoding="utf-8")
    points = f"[jobrunner.sources]\n{name} = {name}:Source\n"
    (information / "entry_points.txt").write_text(points, encoding="utf-8")
    others = program.environment.get("PYTHONPATH")
    program.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(place), others)))


def feed(program: Program, data: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run the program to its end with something on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "jobrunner", *map(str, arguments)],
        cwd=program.directory,
        env=program.environment,
        input=data,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )


def finish(child: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for a started program to end."""
    out, err = child.communicate(timeout=LIMIT_S)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def committed(program: Program) -> int:
    """Count the papers with a committed outcome, 0 while there is no database yet."""
    try:
        return int(program.query("SELECT count(*) FROM record")[0][0])
    except sqlite3.OperationalError:
        return 0


def has_its_checksum(path: Path) -> bool:
    """Tell whether the checksum file beside a file is one of it, as ``sha256sum`` sees it."""
    command = ["sha256sum", "-c", "--strict", f"{path.name}.sha256"]
    return not subprocess.run(command, cwd=path.parent, capture_output=True, check=False).returncode
