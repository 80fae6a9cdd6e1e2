"""What a person sees at a terminal: pictures drawn again and again, and messages above them."""

from __future__ import annotations

import pytest

from jobrunner.demo.server import LocalServer
from jobrunner.engine.shutdown import GRACE_S
from tests.support import made_up_papers
from tests.support.events import eventually
from tests.support.program import Program
from tests.support.servers.faults import always, slow
from tests.support.terminal import terminal

CTRL_C = "\x03"
TOO_LONG = 60.0
"""Seconds of an answer that nobody waits for."""


@pytest.mark.parametrize("columns", [80, 120])
def test_what_is_said_while_a_run_is_shown_stays_above_it(
    program: Program, server: LocalServer, columns: int
) -> None:
    server.faults = always(slow(TOO_LONG))
    program.input([made_up_papers.by_doi(1)])
    with terminal(program, "run", "papers.json", columns=columns) as seen:
        eventually(lambda: any(row.startswith("source ") for row in seen.rows()))
        seen.press(CTRL_C)
        eventually(lambda: seen.shows("stopping"))
        eventually(lambda: seen.rows()[-2].startswith("openalex"))
        rows = seen.rows()
        assert (
            f"stopping (signal SIGINT): waiting up to {GRACE_S:.0f} s for requests in flight;"
            " signal again to stop immediately" in "".join(rows)
        )
        assert sum(row.startswith("source ") for row in rows) == 1
        assert not any("^C" in row for row in rows)
        seen.press(CTRL_C)
        assert "next: jobrunner resume " in "".join(seen.finish())
    assert seen.child.returncode == 75


def test_what_is_said_of_a_killed_run_begins_a_row(program: Program) -> None:
    with terminal(program, "demo", "--directory", "demo") as seen:
        eventually(lambda: seen.shows("--- kill -9 "))
        assert any(row.startswith("--- kill -9 ") for row in seen.rows())


def test_tables_are_laid_out_for_the_width_of_the_terminal(program: Program) -> None:
    piped = program.call("sources").stdout
    assert piped.splitlines()[0].split() == ["source", "limits", "lookup", "by", "key", "address"]
    with terminal(program, "sources") as seen:
        rows = seen.finish()
    assert "openalex" in rows
    assert "  limits: 30/s, 16 concurrent" in rows
    assert "  address: " + program.environment["JOBRUNNER_OPENALEX_BASE_URL"] in "".join(rows)
