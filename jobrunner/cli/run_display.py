"""The display of a run on stderr: progress and warnings."""

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
"""Seconds between progress lines without a terminal, and between two warnings about one source.

A source that is down fails every request: without the pause its warnings would fill the screen.
"""


class RunDisplay(logging.Handler):
    """Shows progress, live on a terminal or else as lines, with warnings above it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._warned: dict[str, float] = {}
        self._print = print_message

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning unless another one about the same source was shown just before."""
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
        # Importing rich takes as long as a short run, so only a run on a terminal imports it.
        from jobrunner.cli.live_view import LiveView  # noqa: PLC0415

        with LiveView(err=True) as view:
            self._print = view.print_above
            try:
                while True:
                    view.draw([source_table(read().sources)])
                    await asyncio.sleep(REFRESH_S)
            finally:
                self._print = print_message
