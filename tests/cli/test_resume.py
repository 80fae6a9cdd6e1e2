"""Going on with a session: which one, with which papers and sources, and when that is refused."""

from __future__ import annotations

import json

import pytest

from jobrunner import __version__
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import SessionError
from jobrunner.matching.decide import RULES
from jobrunner.operations.resume import explain
from jobrunner.operations.select import choose_session
from jobrunner.operations.verify import verify_session
from jobrunner.store.events import list_events
from jobrunner.store.sessions import get_session
from tests.support import made_up_papers
from tests.support.program import (
    Program,
    adopt,
    change,
    install_source,
    load,
    only,
    opened,
    papers_of,
    rows_of,
    was_killed,
)

PAPERS = made_up_papers.papers(lookups=24, searches=2)
"""29 of these 30 can be asked about."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A session that was killed when the first ten papers were committed."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        server.faults = only(made_up_papers.doi(0))
        program = Program(tmp_path_factory.mktemp("killed"), server.base_url)
        program.input(PAPERS)
        command = ("run", "papers.json", "--batch-size", 10)
        assert was_killed(program.run(*command, fault="commit.after", code=None).returncode)
    return program


@pytest.fixture
def killed(program: Program, template: Program) -> Program:
    adopt(program, template)
    change(program, "UPDATE session SET input_path = ?", str(program.directory / "papers.json"))
    return program


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session ORDER BY created_at")[0][0])


def progress_of(program: Program, source: str = "openalex") -> tuple[int, int]:
    """Papers with an outcome, of all that can be asked about."""
    sql = (
        "SELECT count(r.id), count(*) FROM paper p JOIN source_state s ON s.name = ?"
        " LEFT JOIN record r ON r.paper_id = p.id AND r.source_id = s.id WHERE p.unusable IS NULL"
    )
    done, papers = program.query(sql, source)[0]
    return done, papers


# ---- which session


def test_the_only_unfinished_session_needs_no_name(killed: Program) -> None:
    load(killed, [made_up_papers.by_doi(7)], "small.json")
    change(killed, "UPDATE session SET status = 'completed' WHERE input_path LIKE '%small.json'")
    assert f"session {session_of(killed)} continues" in killed.run("resume").stderr


def test_of_several_unfinished_sessions_none_is_chosen_and_all_are_listed(killed: Program) -> None:
    ids = [session_of(killed), load(killed, [made_up_papers.by_doi(7)], "small.json")]
    said = killed.call("resume", code=1).stderr
    assert all(session in said for session in ids)
    assert "name one of them" in said


def test_the_beginning_of_an_id_is_enough(killed: Program) -> None:
    session = session_of(killed)
    with opened(killed) as database:
        assert choose_session(database, session[:8]).id == session


def test_a_beginning_that_fits_several_sessions_is_not_enough(killed: Program) -> None:
    load(killed, [made_up_papers.by_doi(7)], "small.json")
    with opened(killed) as database, pytest.raises(SessionError, match="2 sessions begin with 20"):
        choose_session(database, "20")


def test_an_unknown_id_is_an_error_that_names_the_next_command(killed: Program) -> None:
    said = killed.call("resume", "19991231-000000-0000", code=1).stderr
    assert "no session 19991231-000000-0000" in said
    assert "jobrunner sessions list" in said


def test_a_completed_session_is_not_chosen_by_itself(killed: Program) -> None:
    change(killed, "UPDATE session SET status = 'completed'")
    with opened(killed) as database, pytest.raises(SessionError, match="no unfinished session"):
        choose_session(database, None, unfinished=True)


def test_a_completed_session_that_is_named_asks_nothing_again(
    killed: Program, server: LocalServer
) -> None:
    killed.call("resume")
    asked = len(server.requests)
    assert "completed: all papers are done" in killed.call("resume", session_of(killed)).stderr
    assert len(server.requests) == asked


# ---- with which papers


def test_the_input_file_is_not_needed_any_more(killed: Program) -> None:
    (killed.directory / "papers.json").unlink()
    assert "papers.json" not in killed.call("resume").stderr
    assert progress_of(killed) == (29, 29)


def test_a_changed_input_is_told_and_the_papers_stay_those_of_the_session(killed: Program) -> None:
    killed.input([made_up_papers.by_doi(79)])
    said = killed.call("resume", "-o", "out.json").stderr
    assert "papers.json has changed; continuing" in said
    assert "--update-input adds the new ones" in said
    assert [paper["given"] for paper in papers_of(killed.directory / "out.json")] == PAPERS


def test_update_input_adds_the_new_papers_and_removes_none(killed: Program) -> None:
    new = [made_up_papers.by_doi(78), made_up_papers.by_title(79)]
    killed.input([*PAPERS[10:], *new])
    said = killed.call("resume", "--update-input", "-o", "out.json").stderr
    assert f"added 2 new papers from {killed.directory / 'papers.json'}" in said
    given = [paper["given"] for paper in papers_of(killed.directory / "out.json")]
    assert given == [*PAPERS, *new]
    assert progress_of(killed) == (31, 31)


def test_a_paper_that_stands_in_the_new_input_once_more_is_added_once(killed: Program) -> None:
    killed.input([*PAPERS, made_up_papers.by_doi(3)])
    assert "added 1 new paper from" in killed.call("resume", "--update-input").stderr


def test_update_input_that_was_cut_off_adds_the_rest_the_next_time(killed: Program) -> None:
    notes = [{"note": number} for number in range(1500)]
    killed.input([*PAPERS, *notes])
    cut_off = killed.run("resume", "--update-input", fault="load.inside:2", code=None)
    assert was_killed(cut_off.returncode)
    assert killed.query("SELECT count(*) FROM paper") == [(1030,)]
    assert "added 500 new papers from" in killed.call("resume", "--update-input").stderr
    given = killed.query("SELECT given FROM paper ORDER BY position")
    assert [json.loads(text) for (text,) in given] == [*PAPERS, *notes]
    with opened(killed) as database:
        assert verify_session(database, session_of(killed)) == []


def test_papers_that_were_added_before_a_kill_are_owed_a_snapshot(killed: Program) -> None:
    killed.call("resume", "-o", "out.json")
    killed.input([*PAPERS, {"note": "neither title nor identifier"}])
    cut_off = killed.run("resume", "--update-input", "20", fault="input.added", code=None)
    assert was_killed(cut_off.returncode)
    assert killed.json("status")["snapshot_owed"]
    killed.call("resume")
    assert len(papers_of(killed.directory / "out.json")) == len(PAPERS) + 1


def test_of_an_input_that_cannot_be_read_to_its_end_no_paper_is_added(killed: Program) -> None:
    killed.call("resume")
    before = rows_of(killed)
    new = [{"title": f"New study number {number}"} for number in range(1500)]
    text = killed.input([*PAPERS, *new]).read_text(encoding="utf-8")
    (killed.directory / "papers.json").write_text(text[:-9], encoding="utf-8")
    said = killed.call("resume", "20", "--update-input", code=1).stderr
    assert "papers.json" in said
    assert rows_of(killed) == before


def test_update_input_without_the_file_is_an_error(killed: Program) -> None:
    (killed.directory / "papers.json").unlink()
    said = killed.call("resume", "--update-input", code=1).stderr
    assert f"from {killed.directory / 'papers.json'}: the file does not exist" in said


def test_update_input_of_standard_input_is_an_error(killed: Program) -> None:
    change(killed, "UPDATE session SET input_path = NULL")
    said = killed.call("resume", "--update-input", code=1).stderr
    assert "cannot add papers from the input: it came from standard input" in said


# ---- explained before it is done


def test_explain_says_what_would_be_done_and_changes_nothing(
    killed: Program, server: LocalServer
) -> None:
    papers, before = killed.input([*PAPERS, made_up_papers.by_doi(78)]), rows_of(killed)
    lines = killed.run("resume", "--explain").stdout.splitlines()
    assert "was killed; only its batches in flight are repeated" in lines[0]
    assert f"the input {papers} has changed" in lines[1]
    assert lines[2] == "queries openalex for the 19 of 29 papers without an answer"
    assert lines[3] == "a snapshot is due: the newest one lacks committed batches"
    assert rows_of(killed) == before
    assert server.requests == []


def test_explain_says_how_many_papers_would_be_added(killed: Program) -> None:
    papers, before = killed.input([*PAPERS, made_up_papers.by_doi(78)]), rows_of(killed)
    lines = killed.json("resume", "--explain", "--update-input")
    assert f"adds 1 new papers from {papers}" in lines
    assert rows_of(killed) == before


def test_explain_counts_the_papers_that_would_be_added_among_those_that_are_asked_about(
    killed: Program,
) -> None:
    killed.run("resume")
    killed.input(
        [*PAPERS, made_up_papers.by_doi(77), made_up_papers.by_doi(78), {"note": "cannot be used"}]
    )
    lines = killed.json("resume", session_of(killed), "--explain", "--update-input")
    assert lines[1].startswith("adds 3 new papers from ")
    assert "queries openalex for the 2 of 31 papers without an answer" in lines


def test_explain_says_which_sources_come_and_go(killed: Program) -> None:
    with opened(killed) as database:
        lines = explain(database, get_session(database, session_of(killed)), ("shelf",))
    assert "shelf is new in this session: queries it for all papers" in lines
    assert "openalex is dropped; its results stay" in lines


def test_explain_refuses_what_the_resume_would_refuse(killed: Program) -> None:
    said = killed.call("resume", "--explain", "--source", "nowhere", code=2).stderr
    assert "unknown source 'nowhere'" in said


# ---- with which sources


def test_a_source_that_is_added_is_asked_about_all_papers(killed: Program) -> None:
    install_source(killed, "shelf")
    killed.run("resume", "--source", "openalex", "--source", "shelf", "-o", "out.json")
    assert progress_of(killed) == progress_of(killed, "shelf") == (29, 29)
    first = papers_of(killed.directory / "out.json")[0]
    assert list(first["records"]) == ["openalex", "shelf"]


def test_a_source_that_is_dropped_keeps_what_it_found_and_is_not_asked(
    killed: Program, server: LocalServer
) -> None:
    install_source(killed, "shelf")
    killed.run("resume", "--source", "shelf", "-o", "out.json")
    assert server.requests == []
    sources = [list(paper["records"]) for paper in papers_of(killed.directory / "out.json")[9:11]]
    assert sources == [["openalex", "shelf"], ["shelf"]]


def test_a_dropped_source_that_is_named_again_goes_on_where_it_was(
    killed: Program, server: LocalServer
) -> None:
    change(killed, "UPDATE source_state SET status = 'dropped'")
    killed.call("resume", "--source", "openalex")
    assert progress_of(killed) == (29, 29)
    asked = {name for request in server.requests for name in request.ids}
    assert asked.isdisjoint(
        f"doi:{made_up_papers.doi(number)}" for number in range(10) if number != 3
    )


def test_a_retry_leaves_what_a_dropped_source_said(killed: Program) -> None:
    killed.call("resume")
    install_source(killed, "shelf")
    killed.run("resume", "20", "--source", "shelf")
    retired = "SELECT count(*), count(DISTINCT source_id) FROM retired_record"
    said = killed.run("retry", "20", "--not-found").stderr
    assert progress_of(killed) == (29, 29)
    [(count, sources)] = killed.query(retired)
    assert (f"retrying {count} papers" in said, sources) == (True, 1)
    said = killed.run("retry", "20", "--not-found", "--source", "openalex", code=1).stderr
    assert "the session does not use the source openalex" in said


def test_failures_of_a_dropped_source_do_not_count_for_the_exit_code(killed: Program) -> None:
    change(killed, "UPDATE record SET outcome = 'failed', data = NULL WHERE paper_id = 1")
    change(killed, "UPDATE batch SET enriched = enriched - 1, failed = failed + 1")
    killed.call("resume", code=3)
    install_source(killed, "shelf")
    killed.run("resume", "20", "--source", "shelf", code=0)


@pytest.mark.parametrize(
    "options", [("--source", "nowhere"), ("--budget", "nowhere=1usd")], ids=" ".join
)
def test_an_unknown_source_is_a_usage_error_that_changes_nothing(
    killed: Program, options: tuple[str, str]
) -> None:
    before = rows_of(killed)
    said = killed.call("resume", *options, code=2).stderr
    assert "unknown source 'nowhere'; known: " in said
    assert rows_of(killed) == before


# ---- when it would change results


@pytest.fixture
def of_other_rules(killed: Program) -> Program:
    change(killed, "UPDATE session SET options = json_set(options, '$.rules', ?)", RULES + 1)
    return killed


DIFFERENCE = f"matching rules {RULES + 1} (made by {__version__}) became {RULES}"


@pytest.mark.parametrize(
    "command", [("resume",), ("run", "papers.json", "--resume"), ("retry", "20", "--failed")]
)
def test_a_session_of_other_matching_rules_is_refused_with_the_difference(
    of_other_rules: Program, command: tuple[str, ...]
) -> None:
    before = rows_of(of_other_rules)
    said = of_other_rules.call(*command, code=5).stderr
    assert DIFFERENCE in said
    assert f"jobrunner resume {session_of(of_other_rules)} --allow-changes" in said
    assert rows_of(of_other_rules) == before


@pytest.mark.parametrize("command", ["snapshot", "verify", "status"])
def test_no_other_command_lifts_the_refusal(of_other_rules: Program, command: str) -> None:
    of_other_rules.call(command)
    assert DIFFERENCE in of_other_rules.call("resume", code=5).stderr


def test_explain_foresees_the_refusal(of_other_rules: Program) -> None:
    with opened(of_other_rules) as database:
        said = explain(database, get_session(database, session_of(of_other_rules)))
    refusal = f"REFUSED without --allow-changes: matching rules {RULES + 1} became {RULES}"
    assert refusal in said


def test_allowed_changes_go_on_and_stand_in_the_history(of_other_rules: Program) -> None:
    of_other_rules.call("resume", "--allow-changes")
    with opened(of_other_rules) as database:
        events = list_events(database, session_of(of_other_rules))
    assert f"allowed: {DIFFERENCE}" in [event.message for event in events]


# ---- how, and where to


def test_an_output_that_is_named_on_resume_is_written_and_remembered(killed: Program) -> None:
    out = killed.directory / "out.json"
    assert killed.call("resume", "-o", "out.json").stdout.strip() == str(out)
    assert len(papers_of(out)) == 30
    assert killed.query("SELECT output FROM session") == [(str(out),)]


def test_a_retry_keeps_the_limits_and_writes_the_output_that_it_is_given(
    killed: Program, server: LocalServer
) -> None:
    killed.call("resume")
    asked = len(server.requests)
    limits = ("--max-requests", f"openalex={asked}", "--budget", "openalex=1")
    said = killed.call("retry", "20", "--not-found", "-o", "out.json", *limits, code=1).stderr
    assert f"openalex: all {asked} allowed requests are used" in said
    assert len(server.requests) == asked
    assert len(papers_of(killed.directory / "out.json")) == 30
    [options] = killed.query("SELECT options FROM session")
    assert json.loads(options[0])["budgets"] == {"openalex": 1_000_000}


def test_an_output_that_cannot_be_written_is_refused_at_once(
    killed: Program, server: LocalServer
) -> None:
    said = killed.call("resume", "-o", "nowhere/out.json", code=2).stderr
    assert "cannot write nowhere/out.json" in said
    assert server.requests == []


def test_run_resume_takes_the_options_that_it_is_given(killed: Program) -> None:
    install_source(killed, "shelf")
    options = ("--source", "shelf", "--batch-size", 5, "--checkpoint-interval", 0)
    killed.run("run", "papers.json", "--resume", *options)
    assert progress_of(killed, "shelf") == (29, 29)
    remembered = json.loads(killed.query("SELECT options FROM session")[0][0])
    assert remembered["sources"] == ["shelf"]
    assert (remembered["batch_size"], remembered["checkpoint_interval"]) == (5, 0)


def test_run_resume_takes_the_policy_that_it_is_given(killed: Program) -> None:
    (killed.directory / "policy.toml").write_text('priority = ["crossref"]\n', encoding="utf-8")
    killed.run("run", "papers.json", "--resume", "--policy", "policy.toml")
    remembered = json.loads(killed.query("SELECT options FROM session")[0][0])
    assert remembered["policy"]["priority"] == ["crossref"]
