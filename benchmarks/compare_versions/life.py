"""The life of one paper list with one version, and taking over what the older one has left."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.compare_versions.answers import OF_THE_KILL, OF_THE_RUN, Json, settled, shape
from benchmarks.compare_versions.services import Services
from benchmarks.compare_versions.versions import Version

SOURCES = ("openalex", "semantic_scholar", "crossref")
CHOSEN = tuple(part for name in SOURCES for part in ("--source", name))
PATIENCE_S = 3600
POLICY = 'priority = ["crossref", "semantic_scholar"]\ncitations = "priority"\n'
OTHER = ("-o", "other.json")
LEFT = "left"
"""The directory with a copy of what a kill has left."""


MOVED = OF_THE_RUN | {"output"}
"""What is not compared of a copy: the output of the run lies beside the original."""


class Setting(NamedTuple):
    """What all programs are started with."""

    services: Services
    hurry: float

    @property
    def variables(self) -> dict[str, str]:
        """The settings of the programs."""
        found = {"JOBRUNNER_EMAIL": "somebody@example.org", "COMPARE_HURRY": str(self.hurry)}
        for name, url in self.services.urls.items():
            found[f"JOBRUNNER_{name.upper()}_BASE_URL"] = url
        for name in SOURCES[:2]:
            found[f"JOBRUNNER_{name.upper()}_API_KEY"] = "some-key-that-is-known"
        return found


class Kill(NamedTuple):
    """When a run is killed: after so many answers, its batches being of that size."""

    answered: int
    batch: int

    @classmethod
    def of(cls, plan: Json, life: Life, papers: Path) -> Self:
        """Return the middle of a list: a run of its own tells how many requests it takes.

        What a plan says is no help: titles that are not found at once take several requests.
        """
        batch = max(1, min(50, plan["papers"] // 8))
        services = life.setting.services
        services.release()
        life.call("rehearsal", "run", papers, *CHOSEN, "--batch-size", batch)
        return cls(services.release() // 2, batch)


class Answers:
    """What a version answered: values, and documents to be read when they are compared."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Json] = {}
        self.documents: dict[tuple[str, str], Path] = {}


class Life:
    """Calls of one version in a directory of its own; ``group`` names the column of the table."""

    def __init__(self, version: Version, setting: Setting, directory: Path) -> None:
        self.version = version
        self.setting = setting
        self.directory = directory
        self.answers = Answers()
        self.group = ""
        directory.mkdir(parents=True)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start the program."""
        return self.version.start(self.directory, arguments, self.setting.variables)

    def note(self, what: str, value: Json) -> None:
        """Keep an answer, to be compared."""
        self.answers.values[self.group, what] = value

    def document(self, what: str, name: str) -> None:
        """Keep a snapshot, to be compared."""
        self.answers.documents[self.group, what] = self.directory / name

    def ended(self, what: str, child: subprocess.Popen[str]) -> str:
        """Wait for a program, note how it ended, and return what it printed."""
        out, said = child.communicate(timeout=PATIENCE_S)
        self.note(f"{what}: exit code", child.returncode)
        self.note(f"{what}: traceback", said if "Traceback" in said else "")
        return out

    def call(self, what: str, *arguments: object) -> str:
        """Run the program to its end, and return what it printed."""
        return self.ended(what, self.start(*arguments))

    def ask(self, what: str, *arguments: object, left_out: frozenset[str] | None = None) -> None:
        """Run a command with --json, and keep what it prints."""
        names = OF_THE_RUN | OF_THE_KILL if left_out is None else left_out
        self.read(what, arguments, lambda value: settled(value, self.directory, names))

    def read(self, what: str, command: tuple[object, ...], keep: Callable[[Json], Json]) -> None:
        """Run a command with --json, and keep a part of what it prints."""
        printed = self.call(what, *command, "--json")
        try:
            value = json.loads(printed) if printed else None
        except ValueError:
            self.note(what, f"no JSON: {printed}")
        else:
            self.note(what, keep(value))


def live(life: Life, papers: Path, kill: Kill) -> None:
    """Plan, run, be killed, resume, report, verify and restore."""
    life.group = "plan"
    life.ask("plan", "plan", papers, *CHOSEN, left_out=frozenset())
    life.group = "kill"
    _be_killed(life, papers, kill)
    life.group = "resume"
    life.ask("resume", "resume", "-o", "out.json")
    life.document("out.json", "out.json")
    life.ask("status", "status")
    _report(life)
    _check(life)
    _restore(life)


def _be_killed(life: Life, papers: Path, kill: Kill) -> None:
    services = life.setting.services
    services.hold(after=kill.answered)
    child = life.start("run", papers, "-o", "out.json", *CHOSEN, "--batch-size", kill.batch)
    life.note("the services kept it waiting", services.wait_until_held(child))
    _settle(life, child)
    child.kill()
    life.ended("run", child)
    services.release()
    if (life.directory / ".jobrunner").exists():
        shutil.copytree(life.directory / ".jobrunner", life.directory / LEFT / ".jobrunner")
    life.read("status", ("status",), shape)
    life.group = LEFT
    life.ask("status", "status", left_out=MOVED)
    life.group = "kill"
    life.call("verify", "verify")
    life.call("snapshot", "snapshot", "-o", "middle.json")


def _settle(life: Life, child: subprocess.Popen[str]) -> None:
    """Wait until a run that is kept waiting has committed what it was answered before."""
    before, now = "", "unknown"
    while before != now and child.poll() is None:
        asked = life.start("status", "--json").communicate(timeout=PATIENCE_S)[0]
        before, now = now, " ".join(re.findall(r'"done": \d+', asked))


def _report(life: Life) -> None:
    life.group = "reports"
    life.ask("sessions list", "sessions", "list")
    life.ask("sessions show", "sessions", "show")
    life.ask("unusable", "sessions", "show", "--unusable")
    life.ask("duplicates", "duplicates")
    life.ask("explain", "explain", 1)
    life.call("explain in words", "explain", 1)
    (life.directory / "policy.toml").write_text(POLICY, encoding="utf-8")
    life.ask("explain under another policy", "explain", 1, "--policy", "policy.toml")
    life.call("snapshot under another policy", "snapshot", *OTHER, "--policy", "policy.toml")
    life.document("other.json", "other.json")
    life.ask("sources", "sources")
    life.call("review", "review", "-o", "review.jsonl")
    review = life.directory / "review.jsonl"
    text = review.read_text(encoding="utf-8") if review.exists() else "no file"
    life.note("questions", settled(text.splitlines(), life.directory))


def _check(life: Life) -> None:
    life.group = "verify"
    life.ask("verify", "verify")
    life.call("verify a snapshot", "verify", "out.json")
    if not (life.directory / "out.json.sha256").exists():
        life.note("a snapshot to be damaged", "there is none")
        return
    damaged = (life.directory / "out.json").read_bytes().replace(b'"enriched"', b'"not_found"', 1)
    (life.directory / "damaged.json").write_bytes(damaged)
    checksum = (life.directory / "out.json.sha256").read_text(encoding="utf-8")
    renamed = checksum.replace("out.json", "damaged.json")
    (life.directory / "damaged.json.sha256").write_text(renamed, encoding="utf-8")
    life.ask("verify a damaged snapshot", "verify", "damaged.json")
    life.call("restore a damaged snapshot", "restore", "damaged.json", "--db", "no/state.db")


def _restore(life: Life) -> None:
    life.group = "restore"
    new = ("--db", "new/state.db")
    life.call("restore", "restore", "out.json", *new)
    life.call("restore again", "restore", "out.json", *new)
    life.ask("status", "status", *new)
    life.ask("verify", "verify", *new)
    life.call("snapshot", "snapshot", "-o", "restored.json", *new)
    life.document("restored.json", "restored.json")
    life.ask("resume", "resume", *new)


def take_over(life: Life, left: Path) -> None:
    """Go on with the database and with the snapshot that another version has left at a kill.

    The answers have the names of those that the other version gave when it went on itself.
    """
    shutil.copytree(left / LEFT / ".jobrunner", life.directory / ".jobrunner")
    life.group = LEFT
    life.ask("status", "status", left_out=MOVED)
    life.group = "kill"
    life.call("verify", "verify")
    life.call("snapshot", "snapshot", "-o", "middle.json")
    life.group = "resume"
    life.ask("resume", "resume", "-o", "out.json")
    life.document("out.json", "out.json")
    life.ask("status", "status")
    life.group = "reports"
    life.ask("sessions show", "sessions", "show")
    life.group = "verify"
    life.ask("verify", "verify")


def take_over_snapshot(life: Life, left: Path) -> None:
    """Restore the snapshot that another version has left at a kill, and go on."""
    for name in ("middle.json", "middle.json.sha256", "out.json", "out.json.sha256"):
        shutil.copyfile(left / name, life.directory / f"old-{name}")
    for name in ("middle", "out"):
        checksum = life.directory / f"old-{name}.json.sha256"
        text = checksum.read_text(encoding="utf-8")
        checksum.write_text(text.replace(name, f"old-{name}"), encoding="utf-8")
    life.group = "verify"
    life.call("verify a snapshot", "verify", "old-out.json")
    life.group = "restore"
    life.call("restore", "restore", "old-middle.json")
    life.group = "verify"
    life.ask("verify", "verify")
    life.group = "resume"
    life.call("resume", "resume", "-o", "out.json")
    life.document("out.json", "out.json")
