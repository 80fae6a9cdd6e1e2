"""The documentation agrees with the code: links, paths, fields, variables, words, layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
from msgspec import Struct

from jobrunner import models
from jobrunner.consolidation import view
from jobrunner.settings.settings import CONFIG, EMAIL, variable
from jobrunner.snapshots import document
from jobrunner.store import rows
from scripts import reference_pages
from tests.architecture.json_types import fields_of
from tests.architecture.test_layers import LAYERS
from tests.support.document import GENERATED, PAGES, ROOT

MARKDOWN = [path for path in sorted(ROOT.rglob("*.md")) if not {".venv", ".git"} & set(path.parts)]
FORMAT = ROOT / "docs" / "reference" / "snapshot-format.md"
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"

ENTRIES: tuple[type[Struct], ...] = (
    *(document.Head, document.RunEntry, document.EventEntry, document.PaperEntry),
    *(document.RecordEntry, rows.Options, rows.CommittedBatch),
    *(models.Match, models.Candidate, models.Record, models.Author, models.Affiliation),
    *(models.Link, models.Relation, view.ConsolidatedPaper, view.Sourced, view.SourcedAuthors),
    *(view.SourcedCount, view.SourcedAccess, view.SourcedLink, view.SourcedRelation),
    *(view.Retraction, view.Conflict),
)
"""Everything that a snapshot is made of."""

INTERNAL = {"Kind": "the first two fields of Head, read before the others"}
"""Structs of the format that need no table, with the reason."""

GENERAL = {
    "address",
    "author",
    "check",
    "command",
    "connection",
    "context",
    "error",
    "field",
    "file",
    "format",
    "group",
    "index",
    "json",
    "kind",
    "link",
    "progress",
    "query",
    "row",
    "state",
    "status",
    "table",
    "text",
    "title",
    "value",
    "work",
}
"""Words of every program and of every bibliography, which need no explanation."""

NOT_NOUNS = {"first", "refused", "sourced"}
"""Words that recur in names but name nothing."""


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


# ---- links and paths


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def broken_links(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead nowhere; other sites are not asked."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        is_page = target.suffix == ".md" and target.exists()
        if not target.exists() or (anchor and is_page and anchor not in anchors(text_of(target))):
            yield link


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_hold(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = set(re.findall(r"`((?:jobrunner|tests|scripts|benchmarks)/[\w./-]+)`", text_of(page)))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_page_is_in_the_list_of_pages() -> None:
    contents = ROOT / "docs" / "README.md"
    listed = {
        (contents.parent / link).resolve()
        for link in re.findall(r"\]\(([^)]+)\)", text_of(contents))
    }
    assert listed == set(PAGES) - {contents}


# ---- generated pages


def test_the_generated_pages_are_current() -> None:
    if version("typer") != reference_pages.tested_typer():
        pytest.skip(f"typer {version('typer')} may print {GENERATED.name} differently")
    outdated = [path.name for path in reference_pages.outdated()]
    assert outdated == [], "run scripts/generate-docs"


@pytest.mark.parametrize("page", reference_pages.TABLES)
def test_the_generated_tables_are_current(page: str) -> None:
    text = text_of(reference_pages.REFERENCE / page)
    assert reference_pages.with_tables(page, text) == text, "run scripts/generate-docs"


def test_an_outdated_table_is_seen() -> None:
    text = text_of(reference_pages.REFERENCE / "exit-codes.md").replace("| 75 |", "| 76 |")
    assert reference_pages.with_tables("exit-codes.md", text) != text


def test_every_variable_of_the_environment_is_documented() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "jobrunner").rglob("*.py"))
    used = set(re.findall(r'"(JOBRUNNER_[A-Z_]+[A-Z])"', code)) | {EMAIL, CONFIG}
    used -= {variable("openalex", "BASE_URL")}  # in the table, as that of any source
    page = text_of(ROOT / "docs" / "reference" / "settings.md")
    assert {name for name in used if f"`{name}`" not in page} == set()


# ---- fields


def table_of(name: str) -> list[tuple[str, str, str]]:
    """Return the fields of a struct as the page states them: name, type, always written."""
    section = text_of(FORMAT).split(f"# `{name}`\n")[1].split("\n#")[0]
    found = re.findall(r"^\| `(\w+)` \| (.*?) \| (yes)? *\| \S.* \|$", section, re.MULTILINE)
    return [tuple(row) for row in found]


@pytest.mark.parametrize("kind", ENTRIES, ids=lambda kind: kind.__name__)
def test_every_field_is_documented_with_its_type(kind: type[Struct]) -> None:
    assert table_of(kind.__name__) == list(fields_of(kind))


def test_every_part_of_the_format_is_documented() -> None:
    parts = {
        kind.__name__
        for module in (document, view)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Struct)
        and kind.__module__ == module.__name__
    }
    assert parts - INTERNAL.keys() <= {kind.__name__ for kind in ENTRIES}
    assert set(re.findall(r"#+ `(\w+)`", text_of(FORMAT))) == {kind.__name__ for kind in ENTRIES}


# ---- words


def words_of_code() -> Counter[str]:
    """Count the words of which names of classes and modules are made."""
    words: Counter[str] = Counter()
    for path in sorted((ROOT / "jobrunner").rglob("*.py")):
        classes = re.findall(r"^class ([A-Z]\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        modules = [] if path.stem == "__init__" else [path.stem]
        for name in [*modules, *classes]:
            words.update(singular(word.lower()) for word in re.findall("[A-Z]?[a-z]+", name))
    return words


def singular(word: str) -> str:
    """Return a noun in the singular; other words may be cut as well, always in the same way."""
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) else word


def terms_of_glossary() -> list[str]:
    return re.findall(r"^\| ((?!word)[a-z][a-z -]+) \|", text_of(GLOSSARY), re.MULTILINE)


def test_recurring_nouns_are_in_the_glossary() -> None:
    explained = {
        singular(word) for term in terms_of_glossary() for word in re.findall("[a-z]+", term)
    }
    recurring = {word for word, count in words_of_code().items() if count >= 3}
    assert sorted(recurring - explained - GENERAL - NOT_NOUNS) == []


def test_general_words_are_used_and_not_explained_as_well() -> None:
    explained = {singular(word) for term in terms_of_glossary() for word in term.split()}
    assert (GENERAL | NOT_NOUNS) & explained == set()
    assert {word for word in GENERAL | NOT_NOUNS if words_of_code()[word] < 3} == set()


def test_a_term_is_explained_once() -> None:
    terms = terms_of_glossary()
    assert len(terms) > 60
    assert len(terms) == len(set(terms))


# ---- architecture


def test_the_layers_are_those_that_are_tested() -> None:
    page = text_of(ROOT / "docs" / "explanation" / "architecture.md")
    (block,) = re.findall(r"```text\n(cli .*?)```", page, re.DOTALL)
    shown = [set(line.split()) for line in block.splitlines()]
    assert shown == [layer - {"jobrunner"} for layer in LAYERS]


# ---- the measures themselves


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`\n[a](#one-two) [b](#three) [c](gone.md) [d](page.md#one-two)\n")
    assert list(broken_links(page)) == ["#three", "gone.md"]
