"""Write the fixtures of the schema that this checkout has: a session that was killed half-way.

They are its database as SQL, and the one snapshot that it had by then, with its checksum.

Run it once when a migration is added, before it is released:
``python tests/support/earlier_schemas/make.py``. Earlier fixtures stay as they are for ever.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from jobrunner.demo.openalex import OpenAlex  # noqa: E402
from jobrunner.demo.server import LocalServer  # noqa: E402
from jobrunner.store.schema import HEAD  # noqa: E402
from tests.support import made_up_papers  # noqa: E402 - found beside this script
from tests.support.servers.faults import always, where, wrong_types  # noqa: E402

PAPERS = made_up_papers.papers(lookups=24, searches=4)
"""Enriched, missed by the lookup, not found, failed and pending ones are among them."""


def start(directory: Path, base_url: str, *arguments: str, fault: str = "") -> int:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JOBRUNNER_")}
    environment |= {"JOBRUNNER_OPENALEX_BASE_URL": base_url, "JOBRUNNER_FAULT": fault}
    command = [sys.executable, "-m", "jobrunner", *arguments]
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(command, cwd=directory, env=environment, check=False).returncode


def make(directory: Path) -> tuple[str, Path]:
    """Run, retry and kill a session; return its database as SQL, and its snapshot."""
    directory.mkdir()
    (directory / "papers.json").write_text(json.dumps(PAPERS), encoding="utf-8")
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        server.faults = where(lambda request: "study.5" in request.raw_query, always(wrong_types))
        start(directory, server.base_url, "run", "papers.json", "--batch-size", "5")
        [session] = [path.name for path in directory.glob(".jobrunner/2*")]
        server.faults = None
        retry = ("retry", session, "--not-found", "--failed")
        code = start(directory, server.base_url, *retry, fault="commit.before:2")
        assert code == -signal.SIGKILL, code
    with closing(sqlite3.connect(directory / ".jobrunner" / "state.db")) as connection:
        settings = ("application_id", "user_version", "page_size")
        values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]
        head = [f"PRAGMA {name}={value};" for name, value in zip(settings, values, strict=True)]
        dump = "\n".join([*head, *connection.iterdump()])
    [snapshot] = directory.glob(".jobrunner/*/snapshots/*.json")
    return dump, snapshot


if __name__ == "__main__":
    here = Path(__file__).parent
    place = Path("/tmp/jobrunner-fixture")  # noqa: S108 - it is remembered in what is written
    try:
        text, snapshot = make(place)
        (here / f"schema_{HEAD}.sql").write_text(text + "\n", encoding="utf-8")
        (here / f"schema_{HEAD}").mkdir(exist_ok=True)
        for suffix in ("", ".sha256"):
            name = snapshot.name + suffix
            shutil.copyfile(snapshot.with_name(name), here / f"schema_{HEAD}" / name)
    finally:
        shutil.rmtree(place)
