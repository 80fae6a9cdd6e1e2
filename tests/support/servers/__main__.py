"""``python -m tests.support.servers``: serve one service on this machine until SIGTERM or Ctrl-C.

The first line of the output is JSON with the ``base_url``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from jobrunner.demo.messages import Api
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import WORKS, read_records
from jobrunner.demo.server import LocalServer
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar

APIS = ("openalex", "semantic_scholar", "crossref")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the arguments say; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.records is None and options.api != "openalex":
        parser.error(f"--records is needed: no records of {options.api} come with the package")
    try:
        api = _api(options)
    except (OSError, ValueError) as exc:
        parser.error(f"cannot read the records: {exc}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    latency, enforce = options.latency, options.enforce
    with LocalServer(
        api, port=options.port, log=options.log, latency=latency, enforce=enforce
    ) as server:
        sys.stdout.write(json.dumps({"base_url": server.base_url}) + "\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def _api(options: argparse.Namespace) -> Api:
    records = read_records(options.records or WORKS)
    if options.api == "openalex":
        return OpenAlex(records, keys=options.key, budget_usd=options.budget_usd)
    if options.api == "semantic_scholar":
        return SemanticScholar(records, keys=options.key)
    return Crossref(records)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.servers", description="Serve one service on this machine."
    )
    parser.add_argument("--records", help="file or directory of records; the sample if left out")
    parser.add_argument("--api", choices=APIS, default="openalex")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", help="file that gets a line of JSON for each request")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--budget-usd", type=float, help="OpenAlex: what a day may cost")
    parser.add_argument("--key", action="append", help="a key that is known; others are refused")
    parser.add_argument("--enforce", action="store_true", help="429 beyond the published limits")
    return parser


if __name__ == "__main__":
    sys.exit(main())
