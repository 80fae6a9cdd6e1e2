"""Compare two versions on all lists; print a table, then every difference. Exit code 1 if any."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.compare_versions.answers import IGNORED, MOST_SHOWN, differences, documents
from benchmarks.compare_versions.life import (
    CHOSEN,
    LEFT,
    Answers,
    Kill,
    Life,
    Setting,
    live,
    take_over,
    take_over_snapshot,
)
from benchmarks.compare_versions.lists import Listed, find_lists, shorten
from benchmarks.compare_versions.refusing import misuse, one_source, refuse, stop
from benchmarks.compare_versions.services import Services
from benchmarks.compare_versions.versions import ROOT, Version, prepare

FIRST_RELEASE = "ee68f9f"
TAKEN_OVER = "old database"
RESTORED = "old snapshot"
SCENES = {"usage": misuse, "refused": refuse, "stopped": stop, "one source": one_source}

Found = dict[str, list[str]]
"""The differences of one list, by the column of the table."""


class Comparison:
    """The two versions and where they live."""

    def __init__(self, old: Version, new: Version, setting: Setting, work: Path) -> None:
        self.old = old
        self.new = new
        self.setting = setting
        self.lives = work / "lives"
        self.rows: dict[str, Found] = {}

    def life(self, version: Version, side: str, name: str) -> Life:
        """Return a life in an empty directory."""
        directory = self.lives / side / name
        shutil.rmtree(directory, ignore_errors=True)
        return Life(version, self.setting, directory)

    def scene(self, name: str, play: Callable[[Life, Path], None], papers: Path) -> None:
        """Compare what needs no long list."""
        lives = [self.life(self.old, "old", name), self.life(self.new, "new", name)]
        for life in lives:
            play(life, papers)
        self._tell("sample, once", compare(lives[0].answers, lives[1].answers))

    def listed(self, listed: Listed) -> None:
        """Compare a list, and what the newer version makes of what the older one has left."""
        old = self.life(self.old, "old", listed.name)
        old.ask("plan", "plan", listed.path, *CHOSEN, left_out=frozenset())
        planned = old.answers.values.get(("", "plan"))
        new = self.life(self.new, "new", listed.name)
        if not planned:
            self._not_taken(old, new, listed)
            return
        kill = Kill.of(planned, self.life(self.old, "rehearsal", listed.name), listed.path)
        old.answers = Answers()
        for life in (old, new):
            live(life, listed.path, kill)
        found = compare(old.answers, new.answers, without=(LEFT,))
        for column, adopt in ((TAKEN_OVER, take_over), (RESTORED, take_over_snapshot)):
            heir = self.life(self.new, column, listed.name)
            adopt(heir, old.directory)
            groups = compare(old.answers, heir.answers, only_asked=True)
            found[column] = [text for texts in groups.values() for text in texts]
        at = [_committed(life) for life in (old, new)]
        self._tell(f"{listed.name} ({' and '.join(at)})", found)
        for life in (old, new):
            shutil.rmtree(life.directory)

    def _not_taken(self, old: Life, new: Life, listed: Listed) -> None:
        new.ask("plan", "plan", listed.path, *CHOSEN, left_out=frozenset())
        for life in (old, new):
            life.call("run", "run", listed.path, *CHOSEN)
        found = compare(old.answers, new.answers)
        self._tell(f"{listed.name} (no list)", {"plan": found[""]})

    def _tell(self, name: str, found: Found) -> None:
        self.rows.setdefault(name, {}).update(found)
        texts = [text for texts in found.values() for text in texts]
        say(f"{name}: {', '.join(found)}: {f'{len(texts)} differences' if texts else 'equal'}")
        for text in texts:
            say(f"  {text}")


def _committed(life: Life) -> str:
    """Return how many answers were committed at the kill, of how many."""
    status = life.answers.values.get((LEFT, "status"))
    sources = status["sources"] if isinstance(status, dict) else []
    done = sum(source["done"] for source in sources)
    return f"{done}/{sum(source['papers'] for source in sources)}"


def compare(
    old: Answers, new: Answers, *, without: Sequence[str] = (), only_asked: bool = False
) -> Found:
    """Return the differences by group; ``only_asked``: of what the newer one was asked alone."""
    found: Found = {}
    for (group, what), texts in _pairs(old, new, only_asked=only_asked):
        if group not in without:
            lines = found.setdefault(group, [])
            shown = list(_first(texts))
            lines += [f"{group}, {what}: {text}" for text in shown]
    return found


def _pairs(
    old: Answers, new: Answers, *, only_asked: bool
) -> Iterable[tuple[tuple[str, str], Iterable[str]]]:
    nothing = "it was not asked"
    asked = new.values if only_asked else {**old.values, **new.values}
    for key in asked:
        yield key, differences(old.values.get(key, nothing), new.values.get(key, nothing))
    written = new.documents if only_asked else {**old.documents, **new.documents}
    for key in written:
        no_file = Path("none")
        yield key, documents(old.documents.get(key, no_file), new.documents.get(key, no_file))


def _first(texts: Iterable[str]) -> Iterable[str]:
    for number, text in enumerate(texts):
        if number == MOST_SHOWN:
            yield "and more"
            return
        yield text


def table(rows: dict[str, Found]) -> None:
    """Print the lists and the checks of each."""
    columns = list(dict.fromkeys(column for found in rows.values() for column in found))
    heads = ["list (answers committed at the kill: old and new)", *columns]
    cells = [[name, *(_cell(found, one) for one in columns)] for name, found in rows.items()]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for line in (heads, ["-" * width for width in widths], *cells):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))


def tell_differences(rows: dict[str, Found]) -> int:
    """Print every difference; return how many there are."""
    told = 0
    for name, found in rows.items():
        for text in (text for texts in found.values() for text in texts):
            print(f"{name}: {text}")
            told += 1
    return told


def _cell(found: Found, column: str) -> str:
    if column not in found:
        return ""
    return f"{len(found[column])} DIFFER" if found[column] else "equal"


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Compare as the options say; return the exit code."""
    options = _parser().parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    old, new = prepare(options.old, work), prepare(options.new, work)
    say(f"old: {old.name}, new: {new.name}")
    with Services(options.data / "records") as services:
        comparison = Comparison(old, new, Setting(services, options.hurry), work)
        for name, play in SCENES.items():
            if not options.list or name in options.list:
                comparison.scene(name, play, services.sample)
        for listed in find_lists(options.data / "inputs", services.sample, options.list):
            most = options.papers
            comparison.listed(shorten(listed, most, work) if most else listed)
    table(comparison.rows)
    print(f"\n{IGNORED}\n")
    return 0 if comparison.rows and not tell_differences(comparison.rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/compare-versions", description=__doc__)
    say_what = "a commit, or the directory of a checkout"
    parser.add_argument("old", nargs="?", default=FIRST_RELEASE, help=f"{say_what} (0.1.0)")
    parser.add_argument("new", nargs="?", default=str(ROOT), help=f"{say_what} (this one)")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / ".compare", help="kept and used again")
    parser.add_argument(
        "--list", action="append", default=[], help="only lists of this name, or a scene's"
    )
    parser.add_argument("--papers", type=int, help="only so many papers of each list")
    parser.add_argument("--hurry", type=float, default=50.0, help="how much shorter pauses are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
