"""The version and the license are the same wherever they stand."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from jobrunner import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
RELEASES = re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)


def cited(field: str) -> str:
    (value,) = re.findall(rf"^{field}: (.+)$", CITATION, re.MULTILINE)
    return str(value)


def test_the_version_is_the_newest_of_the_changelog() -> None:
    assert PROJECT["version"] == __version__
    assert RELEASES[0] == (__version__, cited("date-released"))
    assert cited("version") == __version__


def test_the_releases_of_the_changelog_stand_newest_first() -> None:
    versions = [tuple(map(int, version.split("."))) for version, _ in RELEASES]
    assert versions == sorted(versions, reverse=True)
    assert [date for _, date in RELEASES] == sorted((date for _, date in RELEASES), reverse=True)


def test_the_license_is_stated_everywhere() -> None:
    assert (PROJECT["license"], cited("license")) == ("MIT", "MIT")
    (name,) = PROJECT["license-files"]
    assert (ROOT / name).read_text(encoding="utf-8").startswith("MIT License\n")
