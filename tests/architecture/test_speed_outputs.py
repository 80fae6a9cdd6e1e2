"""The contenders of the speed benchmark are held against what the sources said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed.peers.check import check
from benchmarks.speed.processes import Place, run
from benchmarks.speed.sources import install
from benchmarks.speed.workload import write_input

PAPERS = 120
ROOT = Path(__file__).parents[2]


def enriched(directory: Path, contender: str = "floor") -> Path:
    """Let a contender do the work; return its output."""
    papers = directory / "papers.jsonl"
    write_input(papers, PAPERS)
    command = [sys.executable, "-m", f"benchmarks.speed.{contender}", str(papers), str(directory)]
    subprocess.run(command, check=True, cwd=ROOT)
    return directory / "out.json"


@pytest.mark.parametrize("contender", ["floor", "jsonl"])
def test_what_a_script_writes_is_accepted(tmp_path: Path, contender: str) -> None:
    check(enriched(tmp_path, contender), PAPERS)


def test_what_jobrunner_writes_is_accepted(tmp_path: Path) -> None:
    papers, packages = tmp_path / "papers.jsonl", tmp_path / "packages"
    write_input(papers, PAPERS)
    install(packages)
    Place(tmp_path, packages).measure(*run(papers))
    check(next(tmp_path.glob(".jobrunner/*/papers_enriched.json")), PAPERS)


@pytest.mark.parametrize(
    ("found", "instead", "complaint"),
    [
        (b'"citations":77,', b'"citations":78,', "records of paper 77"),
        (b'"id":"east:77"', b'"id":"north:77"', "records of paper 77"),
        (b'"paper_id":"p77"', b'"paper_id":"p78"', "paper 77"),
        (b'{"given"', b'\n{"other"', "0 papers instead of 120"),
        (b"\n]}\n", b"\n] }\n", "not what its checksum says"),
    ],
)
def test_an_output_that_was_changed_is_refused(
    tmp_path: Path, found: bytes, instead: bytes, complaint: str
) -> None:
    output = enriched(tmp_path)
    assert found in output.read_bytes()
    output.write_bytes(output.read_bytes().replace(found, instead))
    with pytest.raises(ValueError, match=complaint):
        check(output, PAPERS)


def test_an_output_without_one_paper_is_refused(tmp_path: Path) -> None:
    output = enriched(tmp_path)
    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join(lines[:-2] + lines[-1:]))
    with pytest.raises(ValueError, match="119 papers instead of 120"):
        check(output, PAPERS)


def test_an_output_without_the_records_of_a_source_is_refused(tmp_path: Path) -> None:
    output = enriched(tmp_path)
    content = output.read_bytes()
    start = content.index(b'{"id":"south:77"')
    end = content.index(b"]}", content.index(b'"topics"', start) + len(b'"topics":[')) + len(b"]}")
    output.write_bytes(content[: start - 1] + content[end:])
    with pytest.raises(ValueError, match="records of paper 77"):
        check(output, PAPERS)


def test_a_script_with_json_lines_goes_on_behind_a_line_that_a_kill_cut_short(
    tmp_path: Path,
) -> None:
    enriched(tmp_path, "jsonl")
    state = tmp_path / "state.jsonl"
    state.write_bytes(state.read_bytes()[:-1000])
    check(enriched(tmp_path, "jsonl"), PAPERS)
