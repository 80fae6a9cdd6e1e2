"""A test stands where it is looked for: beside its module, under its command or promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"

SUPPORT = "support"
"""The folder of unit tests whose subject lies among the tests."""

OF_THE_WHOLE = "main"
"""What tests of commands are named for that are about all of them."""


def subjects(test: Path, unit: Path, root: Path) -> list[Path]:
    """Return the modules and folders that a unit test may be of, by its name.

    The name is that of the module, alone or with a subject behind it: ``database`` or
    ``database_errors``.
    """
    folder = test.parent.relative_to(unit)
    package = root / "tests" if folder.parts[:1] == (SUPPORT,) else root / "jobrunner"
    words = test.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    beside = package / folder
    places = [place for name in names for place in (beside / f"{name}.py", beside / name)]
    return [place for place in places if place.exists()]


def test_every_unit_test_stands_beside_its_module() -> None:
    tests = sorted(UNIT.rglob("test_*.py"))
    assert tests
    lost = [test.relative_to(UNIT).as_posix() for test in tests if not subjects(test, UNIT, ROOT)]
    assert lost == []


def test_every_test_of_a_command_is_named_for_it() -> None:
    commands = {words[0] for words in COMMANDS}
    names = [path.stem.removeprefix("test_") for path in (ROOT / "tests" / "cli").glob("test_*.py")]
    assert {name for name in names if name.split("_")[0] not in commands | {OF_THE_WHOLE}} == set()
    assert commands - set(names) == set(), "each command has a file of tests"


def test_tests_lie_in_the_known_folders() -> None:
    folders = {
        path.relative_to(ROOT / "tests").parts[0] for path in ROOT.glob("tests/**/test_*.py")
    }
    assert folders == {"unit", "cli", "promises", "architecture"}
    assert list((ROOT / "tests" / "promises").glob("test_*.py")) == [], "each promise has a folder"


# ---- the measure itself


@pytest.mark.parametrize(
    ("test", "is_placed"),
    [
        ("store/test_runs.py", True),
        ("store/test_runs_at_once.py", True),
        ("store/test_run.py", False),
        ("test_runs.py", False),
        ("test_store.py", True),
        ("support/test_program.py", True),
        ("support/test_runs.py", False),
    ],
)
def test_a_test_that_has_no_module_is_found(tmp_path: Path, test: str, *, is_placed: bool) -> None:
    for module in ("jobrunner/store/runs.py", "tests/support/program.py"):
        (tmp_path / module).parent.mkdir(parents=True)
        (tmp_path / module).touch()
    unit = tmp_path / "tests" / "unit"
    assert bool(subjects(unit / test, unit, tmp_path)) is is_placed
