"""What must be true of a session at any moment, whatever has befallen its runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from jobrunner.operations.status import read_status
from jobrunner.operations.verify import verify_session
from jobrunner.store.database import open_database
from jobrunner.store.sessions import list_sessions
from tests.support.program import Program


def assert_all_is_well(program: Program) -> None:
    """What ``jobrunner verify`` would say, without starting it."""
    with closing(open_database(program.database)) as database:
        for session in list_sessions(database):
            assert verify_session(database, session.id) == []


def assert_counters_are_the_rows(program: Program) -> None:
    """Counted by hand from the rows, as the program shows it, and by SQLite's own check."""
    with closing(sqlite3.connect(program.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = dict(connection.execute("SELECT outcome, count(*) FROM record GROUP BY outcome"))
        counted = connection.execute(
            "SELECT sum(enriched), sum(not_found), sum(failed), sum(passed_on) FROM batch"
        ).fetchone()
        missed = connection.execute("SELECT count(*) FROM lookup_miss").fetchone()[0]
    names = ("enriched", "not_found", "failed")
    assert [rows.get(name, 0) for name in names] == [count or 0 for count in counted[:3]]
    assert missed == (counted[3] or 0)
    with closing(open_database(program.database)) as database:
        session = list_sessions(database)[0]
        source = read_status(database, session).sources[0]
    assert {n: getattr(source, n) for n in names} == {n: rows.get(n, 0) for n in names}
    assert source.done == sum(rows.values())


def committed_questions(program: Program) -> set[str]:
    """What the server was asked for papers whose answer is committed, as its log writes it."""
    looked_up = program.query(
        "SELECT i.value FROM identifier i WHERE i.scheme = 'doi' AND i.origin = 'input' AND ("
        " EXISTS (SELECT 1 FROM record r WHERE r.paper_id = i.paper_id) OR"
        " EXISTS (SELECT 1 FROM lookup_miss m WHERE m.paper_id = i.paper_id))"
    )
    pending = program.query(
        "SELECT i.value FROM identifier i WHERE i.scheme = 'doi' AND i.origin = 'input' AND"
        " NOT EXISTS (SELECT 1 FROM record r WHERE r.paper_id = i.paper_id) AND"
        " NOT EXISTS (SELECT 1 FROM lookup_miss m WHERE m.paper_id = i.paper_id)"
    )
    # A duplicate in the input is asked for by itself, under the same DOI.
    return {f"doi:{value}" for (value,) in looked_up} - {f"doi:{value}" for (value,) in pending}
