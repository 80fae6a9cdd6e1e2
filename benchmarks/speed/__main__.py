"""Measure speed: ``python -m benchmarks.speed [PART ...]``, all parts but `peers` if none is named.

Needs the extra `dev`, for the floor dumps with orjson, and `peers` the extra of that name. Machines
are noisy: compare ratios, which are taken within one round.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
from pathlib import Path

from benchmarks.speed import busy, growth, latency, resume, whole
from benchmarks.speed.peers import measure as peers
from benchmarks.speed.sources import install
from benchmarks.speed.tables import Setting

PARTS = {
    "whole": whole.measure,
    "growth": growth.measure,
    "resume": resume.measure,
    "latency": latency.measure,
    "busy": busy.measure,
    "peers": peers.measure,
}


def main() -> None:
    """Print a table or more for each part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--papers", type=int, default=20_000, help="papers of a short run")
    parser.add_argument("--many", type=int, default=200_000, help="papers of a long run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="where to work [default: the temporary one]")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        work = Path(place)
        install(work / "packages")
        setting = Setting(
            work, work / "packages", options.papers, options.many, max(1, options.rounds)
        )
        for name in options.parts or [part for part in PARTS if part != "peers"]:
            PARTS[name](setting)


if __name__ == "__main__":
    main()
