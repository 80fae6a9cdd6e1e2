"""Pages of the documentation: the files, commands and outputs that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
GENERATED = ROOT / "docs" / "reference" / "cli.md"

_STEP = re.compile(
    r"^<!-- setup\n(?P<setup>.*?)^-->$"
    r"|(?P<excuse>^<!-- not run: (?P<reason>[^>]+) -->\n)?"
    r"(?:^`(?P<file>[\w./-]+)`:\n\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


class Step(Struct, frozen=True, kw_only=True):
    """A block of a page.

    ``kind`` is 'setup' (commands that readers do not see), or the language of the block. ``file``:
    the name under which readers store it. ``excuse``: why its commands are not run.
    """

    kind: str
    text: str
    file: str | None = None
    excuse: str | None = None

    @property
    def is_run(self) -> bool:
        """Whether its commands are run as they stand."""
        return self.kind in {"setup", "sh", "console"} and not (self.excuse or self.file)

    def commands(self) -> Iterator[tuple[str, str | None]]:
        """Yield each command with the output that the page shows; None if it shows none."""
        if self.kind != "console":
            yield self.text, None
            return
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def steps_of(page: Path) -> list[Step]:
    """Return the blocks of a page in order."""
    found = _STEP.finditer(page.read_text(encoding="utf-8"))
    return [
        Step(
            kind=match["language"] or "setup",
            text=match["text"] or match["setup"] or "",
            file=match["file"],
            excuse=match["reason"],
        )
        for match in found
    ]
