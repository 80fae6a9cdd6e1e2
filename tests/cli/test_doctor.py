"""``doctor``: whether this machine, the settings and the database can be worked with."""

from __future__ import annotations

import re

from jobrunner.models import EventKind
from jobrunner.store.events import add_event
from jobrunner.store.schema import HEAD
from tests.support import made_up_papers
from tests.support.program import KEY, Program, change, damage_a_page, load, opened, spoil_an_index


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


def test_the_doctor_has_nothing_against_a_database_without_tables(program: Program) -> None:
    program.database.parent.mkdir()
    program.database.touch()
    found = verdicts(program.call("doctor").stdout)
    assert (found["migrations"], found["database"]) == ("ok", "ok")


def test_the_doctor_tells_of_a_newer_database(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    change(program, "UPDATE alembic_version SET version_num = '9999'")
    said = program.call("doctor", code=1).stdout
    assert verdicts(said)["migrations"] == "problem"
    assert f"the schema is at 9999, newer than {HEAD}: upgrade jobrunner" in said
