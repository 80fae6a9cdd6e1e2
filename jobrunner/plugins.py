"""The door for sources in packages of their own: all that they may import from jobrunner.

A plug-in imports from this module alone. What stands in ``__all__`` is public: a name goes, or
changes what it takes or means, only in a release whose CHANGELOG says how to mend a plug-in.
Every other module of jobrunner may change in any release without notice. ``docs/plugin.md`` is
the guide, and shows a whole source.
"""

from __future__ import annotations

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    KeyRefused,
    QuotaSpent,
    RequestRefused,
    SettingsError,
    SourceError,
    SourceStopped,
    SourceUnavailable,
    TransientError,
    UnreadableError,
)
from jobrunner.http.batch_requests import Requests
from jobrunner.http.rate_limit import RateLimit
from jobrunner.http.responses import retry_after, server_message
from jobrunner.http.service import Limits, Params, Service
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import (
    SCHEMES,
    Affiliation,
    Answer,
    Author,
    Candidate,
    Identifiers,
    Link,
    Match,
    Outcome,
    Paper,
    Record,
    Relation,
)
from jobrunner.sources.answers import (
    Unreadable,
    decide,
    decide_by_title,
    lookup_in_turns,
    read,
    read_all,
)
from jobrunner.sources.contract import Prices, Source, SourceSettings
from jobrunner.sources.json_fields import (
    Fields,
    abstract,
    as_abstract,
    as_fields,
    as_identifier,
    as_number,
    as_plain,
    as_text,
    as_year,
    date,
    distinct,
    fields,
    identifier,
    number,
    orcid,
    plain,
    plain_title,
    present,
    rows,
    text,
    texts,
    unique,
    year,
)
from jobrunner.sources.search_terms import search_words

__all__ = [
    "SCHEMES",
    "Affiliation",
    "Answer",
    "AnswerMalformed",
    "Author",
    "Candidate",
    "FaultyAnswer",
    "Fields",
    "Identifiers",
    "KeyRefused",
    "Limits",
    "Link",
    "Match",
    "Outcome",
    "Paper",
    "Params",
    "Prices",
    "QuotaSpent",
    "RateLimit",
    "Record",
    "Relation",
    "RequestRefused",
    "Requests",
    "Service",
    "SettingsError",
    "Source",
    "SourceError",
    "SourceSettings",
    "SourceStopped",
    "SourceUnavailable",
    "TransientError",
    "Unreadable",
    "UnreadableError",
    "abstract",
    "as_abstract",
    "as_fields",
    "as_identifier",
    "as_number",
    "as_plain",
    "as_text",
    "as_year",
    "date",
    "decide",
    "decide_by_title",
    "distinct",
    "fields",
    "identifier",
    "lookup_in_turns",
    "normalise",
    "number",
    "orcid",
    "plain",
    "plain_title",
    "present",
    "read",
    "read_all",
    "retry_after",
    "rows",
    "search_words",
    "server_message",
    "text",
    "texts",
    "unique",
    "year",
]
