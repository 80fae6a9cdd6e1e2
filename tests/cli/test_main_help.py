"""Every command tells what it does, and the program its version."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from jobrunner import __version__
from jobrunner.cli.main import app
from tests.support.commands import COMMANDS
from tests.support.program import Program

GROUPS = ((), ("sessions",), ("db",))


@pytest.mark.parametrize("words", [*COMMANDS, *GROUPS], ids=" ".join)
def test_every_help_shows_an_example(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], prog_name="jobrunner")
    assert shown.exit_code == 0
    example = "To see it work: " if not words else "Example: "
    assert f"{example}jobrunner {' '.join(words)}" in shown.output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_what_its_options_mean(
    words: tuple[str, ...],
) -> None:
    command = COMMANDS[words]
    assert command.help
    assert [option.name for option in command.params if not getattr(option, "help", None)] == []


def test_the_version_is_told(program: Program) -> None:
    assert program.run("--version").stdout == f"jobrunner {__version__}\n"


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_without_a_command_the_commands_are_told(group: tuple[str, ...], program: Program) -> None:
    said = program.call(*group, code=2).stderr
    depth = len(group)
    assert all(words[depth] in said for words in COMMANDS if words[:depth] == group)
