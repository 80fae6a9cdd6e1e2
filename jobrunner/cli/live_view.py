"""A live view: lines on a terminal that are redrawn in place."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from jobrunner.cli.console import plain
from jobrunner.cli.tables import Table, lay_out


class LiveView:
    """Redraws its lines in place and erases them at the end.

    The cursor stays on an empty line below the view. The terminal can echo ^C there, and the shell
    can report a killed process, without damage to the view.
    """

    def __init__(self, *, err: bool) -> None:
        self._console = Console(stderr=err)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def draw(self, parts: Iterable[str | Table]) -> None:
        """Draw lines and tables."""
        lines = []
        for part in parts:
            if isinstance(part, str):
                lines.append(plain(part))
            else:
                headings, rows = lay_out(part, self._console.width)
                lines += headings + rows
        # Text instead of str: rich would interpret brackets in the data as markup.
        picture = Text("\n".join([*lines, ""]))
        self._live.update(picture, refresh=True)

    def print_above(self, text: str) -> None:
        """Print a line above the view. A line written directly to stderr would be overdrawn."""
        self._console.print(Text(plain(text)), soft_wrap=True)
