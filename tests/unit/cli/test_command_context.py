"""What a command holds: closed at its end, and named in the commands that it tells a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobrunner.cli.command_context import CommandContext
from jobrunner.cli.state_database import open_db
from jobrunner.errors import StoreError
from jobrunner.store.sessions import list_sessions


def is_open(path: Path) -> bool:
    """Tell whether this process holds a file open."""
    return path.resolve() in {entry.resolve() for entry in Path("/proc/self/fd").iterdir()}


def test_a_command_to_type_names_the_database_that_was_named() -> None:
    context = CommandContext()
    assert context.command("jobrunner resume") == "jobrunner resume"
    context.db_option = Path("my state.db")
    assert context.command("jobrunner resume") == "jobrunner resume --db 'my state.db'"
    assert context.command("jobrunner verify --db x") == "jobrunner verify --db x"


def test_the_commands_in_a_text_are_completed() -> None:
    context = CommandContext()
    context.db_option = Path("s.db")
    text = "try `jobrunner status`, then `ls`, or `jobrunner resume X`"
    completed = "try `jobrunner status --db s.db`, then `ls`, or `jobrunner resume X --db s.db`"
    assert context.complete_commands(text) == completed


def test_a_database_is_closed_when_the_command_ends(tmp_path: Path) -> None:
    with CommandContext() as context:
        database = open_db(context, tmp_path / "state.db", create=True)
        assert list_sessions(database) == []
        assert context.find_damage() is None
        assert is_open(database.path)
    assert not is_open(database.path)


def test_a_database_that_cannot_be_opened_is_named_in_commands_all_the_same(
    tmp_path: Path,
) -> None:
    with CommandContext() as context, pytest.raises(StoreError):
        open_db(context, tmp_path / "nothing.db")
    assert context.db_option == tmp_path / "nothing.db"
