"""``demo``: a real run against a local server, killed halfway and resumed."""

from __future__ import annotations

import json
import os
import shlex
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
from jobrunner.files.path_queries import exists, named_like, real_path
from jobrunner.identifiers.extract import identifiers_of
from jobrunner.store.database import DEFAULT_PATH, Database, open_database
from jobrunner.store.progress import read_progress
from jobrunner.store.session_export import iter_papers
from jobrunner.store.sessions import list_sessions

BATCH_SIZE = 10
KILLED_AFTER = 5
"""Number of committed batches after which the run is killed."""

LATENCY_S = 0.15
"""Delay of each response, so that the run takes long enough to be killed halfway."""

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
            help="An empty or new directory to work in [default: a new temporary directory].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch a run being killed and resumed.

    The demo enriches a small list of real papers from a local server that implements OpenAlex's
    protocol. It kills the run halfway, resumes it and verifies the result. It needs no network
    and no key. It prints every command that it runs, so that you can repeat it, and the command
    that removes its files.
    """
    place = _empty_directory(directory)
    shutil.copyfile(PAPERS, place / "papers.json")
    api = OpenAlex(load_records(WORKS))
    with LocalServer(api, log=place / "server.log", latency=LATENCY_S) as server:
        stage = Stage(place, server)
        print_result(f"Local server with OpenAlex's protocol: {server.base_url}")
        stage.enter()
        stage.kill_a_run()
        stage.command("status")
        stage.command("resume")
        stage.command("verify")
        stage.conclude()
    stage.name_what_is_left()


def _empty_directory(directory: Path | None) -> Path:
    """Return an empty directory, so that all of it can be removed afterwards."""
    place = real_path(directory or Path(tempfile.mkdtemp(prefix="jobrunner-demo-")))
    place.mkdir(parents=True, exist_ok=True)
    if named_like(place, "*"):
        raise JobrunnerError(f"{place} is not empty", hint="name a new one with --directory")
    return place


class Stage:
    """Runs the steps of the demo in its directory, against its server."""

    def __init__(self, place: Path, server: LocalServer) -> None:
        self._place = place
        self._server = server
        self._unset = sorted(name for name in os.environ if name.startswith("JOBRUNNER_"))
        self._environment = {k: v for k, v in os.environ.items() if k not in self._unset}
        self._before: set[str] = set()
        self._requests_before = 0

    def enter(self) -> None:
        """Print the commands that prepare a shell to repeat those that follow."""
        print_result("")
        # Users often start the program by its path, such as .venv/bin/jobrunner.
        programs = Path(sys.executable).parent
        on_path = shutil.which("jobrunner")
        program = programs / "jobrunner"
        if exists(program) and (on_path is None or Path(on_path) != program):
            print_result(f"$ export PATH={shlex.quote(str(programs))}:$PATH")
        if self._unset:
            print_result(f"$ unset {' '.join(self._unset)}")
        print_result(f"$ cd {shlex.quote(str(self._place))}")

    def kill_a_run(self) -> None:
        """Start a run and kill it with SIGKILL after some batches are committed."""
        arguments = ["run", "papers.json", "-o", "enriched.json", "--batch-size", str(BATCH_SIZE)]
        child = self._start([*arguments, "--base-url", f"openalex={self._server.base_url}"])
        try:
            database = self._wait_for_batches(child)
        finally:
            child.kill()
            child.wait()
        self._before = _committed(database)
        self._requests_before = len(self._server.requests)
        print_result(f"--- kill -9 {child.pid}: the run is killed before it is finished")

    def command(self, *arguments: str) -> None:
        """Print a command and run it; raise JobrunnerError if it fails."""
        code = self._start(list(arguments)).wait()
        if code:
            raise JobrunnerError(f"jobrunner {' '.join(arguments)} ended with exit code {code}")

    def conclude(self) -> None:
        """Check in the server's log that no committed paper was requested again."""
        after_kill = self._server.requests[self._requests_before :]
        again = self._before & {name for request in after_kill for name in request.ids}
        print_result("")
        print_result(
            f"The server answered {len(self._server.requests)} requests,"
            f" {len(after_kill)} of them after the kill."
        )
        print_result(f"Papers committed before the kill and requested again: {len(again)}")
        if again:
            raise JobrunnerError("committed papers were requested again")

    def name_what_is_left(self) -> None:
        """Print where the files are, what to do with them and how to remove them."""
        place = shlex.quote(str(self._place))
        print_result("")
        print_result("The server is stopped. These commands still work:")
        print_result("$ jobrunner status")
        print_result("$ jobrunner explain p001")
        print_result("$ sha256sum -c enriched.json.sha256")
        print_result("")
        print_result(f"The enriched papers are in {self._place / 'enriched.json'}.")
        print_result(f"To remove all files of this demo: rm -r {place}")

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        print_result("")
        print_result(f"$ jobrunner {' '.join(arguments)}")
        command = [sys.executable, "-m", "jobrunner", *arguments]
        # One stream for both outputs, so that lines appear in the order in which they were written.
        return subprocess.Popen(
            command, cwd=self._place, env=self._environment, stderr=subprocess.STDOUT
        )

    def _wait_for_batches(self, child: subprocess.Popen[bytes]) -> Database:
        """Wait until the run has committed enough batches; return its database."""
        deadline = time.monotonic() + PATIENCE_S
        database: Database | None = None
        while database is None or _batches(database) < KILLED_AFTER:
            _check_running(child, deadline)
            time.sleep(POLL_S)
            database = database or _opened(self._place / DEFAULT_PATH)
        return database


def _check_running(child: subprocess.Popen[bytes], deadline: float) -> None:
    if child.poll() is not None:
        raise JobrunnerError(f"the run ended too early, with exit code {child.returncode}")
    if time.monotonic() > deadline:
        raise JobrunnerError(f"no {KILLED_AFTER} batches within {PATIENCE_S:.0f} s")


def _opened(path: Path) -> Database | None:
    try:
        return open_database(path)
    except StoreError:  # the run has not created it yet
        return None


def _batches(database: Database) -> int:
    """Return the number of committed batches, 0 while there is no session yet."""
    sessions = list_sessions(database)
    sources = read_progress(database, sessions[0].id).sources if sessions else ()
    return sum(source.batches for source in sources)


def _committed(database: Database) -> set[str]:
    """Return the papers of committed batches, named as in the server's log."""
    session = list_sessions(database)[0]
    with database.read() as connection:
        return {
            f"doi:{doi}"
            for paper in iter_papers(connection, session.id)
            if paper.records or paper.missed
            for doi in identifiers_of(json.loads(paper.given)).get("doi", ())
        }
