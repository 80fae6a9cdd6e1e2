"""The stand-in servers as a program of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from jobrunner.demo.server import read_log
from tests.support.events import LIMIT_S
from tests.support.server_client import work
from tests.support.servers.__main__ import main

# As a program --------------------------------------------------------------------------------


@contextmanager
def program(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the server as a program; yield it and its address."""
    command = [sys.executable, "-m", "tests.support.servers", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["base_url"]
        finally:
            process.kill()


def test_the_program_serves_the_sample_until_sigterm() -> None:
    with program() as (process, base_url):
        found = httpx2.get(f"{base_url}/works/doi:10.7717/peerj.4375", timeout=LIMIT_S).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    assert found["id"] == "https://openalex.org/W2741809807"


def test_the_log_of_a_killed_program_has_all_its_requests(tmp_path: Path) -> None:
    log, records = tmp_path / "log.jsonl", tmp_path / "works.jsonl"
    records.write_text(json.dumps(work(11)) + "\n")
    with program("--records", records, "--log", log, "--budget-usd", "0.0002") as (process, url):
        codes = [httpx2.get(f"{url}/works", timeout=LIMIT_S).status_code for _ in range(3)]
        process.kill()
    assert codes == [200, 200, 429]
    assert [served.status for served in read_log(log)] == codes


@pytest.mark.parametrize(
    ("api", "record", "path"),
    [
        ("semantic_scholar", {"paperId": "a" * 40, "title": "T"}, "/graph/v1/paper/" + "a" * 40),
        ("crossref", {"DOI": "10.1/x", "title": ["T"]}, "/works/10.1%2Fx"),
    ],
)
def test_the_program_serves_the_other_services(
    api: str, record: dict[str, object], path: str, tmp_path: Path
) -> None:
    (tmp_path / "records.json").write_text(json.dumps([record]))
    with program("--api", api, "--records", tmp_path, "--latency", "0.01") as (_, base_url):
        assert httpx2.get(base_url + path, timeout=LIMIT_S).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--api", "crossref"], "--records is needed"),
        (["--records", "/no/such/file"], "cannot read the records"),
        (["--api", "other"], "--api"),
    ],
)
def test_the_program_refuses_arguments_that_make_no_sense(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert what in capsys.readouterr().err
