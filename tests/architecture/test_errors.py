"""Every exception of the package stands in one module, with the exit code that it leads to."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import jobrunner
from jobrunner import errors

EXCUSED = {
    "jobrunner.demo.openalex.filters.BadQueryError": "an answer of the demo's own server",
    "jobrunner.demo.connections.BadRequestError": "an answer of the demo's own server",
}
"""Exceptions that stand elsewhere, with the reason."""


def exceptions(of: type[BaseException] = BaseException) -> Iterator[type[BaseException]]:
    for child in of.__subclasses__():
        yield child
        yield from exceptions(child)


def name(exception: type[BaseException]) -> str:
    return f"{exception.__module__}.{exception.__qualname__}"


def test_every_exception_stands_in_the_module_of_errors() -> None:
    for module in pkgutil.walk_packages(jobrunner.__path__, "jobrunner."):
        importlib.import_module(module.name)
    ours = {name(found) for found in exceptions() if found.__module__.startswith("jobrunner.")}
    assert {found for found in ours if not found.startswith("jobrunner.errors.")} == set(EXCUSED)


def test_the_tree_at_the_top_names_every_error_and_its_exit_code() -> None:
    codes = {"JobrunnerError": errors.ExitCode.ERROR}
    for indent, error, code in re.findall(
        r"^ {4}( *)(\w+)  .*?(?:\((\d+)\))?$", errors.__doc__ or "", re.MULTILINE
    ):
        found = getattr(errors, error)
        if indent:
            told = int(code) if code else found.__base__.exit_code
            codes[error] = found.exit_code
            assert found.exit_code == told, error
    every = {found.__name__ for found in exceptions(errors.JobrunnerError)}
    assert set(codes) == {"JobrunnerError", *every}
