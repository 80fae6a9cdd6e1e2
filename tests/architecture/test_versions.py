"""The versions that are tested are those that ``pyproject.toml`` promises."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
FILES = ("constraints.txt", "constraints-lowest.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [
    Requirement(text)
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])
]
TRIED = ("3.11", "3.12", "3.13")


def pinned(file: str, python: str) -> dict[str, Version]:
    """The version of each package that the file states for a Python."""
    text = (ROOT / file).read_text(encoding="utf-8")
    pins = [Requirement(line) for line in text.splitlines() if not line.startswith("#")]
    return {
        canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("=="))
        for pin in pins
        if pin.marker is None or pin.marker.evaluate({"python_version": python})
    }


def lower_bound(requirement: Requirement) -> Version:
    (bound,) = [one.version for one in requirement.specifier if one.operator == ">="]
    return Version(bound)


@pytest.mark.parametrize("python", TRIED)
def test_the_tested_versions_lie_within_the_ranges(python: str) -> None:
    versions = pinned("constraints.txt", python)
    outside = [
        str(one) for one in DIRECT if versions[canonicalize_name(one.name)] not in one.specifier
    ]
    assert outside == []


@pytest.mark.parametrize("python", TRIED)
def test_the_lowest_versions_are_the_lower_bounds(python: str) -> None:
    versions = pinned("constraints-lowest.txt", python)
    bounds = {canonicalize_name(one.name): lower_bound(one) for one in DIRECT}
    assert {name: versions.get(name) for name in bounds} == bounds


@pytest.mark.parametrize("file", FILES)
def test_a_constraints_file_holds_exact_versions_and_no_address(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[a-z0-9-]+==[\w.!+]+( ; [\w .=\"]+)?")
    assert [line for line in lines if not line.startswith("#") and not pin.fullmatch(line)] == []
    assert [line for line in lines if "/" in line.replace("scripts/constraints", "")] == []


def test_the_classifiers_name_the_pythons_that_were_tried() -> None:
    found = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert tuple(found) == TRIED
    assert PROJECT["requires-python"] == f">={TRIED[0]}"
