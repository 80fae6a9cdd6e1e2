"""What a request to Crossref's ``/works`` asks for, checked as the real service checks it.

Rules: https://www.crossref.org/documentation/retrieve-metadata/rest-api/ and
https://github.com/CrossRef/rest-api-doc.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobrunner.demo.messages import Request
from jobrunner.demo.record_files import Fields

SELECTABLE = (
    "abstract", "URL", "resource", "member", "posted", "score", "created", "degree",
    "update-policy", "short-title", "license", "ISSN", "container-title", "issued", "update-to",
    "issue", "prefix", "approved", "indexed", "article-number", "clinical-trial-number",
    "accepted", "author", "group-title", "DOI", "is-referenced-by-count", "updated-by", "event",
    "chair", "standards-body", "original-title", "funder", "translator", "published", "archive",
    "published-print", "alternative-id", "subject", "subtitle", "published-online",
    "publisher-location", "content-domain", "reference", "title", "link", "type", "publisher",
    "volume", "references-count", "ISBN", "issn-type", "assertion", "deposited", "page",
    "contributor", "content-created", "short-container-title", "relation", "editor",
)  # fmt: skip
"""The fields that ``select`` takes on lists."""

QUERIES = {
    "query": ("title", "author", "container", "year"),
    "query.bibliographic": ("title", "author", "container", "year"),
    "query.title": ("title",),
    "query.author": ("author",),
}
"""The parameters that search, and the parts of a work that each looks at."""

PARAMETERS = {"cursor", "filter", "mailto", "offset", "rows", "select", *QUERIES}
FILTERS = ("doi", "type")
USUAL_ROWS = 20
MOST_ROWS = 1000
MOST_OFFSET = 10_000


class BadQueryError(Exception):
    """A request that fails validation: one thing that is wrong with it."""

    def __init__(self, kind: str, value: str, message: str) -> None:
        super().__init__(message)
        self.problem = {"type": kind, "value": value, "message": message}


class BadCursorError(Exception):
    """A cursor that the service did not give."""


def check_parameters(request: Request) -> None:
    """Raise :class:`BadQueryError` for a parameter that lists of works do not take."""
    for name, _ in request.query:
        if name not in PARAMETERS:
            message = f"This route does not support {name}"
            raise BadQueryError("parameter-not-allowed", name, message)


def select_of(request: Request) -> tuple[str, ...]:
    """Return the fields that are asked for, none for all."""
    text = request.get("select")
    names = tuple(text.split(",")) if text else ()
    for name in names:
        if name not in SELECTABLE:
            raise BadQueryError(
                "select-not-available",
                name,
                f"Select {name} specified but there is no such select for this route. Valid "
                f"selects for this route are: {', '.join(SELECTABLE)}",
            )
    return names


def filters_of(request: Request) -> dict[str, list[str]]:
    """Return the values by filter: any value of one filter, and all filters, must hold.

    A comma separates, also one that belongs to a DOI.
    """
    found: dict[str, list[str]] = {}
    for part in (request.get("filter") or "").split(",") if request.get("filter") else ():
        name, _, value = part.partition(":")
        if name not in FILTERS:
            raise BadQueryError(
                "filter-not-available",
                name,
                f"Filter {name} specified but there is no such filter for this route. Valid "
                f"filters for this route are: {', '.join(FILTERS)}",
            )
        found.setdefault(name, []).append(value.lower())
    return found


def page_of(request: Request) -> tuple[int, int]:
    """Return how many results to leave out and how many to give."""
    rows = _number(request, "rows", USUAL_ROWS, MOST_ROWS)
    offset = _number(request, "offset", 0, MOST_OFFSET)
    cursor = request.get("cursor")
    if cursor is None:
        return offset, rows
    if cursor == "*":
        return 0, rows
    if not cursor.removeprefix("after-").isdigit():
        raise BadCursorError(cursor)
    return int(cursor.removeprefix("after-")), rows


def _number(request: Request, name: str, usual: int, most: int) -> int:
    text = request.get(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or int(text) > most:
        message = f"Integer specified as {text} but must be a positive integer less than or equal "
        raise BadQueryError("integer-not-valid", text, f"{message}to {most}.")
    return int(text)


def text_of(work: Fields, parts: Sequence[str]) -> str:
    """Return the words of some parts of a work."""
    texts: dict[str, list[object]] = {
        "title": [*_list(work.get("title")), *_list(work.get("subtitle"))],
        "author": [
            author.get(name)
            for author in _list(work.get("author"))
            if isinstance(author, dict)
            for name in ("given", "family", "name")
        ],
        "container": _list(work.get("container-title")),
        "year": [_year_of(work)],
    }
    return " ".join(str(text) for part in parts for text in texts[part] if text)


def _year_of(work: Fields) -> int | None:
    parts = (work.get("issued") or {}).get("date-parts") or [[None]]
    first = parts[0][0] if parts[0] else None
    return first if isinstance(first, int) else None


def _list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
