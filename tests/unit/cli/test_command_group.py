"""The table of commands says what the commands say, and finds each one in its module."""

from __future__ import annotations

import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from jobrunner.cli import commands
from jobrunner.cli.command_group import COMMANDS
from jobrunner.cli.main import app
from tests.support.program import Program

PROGRAM: Any = typer.main.get_command(app)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_every_module_of_a_command_is_in_the_table() -> None:
    assert {module.name for module in pkgutil.iter_modules(commands.__path__)} == set(COMMANDS)


def test_the_list_of_commands_says_what_each_one_says_of_itself() -> None:
    context = typer.Context(PROGRAM)
    said = {name: PROGRAM.get_command(context, name).help for name in COMMANDS}
    assert {name: text.partition("\n")[0] for name, text in said.items()} == COMMANDS


def test_a_shell_completes_commands_and_options_of_the_program() -> None:
    def completions(word: str) -> list[str]:
        items = PROGRAM.shell_complete(typer.Context(PROGRAM), word)
        return [item.value for item in items]

    assert completions("") == list(COMMANDS)
    assert completions("res") == ["resume", "restore"]
    assert completions("--v") == ["--version"]


def test_a_command_that_there_is_not_is_none() -> None:
    assert PROGRAM.get_command(typer.Context(PROGRAM), "rnu") is None


def test_a_command_whose_module_cannot_be_loaded_ends_in_an_error_of_one_line(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jobrunner.cli.commands.status", None)
    said = program.call("status", code=1).stderr.splitlines()
    assert said[0].startswith("error: a part of the program cannot be loaded: ")
    assert len(said) == 2
