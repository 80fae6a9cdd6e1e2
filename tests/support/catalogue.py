"""The service that the plug-in of the documentation speaks to, and ways to install that plug-in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from jobrunner.demo.messages import Allowed, Api, Reply, Request, json_reply
from jobrunner.demo.title_index import TitleIndex
from tests.support import made_up_papers
from tests.support.program import Program

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "plugin-example"
MODULE = "jobrunner_catalogue"
KEY = "planted-catalogue-key-0815"


class CatalogueApi(Api):
    """The catalogue of a library: items by DOI, and by words of their titles."""

    name = "catalogue"

    def __init__(self, items: Iterable[dict[str, Any]]) -> None:
        self._items = list(items)
        self._index = TitleIndex(item["title"] for item in self._items)
        self.keys: set[str | None] = set()

    def answer(self, request: Request) -> Reply:
        """Return the items that are asked for."""
        self.keys.add(request.headers.get("x-api-key"))
        if request.path == "/lookup":
            dois = set(_dois(request))
            return json_reply(
                {"items": [i for i in self._items if i.get("doi", "").lower() in dois]}
            )
        if request.path == "/search":
            hits = self._index.holding_most(request.get("title") or "")
            return json_reply({"items": [self._items[hit.place] for hit in hits]})
        return json_reply({"message": "no such page"}, 404)

    def asked(self, request: Request) -> tuple[str, ...]:
        """Return 'doi:10.1/x', or 'title:words'."""
        if request.path == "/lookup":
            return tuple(f"doi:{doi}" for doi in _dois(request))
        return (f"title:{request.get('title')}",)

    def allowed(self, request: Request) -> Allowed:
        """Return the limits that the plug-in states."""
        rate = 20.0 if "x-api-key" in request.headers else 5.0
        return Allowed(per_second=rate, at_once=2)


def _dois(request: Request) -> list[str]:
    return list(msgspec.json.decode(request.body)["dois"])


def item(number: int) -> dict[str, Any]:
    """The item of the same paper as ``library.work(number)``."""
    return {
        "shelfmark": f"QA {number}",
        "doi": made_up_papers.doi(number).upper(),
        "title": made_up_papers.title(number),
        "authors": [f"{made_up_papers.NAMES[number % 7]}, Ada"],
        "year": 2000 + number % 25,
        "subjects": [made_up_papers.SUBJECTS[number % 8]],
    }


def install(place: Path) -> Path:
    """Install the example into a directory of its own, as a user would into an environment."""
    copy = shutil.copytree(EXAMPLE, place / "checkout")
    target = place / "packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run(
        [*command, str(target), str(copy)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def use(program: Program, packages: Path, base_url: str) -> None:
    """Let a program find the packages, and the plug-in its service."""
    others = program.environment.get("PYTHONPATH")
    program.environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(packages), others))),
        "JOBRUNNER_CATALOGUE_BASE_URL": base_url,
    }


def changed(packages: Path, place: Path, *changes: tuple[str, str]) -> Path:
    """Copy the packages, with changes to the text of the plug-in; each must be there."""
    copy = shutil.copytree(packages, place)
    module = copy / MODULE / "__init__.py"
    text = module.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    module.write_text(text, encoding="utf-8")
    shutil.rmtree(copy / MODULE / "__pycache__", ignore_errors=True)
    return copy
