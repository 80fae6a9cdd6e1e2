"""What looking up and matching needs of a paper, under the names that people give it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jobrunner.identifiers.extract import identifiers_of
from jobrunner.inputs.author_lists import display_name, split_names
from jobrunner.inputs.json_stream import Decoder, Value, one_line
from jobrunner.models import InputPaper

MAX_UNUSABLE_TEXT = 2000
"""How much is kept of an element that is not JSON."""

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
    """Make the paper at ``position`` out of a JSON value; one that is no paper is unusable."""
    given = _quoted(value.text) if value.problem else one_line(value.text)
    if not isinstance(value.value, dict):
        reason = value.problem or f"not an object but {_kind(value.value)}"
        return InputPaper(position=position, given=given, unusable=reason)
    fields = _folded(value.value)
    title = _title(fields)
    identifiers = identifiers_of(value.value)
    missing = None if title or identifiers else "no title and no identifier"
    release = _release(fields)
    return InputPaper(
        position=position,
        given=given,
        key=_key(fields),
        title=title,
        authors=_authors(fields),
        year=_first_year(fields, _YEARS)
        or _first_year(release, ("date",))
        or _year(_in_bibtex(fields, _BIBTEX_YEAR)),
        venue=_first_text(fields, _VENUES)
        or _text(release)
        or _clean(_in_bibtex(fields, _BIBTEX_VENUE)),
        identifiers=identifiers,
        unusable=value.problem or missing,
    )


def paper_of_text(position: int, given: str) -> InputPaper:
    """Make the paper again whose ``given`` text was stored. Raises ``json.JSONDecodeError``."""
    return paper_of(position, Decoder().whole(given))


def _folded(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Fold the keys; of several that fold to one, the first that says anything wins."""
    fields: dict[str, Any] = {}
    for key, value in mapping.items():
        name = _folded_name(key)
        if not fields.get(name):
            fields[name] = value
    return fields


@lru_cache(maxsize=1024)
def _folded_name(key: str) -> str:
    return key.lower().replace("-", "_")


def _key(fields: Mapping[str, Any]) -> str:
    for name in _KEYS:
        value = fields.get(name)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
            return _UNENCODABLE.sub("\ufffd", str(value))
    return ""


def _title(fields: Mapping[str, Any]) -> str:
    return _first_text(fields, _TITLES)


def _first_text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        if name in fields and (text := _text(fields[name])):
            return text
    return ""


def _text(value: object) -> str:
    """Find the one line of text in a string, a number, a list of them or an object with a name."""
    if isinstance(value, str):
        return _clean(value)
    for _ in range(3):  # such as a list of objects with a name
        if isinstance(value, list):
            value = next((item for item in value if item), None)
        elif isinstance(value, dict):
            fields = _folded(value)
            value = next((fields[name] for name in _TEXTS if fields.get(name)), None)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return _clean(str(value))


def _clean(text: str) -> str:
    """Collapse white space, and make sure that a database can store the text."""
    if not text.isascii() or "\0" in text:
        text = _UNENCODABLE.sub("\ufffd", text)
    return " ".join(text.split())


def _authors(fields: Mapping[str, Any]) -> tuple[str, ...]:
    for name in _AUTHORS:
        if names := tuple(filter(None, _names(fields.get(name)))):
            return names
    return ()


def _names(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from split_names(_clean(value))
    elif isinstance(value, dict):
        yield _name(value)
    elif isinstance(value, list):
        for person in value:
            if isinstance(person, dict):
                yield _name(person)
            elif isinstance(person, str) and ";" in person:
                yield from split_names(_clean(person))
            else:
                yield display_name(_text(person))


def _name(person: Mapping[str, Any]) -> str:
    """Find the display name of an author, which may be nested as {"author": {"name": ...}}."""
    fields = _folded(person)
    inner = fields.get("author")
    if isinstance(inner, dict):
        fields = _folded(inner)
    elif isinstance(inner, str):
        return display_name(_clean(inner))
    parts = (_first_text(fields, _FIRST_NAMES), _first_text(fields, _LAST_NAMES))
    return display_name(_first_text(fields, _PERSONS)) or " ".join(filter(None, parts))


def _release(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Find where the paper came out: of its releases the reviewed one, or its OpenAlex location."""
    releases = fields.get("releases")
    if isinstance(releases, list):
        known = [item for item in releases if isinstance(item, dict)]
        known.sort(key=lambda item: not item.get("peer_reviewed"))
        venue = known[0].get("venue") if known else None
    else:
        location = fields.get("primary_location")
        venue = location.get("source") if isinstance(location, dict) else None
    return venue if isinstance(venue, dict) else {"name": venue}


def _in_bibtex(fields: Mapping[str, Any], wanted: re.Pattern[str]) -> str:
    """Find a field in the BibTeX entry that some lists carry with each paper."""
    entry = fields.get("bibtex")
    found = wanted.search(entry) if isinstance(entry, str) else None
    return found[1] if found else ""


def _first_year(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in fields and (year := _year(fields[name])):
            return year
    return None


def _year(value: object) -> int | None:
    """Find the year in a number, a date in almost any spelling, or the parts of a date."""
    for _ in range(4):  # such as {"date-parts": [[2019, 5]]}
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, dict):
            fields = _folded(value)
            value = next((fields[name] for name in _DATES if fields.get(name)), None)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if isinstance(value, float):
        value = int(value)
    found = _YEAR.search(str(value)[:100])
    return int(found[0]) if found else None


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


def _quoted(text: str) -> str:
    return json.dumps(text[:MAX_UNUSABLE_TEXT], ensure_ascii=False)
