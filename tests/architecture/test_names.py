"""Names of modules: each stands once, and is what a stranger would search for."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

OF_A_SOURCE = {"source", "records", "service", "queries"}
"""Modules that the folder of a source may have."""

TWICE = {
    "contract": "what an input format and what a source have to be",
    "retry": "retrying papers is a command, retrying requests is HTTP's",
    "service": "what a service is to HTTP, and which one OpenAlex's is",
    "run": "the command, and the loop that it starts",
    "sessions": "the command, and the table that it lists",
}
"""Names that stand in several folders, with the reason."""

WORDS_IN_ING = {"matching", "pending", "packaging"}
"""Names in -ing that are usual words for a thing."""

MODULES = sorted((ROOT / "jobrunner").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def folders_of_names() -> dict[str, list[str]]:
    """Return the folders in which each name stands, the fixed files of sources left out."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        folder = path.parent.relative_to(ROOT).as_posix()
        is_fixed = folder.startswith("jobrunner/sources/") and path.stem in OF_A_SOURCE
        if path.stem != "__init__" and not is_fixed:
            folders[path.stem].append(folder)
    return folders


def test_a_name_stands_once() -> None:
    command = {"jobrunner/cli/commands", "jobrunner/operations"}
    twice = {
        name
        for name, places in folders_of_names().items()
        if len(places) > 1 and set(places) != command
    }
    assert twice <= TWICE.keys()


def test_excuses_are_needed() -> None:
    names = [path.stem for path in MODULES]
    assert {name for name in TWICE if names.count(name) < 2} == set()


def test_no_module_is_named_for_an_activity() -> None:
    modules = {path.stem.removeprefix("test_") for path in MODULES + TESTS}
    folders = {path.parent.name for path in MODULES + TESTS}
    assert {name for name in modules | folders if name.endswith("ing")} <= WORDS_IN_ING
