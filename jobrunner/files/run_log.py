"""The log of a session's runs: one JSON object per line."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jobrunner import clock
from jobrunner.errors import FileError
from jobrunner.files.system_errors import remedy

ROOT = logging.getLogger("jobrunner")
OTHERS = logging.getLogger("asyncio")
"""Logs broken connections with tracebacks, which belong in the log, not on the terminal."""


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": clock.now(),
            "pid": record.process,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class _File(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop a line that cannot be written, as on a full disk: the run reports the error."""

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the flush fails if the disk is still full
            super().close()


class _Committed(msgspec.Struct):
    source: str
    batch: int
    papers: str


class _Line(msgspec.Struct):
    committed: _Committed | None = None
    restored: str | None = None


def committed_batches(path: Path) -> dict[tuple[str, int], frozenset[int]]:
    """Return the positions of the papers whose commit a log records, by source and batch.

    Commits from before a restore count until the restored session commits its first batch.
    Unreadable lines are skipped, and an unreadable log counts as empty.
    """
    batches: dict[tuple[str, int], frozenset[int]] = {}
    is_restored = False
    for line in _lines(path):
        if line.restored is not None:
            is_restored = True
        if line.committed is not None:
            if is_restored:
                batches.clear()
                is_restored = False
            batch = line.committed
            with contextlib.suppress(ValueError):
                batches[batch.source, batch.batch] = _numbers(batch.papers)
    return batches


def _lines(path: Path) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    with contextlib.suppress(OSError), path.open("rb") as file:
        for text in file:
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                yield decoder.decode(text)


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers in compact form, such as ``0-4, 9``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _numbers(text: str) -> frozenset[int]:
    """Parse the output of :func:`ranges`. Raises ValueError."""
    numbers: set[int] = set()
    for part in filter(None, text.split(", ")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


@contextmanager
def run_log(path: Path) -> Iterator[None]:
    """Append jobrunner's log messages to a file while the block runs. Raises :class:`FileError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _File(path, encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}", hint=remedy(error)) from error
    handler.setFormatter(_Lines())
    level = ROOT.level
    ROOT.setLevel(logging.INFO)
    for logger in (ROOT, OTHERS):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in (ROOT, OTHERS):
            logger.removeHandler(handler)
        ROOT.setLevel(level)
        handler.close()
