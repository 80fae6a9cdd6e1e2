"""Reads and checks the parameters of a request as strictly as the real OpenAlex.

Rules: https://developers.openalex.org/api-reference and the sources of the server and its gateway,
ourresearch/openalex-elastic-api and ourresearch/openalex-api-proxy.
"""

from __future__ import annotations

from urllib.parse import unquote

from jobrunner.demo.messages import Request
from jobrunner.demo.openalex.filters import FIELDS, YEAR, BadQueryError, Condition, parse, split
from jobrunner.demo.openalex.works import SELECTABLE, full_doi, work_id

SINGLE = "/works/"
MOST_PER_PAGE = 200
USUAL_PER_PAGE = 25
MOST_RESULTS = 10_000
"""Maximum number of results that paging can reach; beyond it the real server requires cursors."""

PARAMETERS = {
    "api_key", "api-key", "data_version", "filter", "include_xpac", "include-xpac", "mailto",
    "page", "per_page", "per-page", "select",
}  # fmt: skip
UNPLAYED = {
    "cursor", "format", "group_by", "group-by", "sample", "search", "search.title", "seed", "sort",
    "q",
}  # fmt: skip
"""Parameters that the real server supports and this one does not."""

FREE_PREFIXES = ("doi:", "pmid:", "pmcid:", "mag:", "openalex:")
LIST_PRICE, SEARCH_PRICE, SINGLE_PRICE = 1, 10, 1
"""Credits per request. A single work is free if the path names its id, but not if it is a URL."""


def key_of(request: Request) -> str:
    """Return the key of a request, or ''. The header takes precedence over the query."""
    bearer = request.headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        return bearer[len("bearer ") :].strip()
    return request.get("api_key", "api-key") or ""


def single_name(request: Request) -> str | None:
    """Return the name of the single work in a request's path, or None."""
    return unquote(request.path.removeprefix(SINGLE)) if request.path.startswith(SINGLE) else None


def price_of(request: Request) -> int:
    """Return the credits that a request costs."""
    name = single_name(request)
    if name is not None:
        free = name.lower().startswith(FREE_PREFIXES) or work_id(name) == name.upper()
        return 0 if free else SINGLE_PRICE
    return SEARCH_PRICE if ".search:" in (request.get("filter") or "") else LIST_PRICE


def asked_of(request: Request) -> tuple[str, ...]:
    """Return what a request asks for, such as 'doi:10.1/x' or 'title.search:words'."""
    name = single_name(request)
    if name is not None:
        return (f"openalex:{name.upper()}" if name.upper().startswith("W") else name,)
    try:
        parts = split(request.get("filter") or "")
    except BadQueryError:
        return ()
    # A year only narrows a search: nobody asks for the papers of a year.
    asked = [(field, values) for field, values in parts if field in FIELDS and field != YEAR]
    return tuple(f"{field}:{value}" for field, values in asked for value in values.split("|"))


def single_key(name: str) -> tuple[str, str]:
    """Return the index and the value for the last part of a path."""
    if "doi.org/" in name.lower() or name.startswith("10."):
        return "doi", full_doi(name)
    prefix, _, value = name.partition(":")
    match prefix.lower():
        case "doi":
            return "doi", full_doi(value)
        case "pmid":
            return "pmid", f"https://pubmed.ncbi.nlm.nih.gov/{value}"
        case "pmcid":
            digits = value.upper().removeprefix("PMC")
            return "pmcid", f"https://www.ncbi.nlm.nih.gov/pmc/articles/{digits}"
        case "mag":
            return "mag", value
    return "openalex", work_id(name) or ""


def check_parameters(request: Request) -> None:
    """Raise :class:`BadQueryError` for a parameter that the server does not accept."""
    names = [name for name, _ in request.query]
    if "limit" in names:
        raise BadQueryError("limit is not a valid parameter; use per_page.", edge=True)
    unplayed = UNPLAYED.intersection(names)
    if unplayed:
        raise BadQueryError(f"{min(unplayed)} is not supported by this local server.")
    unknown = set(names) - PARAMETERS
    if unknown:
        known = ", ".join(sorted(PARAMETERS))
        raise BadQueryError(
            f"{min(unknown)} is not a valid parameter. Valid parameters are: {known}."
        )
    if names.count("filter") > 1:
        raise BadQueryError("Only one filter parameter is allowed.")


def select_of(request: Request) -> tuple[str, ...]:
    """Return the selected root fields; an empty tuple selects all."""
    text = request.get("select")
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    unknown = set(names).difference(SELECTABLE)
    if unknown:
        raise BadQueryError(
            f"{min(unknown)} is not a valid select field. Valid fields for select are: "
            f"{', '.join(SELECTABLE)}."
        )
    return names


def conditions_of(request: Request) -> list[Condition]:
    """Return the conditions of the filter. Raises :class:`BadQueryError`."""
    text = request.get("filter")
    return parse(text) if text is not None else []


def wants_xpac(request: Request) -> bool:
    """Return whether a list should include works of the "xpac" set."""
    return (request.get("include_xpac", "include-xpac") or "").lower() == "true"


class Page:
    """The requested page of a list."""

    def __init__(self, request: Request) -> None:
        self.size = _number(request, "per_page", "per-page", usual=USUAL_PER_PAGE)
        self.page = _number(request, "page", usual=1)
        if not 1 <= self.size <= MOST_PER_PAGE:
            raise _paging(f"per-page parameter must be between 1 and {MOST_PER_PAGE}")
        if self.page < 1:
            raise _paging("Page parameter must be greater than 0.")
        if self.page * self.size > MOST_RESULTS:
            raise _paging(f"Maximum results size of {MOST_RESULTS:,} records is exceeded.")
        self.first = (self.page - 1) * self.size

    def meta(self, count: int, cost_usd: float) -> dict[str, object]:
        """Return the ``meta`` object of a list."""
        return {
            "count": count,
            "db_response_time_ms": 1,
            "page": self.page,
            "per_page": self.size,
            "groups_count": None,
            "cost_usd": cost_usd,
        }


def _number(request: Request, *names: str, usual: int) -> int:
    text = request.get(*names)
    try:
        return int(text) if text else usual
    except ValueError:
        raise BadQueryError(f"Param {names[0]} must be a number.") from None


def _paging(message: str) -> BadQueryError:
    return BadQueryError(message, error="Pagination error.")
