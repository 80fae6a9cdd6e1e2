"""A picture on a terminal that is drawn again and again in the same place."""

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
    """Draws lines over those that it drew before; at the end they are wiped off.

    The cursor is left on a line of its own below them. There the terminal shows the ^C of a user,
    and what another program says of one that was killed.
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
        picture = Text("\n".join([*lines, ""]))  # a Text: nothing in data is markup
        self._live.update(picture, refresh=True)

    def print_above(self, text: str) -> None:
        """Print a line that stays above the picture: past it, it would be drawn over."""
        self._console.print(Text(plain(text)), soft_wrap=True)
