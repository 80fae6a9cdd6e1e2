"""What needs no long list: wrong usage, refusals, signals, a run that nothing stops."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen

from benchmarks.compare_versions.answers import OF_THE_RUN, Json, settled
from benchmarks.compare_versions.life import CHOSEN, Life

WRONG = {
    "no command": (),
    "help": ("--help",),
    "unknown command": ("frobnicate",),
    "unknown option": ("run", "papers.json", "--frobnicate"),
    "no input named": ("run",),
    "unknown source": ("run", "papers.json", "--source", "nobody"),
    "unknown source of an address": ("run", "papers.json", "--base-url", "nobody=http://x"),
    "wrong time": ("run", "papers.json", "--max-time", "soon"),
    "wrong batch size": ("run", "papers.json", "--batch-size", "0"),
    "wrong budget": ("run", "papers.json", "--budget", "openalex=much"),
    "wrong address": ("run", "papers.json", "--email", "nobody"),
    "missing input": ("run", "missing.json"),
    "missing input of a plan": ("plan", "missing.json"),
    "input that is no JSON": ("run", "broken.json"),
    "input without papers": ("run", "empty.json"),
    "missing policy": ("run", "papers.json", "--policy", "missing.toml"),
    "output into nowhere": ("run", "papers.json", "-o", "nowhere/out.json"),
    "no database: status": ("status",),
    "no database: resume": ("resume",),
    "no database: verify": ("verify",),
    "no database: sessions": ("sessions", "list"),
    "missing snapshot": ("restore", "missing.json"),
    "snapshot that is none": ("restore", "papers.json"),
    "a database that is none": ("status", "--db", "papers.json"),
}
UNKNOWN = {
    "status": ("status", "19990101"),
    "resume": ("resume", "19990101"),
    "retry": ("retry", "19990101", "--failed"),
    "verify": ("verify", "19990101"),
    "snapshot": ("snapshot", "19990101"),
    "duplicates": ("duplicates", "19990101"),
    "explain": ("explain", "1", "--session", "19990101"),
    "explain a paper": ("explain", "99999"),
    "explain a field": ("explain", "1", "frobnication"),
    "review": ("review", "19990101"),
    "sessions show": ("sessions", "show", "19990101"),
    "sessions delete": ("sessions", "delete", "19990101", "--yes"),
}


def misuse(life: Life, papers: Path) -> None:
    """Call with wrong options, files and sessions; nothing is asked of a service."""
    life.group = "usage"
    shutil.copyfile(papers, life.directory / "papers.json")
    (life.directory / "broken.json").write_text('{"papers": [', encoding="utf-8")
    (life.directory / "empty.json").write_text("[]", encoding="utf-8")
    for what, command in WRONG.items():
        life.call(what, *command)


def refuse(life: Life, papers: Path) -> None:
    """Ask for what a session's state forbids, and for sessions that are not there."""
    life.group = "refused"
    with _held(life, papers, 8) as child:
        life.call("resume beside a run", "resume")
        life.call("snapshot beside a run", "snapshot")
        life.call("snapshot beside a run to a file", "snapshot", "-o", "beside.json")
        life.call("delete beside a run", "sessions", "delete", _session(life), "--yes")
        life.call("restore beside a run", "restore", "beside.json")
        child.kill()
        life.ended("killed run", child)
    life.call("run again", "run", papers, *CHOSEN)
    for what, command in UNKNOWN.items():
        life.call(f"unknown: {what}", *command)
    _set_rules(life, 1)
    life.call("resume under other rules", "resume")
    life.call("resume under other rules, explained", "resume", "--explain")
    life.call("resume under other rules, allowed", "resume", "--allow-changes")
    life.call("retry", "retry", _session(life), "--not-found", "--dry-run")
    life.call("clean", "sessions", "clean", "--older-than", "0", "--dry-run")
    life.call("delete without a word", "sessions", "delete", _session(life))
    life.call("delete", "sessions", "delete", _session(life), "--yes")


def stop(life: Life, papers: Path) -> None:
    """Stop a run by signals and limits; each time it can be resumed."""
    life.group = "stopped"
    for name in (signal.SIGTERM, signal.SIGINT):
        with _held(life, papers, 8, "--new") as child:
            child.send_signal(name)
        life.ended(f"run with {name.name}", child)
    sources = ("--source", "openalex")
    limits = {"requests": ("--max-requests", "openalex=2"), "budget": ("--budget", "openalex=0")}
    for what, limit in limits.items():
        life.call(f"limit of {what}", "run", papers, "--new", *sources, *limit)
    life.call("resume of one of many", "resume")
    life.call("doctor", "doctor")


def one_source(life: Life, papers: Path) -> None:
    """Run with one source that nothing stops: batches, requests and costs are compared too."""
    life.group = "one source"
    life.ask("run", "run", papers, "-o", "out.json", "--source", "openalex", left_out=FREE)
    life.document("out.json", "out.json")
    life.note("batches", _batches(life))
    life.call("retry", "retry", _session(life), "--not-found")
    life.document("after a retry", "out.json")
    life.ask("sessions show", "sessions", "show", left_out=FREE)


FREE = OF_THE_RUN | {"bytes", "sha256"}
"""What is not compared where nothing was killed: sizes follow from times and paths."""


def _batches(life: Life) -> Json:
    """Return the batches of a snapshot, in an order that does not depend on who was faster."""
    path = life.directory / "out.json"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    entries = [json.loads(line.removesuffix(",")) for line in lines if '"committed_at"' in line]
    for entry in entries:
        del entry["number"]
    return sorted((settled(one, life.directory) for one in entries), key=json.dumps)


@contextmanager
def _held(life: Life, papers: Path, answered: int, *options: object) -> Iterator[Popen[str]]:
    """Run until so many requests are answered, and let it go on at the end."""
    services = life.setting.services
    services.hold(after=answered)
    child = life.start("run", papers, *CHOSEN, *options)
    life.note("the services kept it waiting", services.wait_until_held(child))
    yield child
    services.release()


def _session(life: Life) -> str:
    """Return the id of the only session, from the directory that it has."""
    found = [path.name for path in (life.directory / ".jobrunner").glob("2*") if path.is_dir()]
    return found[0] if found else "none"


def _set_rules(life: Life, rules: int) -> None:
    """Let the session be one that was made under other rules of matching."""
    with closing(sqlite3.connect(life.directory / ".jobrunner" / "state.db")) as connection:
        change = "UPDATE session SET options = json_set(options, '$.rules', ?)"
        connection.execute(change, (rules,))
        connection.commit()
