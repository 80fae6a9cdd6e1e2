"""What a run shows on standard error while it works: its progress, and warnings."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from jobrunner.cli.console import print_message
from jobrunner.cli.source_table import source_line, source_table
from jobrunner.store.progress import Progress

REFRESH_S = 0.5
LINE_S = 30.0
"""Seconds between lines where there is no terminal to draw on, and between two warnings about one
source: a source that fails, fails often."""


class RunDisplay(logging.Handler):
    """Shows progress, live on a terminal, else line by line; and warnings, which stay above it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._warned: dict[str, float] = {}
        self._print = print_message

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning, unless one about the same source was just shown."""
        message = record.getMessage()
        subject = message.partition(":")[0]
        if time.monotonic() - self._warned.get(subject, -LINE_S) < LINE_S:
            return
        self._warned[subject] = time.monotonic()
        with contextlib.suppress(OSError):
            self._print(message)

    @contextmanager
    def showing_warnings(self) -> Iterator[None]:
        """Show warnings during the block."""
        logger = logging.getLogger("jobrunner")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)

    async def show_progress(self, read: Callable[[], Progress]) -> NoReturn:
        """Show progress until cancelled."""
        if sys.stderr.isatty():
            await self._draw(read)
        while True:
            await asyncio.sleep(LINE_S)
            for source in read().sources:
                print_message(source_line(source))

    async def _draw(self, read: Callable[[], Progress]) -> NoReturn:
        # Rich takes as long to import as a short run takes: only who looks at a terminal waits.
        from jobrunner.cli.live_view import LiveView  # noqa: PLC0415

        with LiveView(err=True) as view:
            self._print = view.print_above
            try:
                while True:
                    view.draw([source_table(read().sources)])
                    await asyncio.sleep(REFRESH_S)
            finally:
                self._print = print_message
