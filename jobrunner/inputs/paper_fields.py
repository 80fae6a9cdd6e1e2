"""Extracts the fields that lookups and matching need, under all the names that people use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jobrunner.identifiers.extract import identifiers_of
from jobrunner.inputs.author_lists import display_name, split_names
from jobrunner.inputs.json_stream import Decoder, Value, one_line
from jobrunner.models import InputPaper

MAX_UNUSABLE_TEXT = 2000
"""Most characters kept of an element that is not JSON."""

# Keys are compared in lower case, with _ for every -.
_KEYS = ("paper_id", "paperid", "id", "key")
_TITLES = ("title", "paper_title", "article_title", "name", "display_name")
_AUTHORS = ("authors", "author", "authorships", "creators", "contributors")
_YEARS = (
    "year",
    "publication_year",
    "pub_year",
    "date",
    "published",
    "publication_date",
    "publicationdate",
    "issued",
    "published_print",
    "published_online",
    "conference_year",
)
_VENUES = (
    "venue",
    "journal",
    "journaltitle",
    "booktitle",
    "container_title",
    "conference",
    "publicationvenue",
    "publication_venue",
    "host_venue",
    "source_title",
)
_TEXTS = ("name", "display_name", "title", "value", "text")
_PERSONS = ("name", "display_name", "full_name", "fullname", "literal", "preferred_name")
_FIRST_NAMES = ("given", "first", "first_name", "firstname", "forename", "given_name")
_LAST_NAMES = ("family", "last", "last_name", "lastname", "surname", "family_name")
_DATES = ("date_parts", "year", "text", "date", "raw")

_YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)|(?<!\d)[12]\d{3}(?=[01]\d[0-3]\d(?!\d))", re.ASCII)
_BIBTEX_YEAR = re.compile(r"\byear\s*=\s*[{\"]?\s*(\d{4})", re.ASCII | re.IGNORECASE)
_BIBTEX_VENUE = re.compile(r"\b(?:booktitle|journal)\s*=\s*[{\"]([^{}\"]+)", re.IGNORECASE)
_UNENCODABLE = re.compile("[\ud800-\udfff\0]")

_KINDS = {str: "a string", bool: "a truth value", list: "a list", type(None): "null"}


def paper_of(position: int, value: Value) -> InputPaper:
    """Make the paper at ``position`` from a JSON value; a value that is not a paper is unusable."""
    given = _quoted(value.text) if value.problem else one_line(value.text)
    if not isinstance(value.value, dict):
        reason = value.problem or f"not an object but {_kind(value.value)}"
        return InputPaper(position=position, given=given, unusable=reason)
    fields = _folded(value.value)
    release = _release(fields)
    title = _first_text(fields, _TITLES)
    identifiers = identifiers_of(value.value)
    can_be_found = bool(title or identifiers)
    missing = None if can_be_found else "no title and no identifier"
    return InputPaper(
        position=position,
        given=given,
        key=_key(fields),
        title=title,
        authors=_authors(fields),
        year=_publication_year(fields, release),
        venue=_venue(fields, release),
        identifiers=identifiers,
        unusable=value.problem or missing,
    )


def paper_of_text(position: int, given: str) -> InputPaper:
    """Rebuild a paper from its stored ``given`` text. Raises ``json.JSONDecodeError``."""
    return paper_of(position, Decoder().whole(given))


def _folded(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Fold the keys; of several keys that become equal, the first with a value wins."""
    fields: dict[str, Any] = {}
    for key, value in mapping.items():
        name = _folded_name(key)
        if not fields.get(name):
            fields[name] = value
    return fields


@lru_cache(maxsize=1024)
def _folded_name(key: str) -> str:
    return key.lower().replace("-", "_")


def _scalar_text(value: object) -> str:
    """Return a string or a number as text, '' for anything else."""
    if isinstance(value, str):
        return value
    # True is a number in Python, but meaningless as a key, a year or a text.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else ""


def _first_filled(mapping: Mapping[str, Any], names: tuple[str, ...]) -> object:
    """Return the first non-empty value among some fields of an object."""
    fields = _folded(mapping)
    for name in names:
        value = fields.get(name)
        if value:
            return value
    return None


def _key(fields: Mapping[str, Any]) -> str:
    for name in _KEYS:
        key = _scalar_text(fields.get(name))
        if key:
            return _UNENCODABLE.sub("\ufffd", key)
    return ""


def _first_text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        # Most names are absent from most papers: testing for them first is what makes this fast.
        if name in fields:
            text = _text(fields[name])
            if text:
                return text
    return ""


def _text(value: object) -> str:
    """Return one line of text from a string, a number, a list of them or a named object."""
    if isinstance(value, str):
        return _clean(value)
    for _ in range(3):  # such as a list of objects with a name
        if isinstance(value, list):
            value = next(filter(None, value), None)
        elif isinstance(value, dict):
            value = _first_filled(value, _TEXTS)
    return _clean(_scalar_text(value))


def _clean(text: str) -> str:
    """Collapse white space and replace what the database cannot store."""
    if not text.isascii() or "\0" in text:
        text = _UNENCODABLE.sub("\ufffd", text)
    return " ".join(text.split())


def _authors(fields: Mapping[str, Any]) -> tuple[str, ...]:
    for name in _AUTHORS:
        names = _names(fields.get(name))
        authors = tuple(filter(None, names))
        if authors:
            return authors
    return ()


def _names(value: object) -> list[str]:
    """Return the names in a list of authors, in any of the usual forms."""
    if isinstance(value, list):
        names: list[str] = []
        for author in value:
            names += _names_in_item(author)
        return names
    if isinstance(value, str):
        return split_names(_clean(value))
    return [_name(value)] if isinstance(value, dict) else []


def _names_in_item(author: object) -> list[str]:
    if isinstance(author, dict):
        return [_name(author)]
    if isinstance(author, str) and ";" in author:
        return split_names(_clean(author))
    return [display_name(_text(author))]


def _name(person: Mapping[str, Any]) -> str:
    """Return an author's display name; it can be nested as {"author": {"name": ...}}."""
    fields = _folded(person)
    inner = fields.get("author")
    if isinstance(inner, dict):
        fields = _folded(inner)
    elif isinstance(inner, str):
        return display_name(_clean(inner))
    whole = display_name(_first_text(fields, _PERSONS))
    if whole:
        return whole
    parts = (_first_text(fields, _FIRST_NAMES), _first_text(fields, _LAST_NAMES))
    return " ".join(filter(None, parts))


def _release(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the paper was published: its reviewed release, or its OpenAlex location."""
    releases = fields.get("releases")
    venue = _reviewed(releases) if isinstance(releases, list) else _location(fields)
    return venue if isinstance(venue, dict) else {"name": venue}


def _reviewed(releases: list[Any]) -> object:
    """Return the venue of the first reviewed release, else of the first release."""
    objects = [item for item in releases if isinstance(item, dict)]
    release = min(objects, key=lambda item: not item.get("peer_reviewed"), default={})
    return release.get("venue")


def _location(fields: Mapping[str, Any]) -> object:
    location = fields.get("primary_location")
    return location.get("source") if isinstance(location, dict) else None


def _venue(fields: Mapping[str, Any], release: Mapping[str, Any]) -> str:
    venue = _first_text(fields, _VENUES) or _text(release)
    return venue or _clean(_in_bibtex(fields, _BIBTEX_VENUE))


def _publication_year(fields: Mapping[str, Any], release: Mapping[str, Any]) -> int | None:
    year = _first_year(fields, _YEARS) or _first_year(release, ("date",))
    return year or _year(_in_bibtex(fields, _BIBTEX_YEAR))


def _in_bibtex(fields: Mapping[str, Any], field: re.Pattern[str]) -> str:
    """Return a field of the BibTeX entry that some lists include for each paper."""
    entry = fields.get("bibtex")
    match = field.search(entry) if isinstance(entry, str) else None
    return match[1] if match else ""


def _first_year(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in fields:
            year = _year(fields[name])
            if year:
                return year
    return None


def _year(value: object) -> int | None:
    """Return the year in a number, a date in almost any form, or the parts of a date."""
    for _ in range(4):  # such as {"date-parts": [[2019, 5]]}
        if isinstance(value, list):
            value = next(iter(value), None)
        elif isinstance(value, dict):
            value = _first_filled(value, _DATES)
    if isinstance(value, float):
        value = int(value)  # 2019.0
    # No date is longer, and searching a long text would be slow.
    match = _YEAR.search(_scalar_text(value)[:100])
    return int(match[0]) if match else None


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


def _quoted(text: str) -> str:
    return json.dumps(text[:MAX_UNUSABLE_TEXT], ensure_ascii=False)
