"""What a request to OpenAlex asks for, checked as the real server checks it: page, fields, price.

Rules: https://developers.openalex.org/api-reference and the sources of the server and its gateway,
ourresearch/openalex-elastic-api and ourresearch/openalex-api-proxy.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from jobrunner.demo.messages import Request
from jobrunner.demo.openalex.filters import (
    IDENTIFIERS,
    SEARCHES,
    BadQueryError,
    Condition,
    check_search,
    parse,
    split,
)
from jobrunner.demo.openalex.works import SELECTABLE, full_doi, work_id

SINGLE = "/works/"
MOST_PER_PAGE = 200
USUAL_PER_PAGE = 25
MOST_RESULTS = 10_000
"""Results that pages lead to; the rest is for cursors."""

SEARCH_PARAMETERS = ("search", "search.title")
PARAMETERS = {
    "api_key", "api-key", "cursor", "data_version", "filter", "include_xpac", "include-xpac",
    "mailto", "page", "per_page", "per-page", "select", *SEARCH_PARAMETERS,
}  # fmt: skip
UNPLAYED = {"format", "group_by", "group-by", "sample", "seed", "sort", "q"}
"""Parameters that the real server takes and this one does not."""

FREE_PREFIXES = ("doi:", "pmid:", "pmcid:", "mag:", "openalex:")


def key_of(request: Request) -> str:
    """Return the key of a request, '' if it has none; the header wins over the query."""
    bearer = request.headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        return bearer[len("bearer ") :].strip()
    return request.get("api_key") or request.get("api-key") or ""


def price_of(request: Request) -> int:
    """Return the credits that a request costs: nothing for one work, 10 for a search, else 1."""
    if request.path.startswith(SINGLE):
        name = unquote(request.path.removeprefix(SINGLE))
        free = name.lower().startswith(FREE_PREFIXES) or work_id(name) == name.upper()
        return 0 if free else 1
    searched = any(name.startswith("search") for name, _ in request.query)
    return 10 if searched or ".search:" in (request.get("filter") or "") else 1


def asked_of(request: Request) -> tuple[str, ...]:
    """Return what a request asks for, as 'doi:10.1/x', 'openalex:W1' or 'title.search:words'."""
    if request.path.startswith(SINGLE):
        name = unquote(request.path.removeprefix(SINGLE))
        return (f"openalex:{name.upper()}" if name[:1] in "wW" else name,)
    try:
        parts = split(request.get("filter") or "")
    except BadQueryError:
        return ()
    found = [(f, value.split("|")) for f, value in parts if f in IDENTIFIERS or f in SEARCHES]
    found += [(name, [text]) for name in SEARCH_PARAMETERS if (text := request.get(name))]
    return tuple(f"{field}:{value}" for field, values in found for value in values)


def single_key(name: str) -> tuple[str, str]:
    """Return the index and the value that the last part of a path asks for."""
    prefix, colon, value = name.partition(":")
    prefix = prefix.lower() if colon else ""
    if "doi.org/" in name.lower() or name.startswith("10."):
        return "doi", full_doi(name)
    if prefix == "doi":
        return "doi", full_doi(value)
    if prefix == "pmid":
        return "pmid", f"https://pubmed.ncbi.nlm.nih.gov/{value}"
    if prefix == "pmcid":
        digits = value.upper().removeprefix("PMC")
        return "pmcid", f"https://www.ncbi.nlm.nih.gov/pmc/articles/{digits}"
    if prefix == "mag":
        return "mag", value
    return "openalex", work_id(name) or ""


def check_parameters(request: Request) -> None:
    """Raise :class:`BadQueryError` for a parameter that the server does not take."""
    names = [name for name, _ in request.query]
    if "limit" in names:
        raise BadQueryError("limit is not a valid parameter; use per_page.", edge=True)
    for name in names:
        if name in UNPLAYED:
            raise BadQueryError(f"{name} is not supported by this local server.")
        if name not in PARAMETERS:
            known = ", ".join(sorted(PARAMETERS))
            raise BadQueryError(f"{name} is not a valid parameter. Valid parameters are: {known}.")
    if any("host_venue" in value for _, value in request.query):
        raise BadQueryError("host_venue is deprecated in favor of locations.")
    if names.count("filter") > 1:
        raise BadQueryError("Only one filter parameter is allowed.")


def select_of(request: Request) -> tuple[str, ...]:
    """Return the root fields that are asked for, none for all."""
    text = request.get("select")
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    for name in names:
        if name not in SELECTABLE:
            raise BadQueryError(
                f"{name} is not a valid select field. Valid fields for select are: "
                f"{', '.join(SELECTABLE)}."
            )
    return names


def conditions_of(request: Request) -> list[Condition]:
    """Return the filter; unless it says otherwise, it leaves the works called "xpac" out."""
    text = request.get("filter")
    conditions = parse(text) if text is not None else []
    wide = request.get("include_xpac") or request.get("include-xpac") or ""
    if wide.lower() != "true" and not any(c.field == "is_xpac" for c in conditions):
        conditions.append(Condition(field="is_xpac", values=("false",)))
    return conditions


def searches_of(request: Request) -> list[str]:
    """Return the texts of the search parameters."""
    texts = [text for name in SEARCH_PARAMETERS if (text := request.get(name))]
    for text in texts:
        check_search(text)
        if "|" in text:
            raise BadQueryError("The search parameter does not support the | operator.")
    return texts


class Page:
    """Which part of a list is asked for, by page or by cursor."""

    def __init__(self, request: Request) -> None:
        self.size = _number(request, "per_page", "per-page", USUAL_PER_PAGE)
        self.page = _number(request, "page", "page", 1)
        self.cursor = request.get("cursor")
        if not 1 <= self.size <= MOST_PER_PAGE:
            raise _paging(f"per-page parameter must be between 1 and {MOST_PER_PAGE}")
        if self.page < 1:
            raise _paging("Page parameter must be greater than 0.")
        if self.cursor is not None and request.get("page") is not None:
            raise _paging("Cannot use page parameter with cursor.")
        if self.page * self.size > MOST_RESULTS:
            raise _paging(f"Maximum results size of {MOST_RESULTS:,} records is exceeded.")
        self.first = (self.page - 1) * self.size if self.cursor is None else self._start()

    def _start(self) -> int:
        if self.cursor == "*":
            return 0
        try:
            return int(base64.urlsafe_b64decode(self.cursor or ""))
        except (ValueError, binascii.Error):
            raise _paging("Cursor value is invalid.") from None

    def meta(self, count: int, shown: int, cost_usd: float) -> dict[str, object]:
        """Return what a list says about itself."""
        meta: dict[str, object] = {
            "count": count,
            "db_response_time_ms": 1,
            "page": self.page if self.cursor is None else None,
            "per_page": self.size,
            "groups_count": None,
            "cost_usd": cost_usd,
        }
        if self.cursor is not None:
            after = str(self.first + shown).encode()
            meta["next_cursor"] = base64.urlsafe_b64encode(after).decode() if shown else None
        return meta


def _number(request: Request, name: str, other: str, usual: int) -> int:
    text = request.get(name) or request.get(other)
    try:
        return int(text) if text else usual
    except ValueError:
        raise BadQueryError(f"Param {name} must be a number.") from None


def _paging(message: str) -> BadQueryError:
    return BadQueryError(message, error="Pagination error.")
