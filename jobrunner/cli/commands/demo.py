"""``demo``: a real run against a server on this machine, killed in the middle and resumed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import print_result
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import PAPERS, WORKS, load_records
from jobrunner.demo.server import LocalServer
from jobrunner.errors import JobrunnerError, StoreError
from jobrunner.files.path_queries import exists
from jobrunner.identifiers.extract import identifiers_of
from jobrunner.store.database import Database, open_database
from jobrunner.store.progress import read_progress
from jobrunner.store.session_export import iter_papers
from jobrunner.store.sessions import list_sessions

BATCH_SIZE = 10
KILLED_AFTER = 5
"""Committed batches after which the run is killed."""

LATENCY_S = 0.15
PATIENCE_S = 60.0
POLL_S = 0.02


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner demo")(demo)


def demo(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="DIR",
            help="Where to leave what it makes [default: a new temporary directory].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch a run being killed and resumed.

    A small list of real papers is enriched by a server on this machine that speaks OpenAlex's
    protocol. The run is killed in the middle, resumed and verified. No network, no key.
    """
    place = directory or Path(tempfile.mkdtemp(prefix="jobrunner-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    if exists(place / "state.db"):
        raise JobrunnerError(f"{place} holds a demo already", hint="name another --directory")
    shutil.copyfile(PAPERS, place / "papers.json")
    api = OpenAlex(load_records(WORKS))
    with LocalServer(api, log=place / "server.log", latency=LATENCY_S) as server:
        stage = Stage(place, server)
        print_result(f"A server on this machine speaks OpenAlex's protocol: {server.base_url}")
        stage.kill_a_run()
        stage.command("status")
        stage.command("resume")
        stage.command("verify")
        stage.conclude()


class Stage:
    """The directory and the server of a demonstration, and what is done with them."""

    def __init__(self, place: Path, server: LocalServer) -> None:
        self._place = place
        self._server = server
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JOBRUNNER_")}
        self._environment = {
            **kept,
            "JOBRUNNER_DB": "state.db",
            "JOBRUNNER_OPENALEX_BASE_URL": server.base_url,
        }
        self._before: set[str] = set()
        self._asked_before = 0

    def kill_a_run(self) -> None:
        """Start a run and send SIGKILL once some batches are committed."""
        arguments = ["run", "papers.json", "-o", "enriched.json", "--batch-size", str(BATCH_SIZE)]
        child = self._start(arguments)
        try:
            database = self._wait_for_batches(child)
        finally:
            child.kill()
            child.wait()
        self._before = _committed(database)
        self._asked_before = len(self._server.requests)
        print_result(f"--- kill -9 {child.pid}: the run is dead, in the middle of its work")

    def command(self, *arguments: str) -> None:
        """Run a command and show it."""
        code = self._start(list(arguments)).wait()
        if code:
            raise JobrunnerError(f"jobrunner {' '.join(arguments)} ended with exit code {code}")

    def conclude(self) -> None:
        """Show by the server's own log that nothing committed was asked for again."""
        asked = self._server.requests[self._asked_before :]
        again = self._before & {name for request in asked for name in request.ids}
        print_result("")
        print_result(
            f"The server answered {len(self._server.requests)} requests,"
            f" {len(asked)} of them after the kill."
        )
        print_result(
            f"Papers that were committed before the kill and asked for again: {len(again)}"
        )
        print_result("The enriched papers, with their checksum beside them (sha256sum -c):")
        print_result(str(self._place / "enriched.json"))
        if again:
            raise JobrunnerError("committed papers were asked for again")

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        print_result("")
        print_result(f"$ jobrunner {' '.join(arguments)}")
        command = [sys.executable, "-m", "jobrunner", *arguments]
        # One stream, so that the order of what is shown is the order in which it happened.
        return subprocess.Popen(
            command, cwd=self._place, env=self._environment, stderr=subprocess.STDOUT
        )

    def _wait_for_batches(self, child: subprocess.Popen[bytes]) -> Database:
        """Wait until the run has committed some batches; return its database."""
        deadline = time.monotonic() + PATIENCE_S
        database: Database | None = None
        while database is None or _batches(database) < KILLED_AFTER:
            _check_under_way(child, deadline)
            time.sleep(POLL_S)
            database = database or _opened(self._place / "state.db")
        return database


def _check_under_way(child: subprocess.Popen[bytes], deadline: float) -> None:
    if child.poll() is not None:
        raise JobrunnerError(f"the run ended too early, with exit code {child.returncode}")
    if time.monotonic() > deadline:
        raise JobrunnerError(f"no {KILLED_AFTER} batches within {PATIENCE_S:.0f} s")


def _opened(path: Path) -> Database | None:
    try:
        return open_database(path)
    except StoreError:  # the run is about to make it
        return None


def _batches(database: Database) -> int:
    """Return the number of committed batches, 0 while there is no session yet."""
    sessions = list_sessions(database)
    sources = read_progress(database, sessions[0].id).sources if sessions else ()
    return sum(source.batches for source in sources)


def _committed(database: Database) -> set[str]:
    """Return, as the server's log names them, the papers of committed batches."""
    session = list_sessions(database)[0]
    with database.read() as connection:
        return {
            f"doi:{doi}"
            for paper in iter_papers(connection, session.id)
            if paper.records or paper.missed
            for doi in identifiers_of(json.loads(paper.given)).get("doi", ())
        }
