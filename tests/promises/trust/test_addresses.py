"""A key and a request go only to an address that is published or that the user has named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import KEY, Program
from tests.support.servers.listener import Listener
from tests.support.three_sources import session_of

REFUSED = 5


@pytest.fixture
def hearing() -> Listener:
    return Listener()


@pytest.fixture
def server(hearing: Listener) -> Iterator[LocalServer]:
    with LocalServer(OpenAlex(made_up_papers.works()), faults=hearing) as server:
        yield server


@pytest.fixture
def program(server: LocalServer, tmp_path: Path) -> Program:
    """A program whose user has a key in the environment, and has named no address yet."""
    program = Program(tmp_path / "work")
    del program.environment["JOBRUNNER_OPENALEX_BASE_URL"]
    program.environment["XDG_STATE_HOME"] = str(tmp_path / "state")
    program.environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    program.input([made_up_papers.by_doi(number) for number in range(12)])
    return program


def naming(server: LocalServer) -> str:
    return f"openalex={server.base_url}"


@pytest.fixture
def killed(program: Program, server: LocalServer) -> Program:
    """The same with a session that was killed, whose address the user has named."""
    options = ("--base-url", naming(server), "--batch-size", 5, "-o", "out.json")
    program.run("run", "papers.json", *options, fault="commit.after", code=None)
    server.requests.clear()
    return program


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jobrunner.toml", '[openalex]\nbase_url = "{}"'),
        ("pyproject.toml", '[tool.jobrunner.openalex]\nbase_url = "{}"'),
    ],
)
def test_an_address_of_the_working_directory_gets_nothing_before_it_is_named(
    name: str, text: str, program: Program, server: LocalServer, hearing: Listener
) -> None:
    (program.directory / name).write_text(text.format(server.base_url), encoding="utf-8")
    said = program.call("run", "papers.json", code=REFUSED).stderr
    assert f"{server.base_url} (from {name})" in said
    assert f"add --base-url {naming(server)} once" in said
    assert server.requests == []
    assert not program.database.exists()
    program.run("run", "papers.json", "--base-url", naming(server))
    assert hearing.keys == {f"Bearer {KEY}"}


def test_a_session_whose_address_was_named_resumes_without_the_option(
    killed: Program, server: LocalServer, hearing: Listener
) -> None:
    hearing.keys.clear()
    said = killed.run("resume").stderr
    assert f"openalex is queried at {server.base_url} (from the session)" in said
    assert hearing.keys == {f"Bearer {KEY}"}


def test_the_database_of_somebody_else_is_asked_about_before_anything_is_sent(
    killed: Program, server: LocalServer, tmp_path: Path
) -> None:
    """Their user has named the address, and this one has not."""
    killed.environment["XDG_STATE_HOME"] = str(tmp_path / "other state")
    explained = killed.call("resume", "--explain").stdout
    assert f"openalex is queried at {server.base_url} (from the session)" in explained
    assert "REFUSED: openalex: you have not named the address" in explained
    for command in ("resume", "run papers.json --resume"):
        said = killed.call(*command.split(), code=REFUSED).stderr
        assert "you have not named the address" in said
    killed.call("retry", session_of(killed), code=REFUSED)
    assert server.requests == []
    killed.run("resume", "--base-url", naming(server))
    assert server.requests != []


def test_another_address_under_the_id_of_a_known_session_is_refused(
    killed: Program, server: LocalServer
) -> None:
    with LocalServer(OpenAlex(made_up_papers.works())) as thief:
        with closing(sqlite3.connect(killed.database)) as connection, connection:
            ((options,),) = connection.execute("SELECT options FROM session").fetchall()
            changed = json.loads(options) | {"base_urls": {"openalex": thief.base_url}}
            connection.execute("UPDATE session SET options = ?", (json.dumps(changed),))
        killed.call("resume", code=REFUSED)
        assert thief.requests == []


def test_the_address_in_a_snapshot_is_shown_and_gets_nothing(
    killed: Program, server: LocalServer, tmp_path: Path
) -> None:
    killed.run("resume")
    other = Program(tmp_path / "elsewhere")
    other.environment = killed.environment | {
        "XDG_STATE_HOME": str(tmp_path / "state of another user"),
    }
    shutil.copytree(killed.database.parent, tmp_path / "found")
    (found,) = [path for path in (tmp_path / "found").iterdir() if path.is_dir()]
    server.requests.clear()
    said = other.call("restore", found).stderr
    assert server.base_url in said
    assert f"--base-url {naming(server)}" in said
    other.call("retry", found.name, "--not-found", code=REFUSED)
    assert server.requests == []


def test_the_users_own_file_names_an_address(
    program: Program, server: LocalServer, hearing: Listener, tmp_path: Path
) -> None:
    own = tmp_path / "config" / "jobrunner" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'[openalex]\nbase_url = "{server.base_url}"\n', encoding="utf-8")
    said = program.run("run", "papers.json").stderr
    assert f"openalex is queried at {server.base_url} (from {own})" in said
    assert hearing.keys == {f"Bearer {KEY}"}


def test_a_key_is_not_sent_unencrypted_to_another_machine(program: Program) -> None:
    for url in ("http://example.org", "http://127.0.0.1.example.org", "http://localhost.:9"):
        said = program.call(
            "run", "papers.json", "--base-url", f"openalex={url}", code=REFUSED
        ).stderr
        assert "the key would be sent unencrypted" in said
    assert not program.database.exists()


def test_what_was_named_is_kept_where_only_the_user_can_write(
    program: Program, server: LocalServer, tmp_path: Path
) -> None:
    place = tmp_path / "state" / "jobrunner" / "sessions"
    place.mkdir(parents=True)
    place.chmod(0o777)
    program.run("run", "papers.json", "--base-url", naming(server))
    session = session_of(program)
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / f"{session}.json").stat().st_mode & 0o777 == 0o600
    program.call("sessions", "delete", session, "--yes")
    assert list(place.iterdir()) == []


def test_where_nothing_can_be_kept_the_run_says_that_the_next_needs_the_option_again(
    program: Program, server: LocalServer, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file, not a directory", encoding="utf-8")
    said = program.run("run", "papers.json", "--base-url", naming(server)).stderr
    assert "a later resume needs --base-url again" in said


def test_sources_and_doctor_show_an_address_with_its_origin(program: Program) -> None:
    text = '[openalex]\nbase_url = "http://127.0.0.1:9"'
    (program.directory / "jobrunner.toml").write_text(text, encoding="utf-8")
    assert "http://127.0.0.1:9 (from jobrunner.toml)" in program.call("sources").stdout
    found = {one["name"]: one["base_url_from"] for one in program.json("sources")}
    assert (found["openalex"], found["crossref"]) == ("jobrunner.toml", None)
    (check,) = [one for one in program.json("doctor") if one["name"] == "address openalex"]
    assert check["verdict"] == "warning"
    assert "not used until you add --base-url" in check["message"]
