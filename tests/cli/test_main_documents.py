"""Commands and outputs of the documentation: what a page shows is run as it stands."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import PAPERS, WORKS, load_records
from jobrunner.demo.server import LocalServer
from jobrunner.errors import ExitCode
from tests.support.catalogue import CatalogueApi
from tests.support.document import GENERATED, PAGES, ROOT, Step, steps_of
from tests.support.events import LIMIT_S
from tests.support.program import Program

HOME = "/home/you/papers"
"""The directory in which the pages work."""

CATALOGUE = "http://127.0.0.1:8080"
"""The address of the catalogue in the guide to sources."""

CHANGING = (
    (r"\d{8}-\d{6}-[0-9a-f]{4}", "SESSION"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
    (r"pid \d+", "pid N"),
    (r"\d+\.\d GiB", "N GiB"),
)
"""What differs from one run to the next, and what stands for it in a comparison."""

RUN = [page for page in PAGES if page != GENERATED and any(s.is_run for s in steps_of(page))]
SLURM = [
    step for page in RUN for step in steps_of(page) if step.file and step.file.endswith(".sbatch")
]
UNITS = {step.file: step.text for page in RUN for step in steps_of(page) if step.kind == "ini"}


class Reader:
    """A directory with a paper list, and the programs that a reader calls."""

    def __init__(self, directory: Path, openalex: str, catalogue: str) -> None:
        self.program = Program(directory, openalex)
        self.directory = directory
        self._catalogue = catalogue
        shutil.copyfile(PAPERS, directory / "papers.json")
        shutil.copytree(ROOT / "docs", directory / "docs")
        packages = directory.parent / "packages"
        self.programs = directory.parent / "bin"
        self.programs.mkdir()
        self.script("jobrunner", f'exec {sys.executable} -m jobrunner "$@"')
        self.script("pip", f'exec {sys.executable} -m pip "$@" --no-deps --target {packages}')
        self.environment = {
            **self.program.environment,
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join((str(packages), str(ROOT))),
        }

    def script(self, name: str, text: str) -> None:
        """Make a program that the pages can call."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run commands to their end; one stream, as in a terminal."""
        script = command.replace(CATALOGUE, self._catalogue)
        return subprocess.run(
            ["bash", "-e", "-c", script],  # noqa: S607
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def follow(self, step: Step) -> None:
        """Store a file of a page, or run its commands and compare what they print."""
        if step.file:
            path = self.directory / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
        elif step.is_run:
            for command, output in step.commands():
                done = self.shell(command)
                if output is None:
                    assert done.returncode == 0, f"{command}\n{done.stdout}"
                else:
                    assert self.masked(done.stdout) == self.masked(output), command

    def masked(self, text: str) -> str:
        """Return an output without what changes."""
        text = text.replace(str(self.directory), HOME)
        for pattern, word in CHANGING:
            text = re.sub(pattern, word, text)
        return text


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with (
        LocalServer(OpenAlex(load_records(WORKS))) as openalex,
        LocalServer(CatalogueApi([])) as catalogue,
    ):
        yield Reader(tmp_path / "work", openalex.base_url, catalogue.base_url)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_shows(page: Path, reader: Reader) -> None:
    for step in steps_of(page):
        reader.follow(step)


def test_every_guide_has_commands_that_are_run() -> None:
    guides = {page for page in PAGES if page.parent.name == "how-to"}
    assert guides <= set(RUN)


def test_a_block_that_is_not_run_has_an_excuse() -> None:
    left_out = [step for page in RUN for step in steps_of(page) if step.excuse]
    assert left_out
    assert {step.kind for step in left_out} <= {"sh", "console"}


# ---- schedulers


@pytest.mark.parametrize("job", SLURM, ids=range(len(SLURM)))
def test_a_slurm_job_is_requeued_until_the_session_is_completed(job: Step, reader: Reader) -> None:
    requeued = reader.directory / "requeued"
    reader.script("scontrol", f'echo "$@" >> {requeued}')
    reader.environment["SLURM_JOB_ID"] = "4711"
    stopping = job.text.replace("3h50m", "0.001s --batch-size 10")
    assert stopping != job.text
    reader.follow(structs.replace(job, text=stopping))
    assert reader.shell(f"bash {job.file}").returncode == ExitCode.STOPPED
    assert requeued.read_text(encoding="utf-8") == "requeue 4711\n"
    reader.follow(job)
    done = reader.shell(f"bash {job.file}")
    assert done.returncode == ExitCode.COMPLETED, done.stdout
    assert requeued.read_text(encoding="utf-8") == "requeue 4711\n"
    assert "completed: all papers are done" in done.stdout


def test_systemd_restarts_what_can_be_resumed() -> None:
    unit = configparser.ConfigParser()
    unit.read_string(UNITS["enrich-alone.service"])
    assert unit["Service"]["RestartForceExitStatus"] == str(int(ExitCode.STOPPED))
    assert unit["Service"]["SuccessExitStatus"] == str(int(ExitCode.PAPERS_FAILED))


@pytest.mark.parametrize("name", [name for name in UNITS if name and name.endswith(".service")])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
def test_systemd_can_read_the_units(name: str, tmp_path: Path) -> None:
    text = re.sub("(?m)^(ExecStart)=.*$", r"\1=/bin/true", UNITS[name])
    (tmp_path / name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--user", str(tmp_path / name)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


# ---- the measures themselves


def test_a_wrong_output_is_seen(reader: Reader) -> None:
    with pytest.raises(AssertionError):
        reader.follow(Step(kind="console", text="$ echo one\ntwo\n"))
    reader.follow(Step(kind="console", text="$ echo one\none\n$ echo pid 7\npid 8\n"))


def test_a_command_that_fails_is_seen(reader: Reader) -> None:
    with pytest.raises(AssertionError):
        reader.follow(Step(kind="sh", text="false\ntrue\n"))
