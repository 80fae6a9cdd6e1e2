"""Usage errors in our own words, so that no message depends on the wording of a library."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from jobrunner.errors import SettingsError

Click: TypeAlias = Any
"""An object of click. Typer bundles a copy of click that it does not export."""

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""The common class of all errors in arguments. Typer exports only a class derived from it."""


class _OwnMessages:
    """Mixed into a command: reports each error in its arguments as a SettingsError."""

    def parse_args(self, ctx: Click, args: list[str]) -> list[str]:
        """Parse the arguments of this command. Raises SettingsError if they are wrong."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]
        except _UsageError as error:
            raise _in_our_words(error, ctx) from None


class Command(_OwnMessages, TyperCommand):
    """A command without subcommands."""


class Group(_OwnMessages, TyperGroup):
    """A command with subcommands."""

    def resolve_command(self, ctx: Click, args: list[str]) -> Click:
        """Find the subcommand of the first argument. Raises SettingsError if it is unknown."""
        name = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            close = get_close_matches(name, self.list_commands(ctx))
            raise SettingsError(f"unknown command {name!r}", hint=_hint(ctx, close))
        return super().resolve_command(ctx, args)


def use_own_messages(app: typer.Typer) -> None:
    """Give all commands and groups of an app the classes of this module."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        group.cls = Group
        if group.typer_instance:
            use_own_messages(group.typer_instance)


def _in_our_words(error: Click, ctx: Click) -> SettingsError:
    """Describe an error by the attributes of its class, which click documents."""
    if hasattr(error, "possibilities"):  # NoSuchOption
        close = get_close_matches(error.option_name, _option_names(ctx))
        return SettingsError(f"unknown option {error.option_name}", hint=_hint(ctx, close))
    if hasattr(error, "option_name"):  # BadOptionUsage
        return SettingsError(_wrong_use(error.option_name, ctx), hint=_hint(ctx))
    if hasattr(error, "param_type"):  # MissingParameter
        return SettingsError(f"{_name(error.param)} is missing", hint=_hint(ctx))
    if hasattr(error, "param"):  # BadParameter
        return SettingsError(f"the value of {_name(error.param)} is not valid", hint=_hint(ctx))
    return SettingsError(f"too many arguments: {_usage(ctx)}", hint=_hint(ctx))


def _wrong_use(option: str, ctx: Click) -> str:
    flags = (one for one in ctx.command.params if getattr(one, "is_flag", False))
    if any(option in flag.opts + flag.secondary_opts for flag in flags):
        return f"{option} takes no value"
    return f"{option} needs a value"


def _name(parameter: Click) -> str:
    """Return the name of an argument or option as the help shows it."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return str(max(parameter.opts, key=len))


def _usage(ctx: Click) -> str:
    """Return the command with its arguments, such as "jobrunner restore SNAPSHOT"."""
    arguments = [one for one in ctx.command.params if one.param_type_name == "argument"]
    named = [_name(one) if one.required else f"[{_name(one)}]" for one in arguments]
    return " ".join(["the usage is", ctx.command_path, *named])


def _option_names(ctx: Click) -> list[str]:
    return [name for one in ctx.command.params for name in one.opts if name.startswith("-")]


def _hint(ctx: Click, close: list[str] | None = None) -> str:
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"see `{ctx.command_path} --help`"
