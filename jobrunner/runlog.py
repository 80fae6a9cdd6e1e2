"""The log of a session's runs: one JSON object a line, for people and programs to read later."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from jobrunner import clock
from jobrunner.errors import FileError, remedy

ROOT = logging.getLogger("jobrunner")
OTHERS = logging.getLogger("asyncio")
"""Tells of connections that broke, with tracebacks: for the log, not for the terminal."""


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": clock.now(),
            "pid": record.process,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class _File(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave a line out on a full disk: the run itself says what is wrong."""

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written before cannot be now
            super().close()


@contextmanager
def run_log(path: Path) -> Iterator[None]:
    """Append what jobrunner logs during the block to a file. Raises :class:`FileError`."""
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
