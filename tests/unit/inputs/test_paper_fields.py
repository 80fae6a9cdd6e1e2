"""Finding title, authors, year and venue under the names that people give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobrunner.inputs.json_stream import Value
from jobrunner.inputs.paper_fields import paper_of
from jobrunner.models import InputPaper


def paper(**fields: object) -> InputPaper:
    element: dict[str, object] = {"title": "A title", **fields}
    return paper_of(0, Value(json.dumps(element), element))


@pytest.mark.parametrize(
    ("element", "title"),
    [
        ({"title": " Two\n  lines "}, "Two lines"),
        ({"Title": "Upper"}, "Upper"),
        ({"title": None, "name": "By name"}, "By name"),
        ({"title": ["First", "Second"]}, "First"),
        ({"title": {"value": "Wrapped"}}, "Wrapped"),
        ({"title": 1984}, "1984"),
        ({"title": True}, ""),
        ({"title": "lone \ud800 surrogate\0"}, "lone \ufffd surrogate\ufffd"),
    ],
)
def test_titles(element: dict[str, Any], title: str) -> None:
    assert paper_of(0, Value("{}", element)).title == title


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        (["Jane Doe", "Doe, John"], ("Jane Doe", "John Doe")),
        ([{"name": "Jane Doe"}, {"display_name": "J. Roe"}], ("Jane Doe", "J. Roe")),
        ([{"given": "Jane", "family": "Doe"}, {"family": "Plato"}], ("Jane Doe", "Plato")),
        ([{"first": "Jane", "last": "Doe"}], ("Jane Doe",)),
        ([{"firstName": "Jane", "lastName": "Doe"}], ("Jane Doe",)),
        ([{"author": {"name": "Jane Doe"}, "affiliations": [{"name": "X"}]}], ("Jane Doe",)),
        ([{"author": {"display_name": "Jane Doe"}}], ("Jane Doe",)),
        ([None, 5, {}, "", ["x"]], ("5", "x")),
        ("A B; C D", ("A B", "C D")),
        ({"name": "Jane Doe"}, ("Jane Doe",)),
    ],
)
def test_authors(authors: object, names: tuple[str, ...]) -> None:
    assert paper(authors=authors).authors == names
    assert paper(authors=[], author=authors).authors == names


@pytest.mark.parametrize(
    ("fields", "year"),
    [
        ({"year": 2019}, 2019),
        ({"year": "2019"}, 2019),
        ({"year": 2019.0}, 2019),
        ({"year": "2019.0"}, 2019),
        ({"year": "c. 2019a"}, 2019),
        ({"year": None, "publication_year": 2020}, 2020),
        ({"date": "2019-07-01T12:00:00Z"}, 2019),
        ({"published": "20190701"}, 2019),
        ({"issued": {"date-parts": [[2018, 3]]}}, 2018),
        ({"issued": {"date-parts": [[None]]}}, None),
        ({"bibtex": "@misc{a,\n title={In 1999},\n year = {2017}}"}, 2017),
        ({"year": 1561953600}, None),
        ({"year": True}, None),
        ({"year": "1" * 5000}, None),
        ({"year": "unknown"}, None),
    ],
)
def test_years(fields: dict[str, Any], year: int | None) -> None:
    assert paper(**fields).year == year


@pytest.mark.parametrize(
    ("fields", "venue"),
    [
        ({"venue": "ICML"}, "ICML"),
        ({"venue": "", "journal": {"name": "Nature", "volume": 1}}, "Nature"),
        ({"container-title": ["Nature", "Nat."]}, "Nature"),
        ({"booktitle": "Proc. X"}, "Proc. X"),
        ({"primary_location": {"source": {"display_name": "eLife"}}}, "eLife"),
        ({"bibtex": "@inproceedings{a, booktitle={First Conference}}"}, "First Conference"),
        ({"venue": 3, "journal": "J"}, "3"),
        ({"releases": [5], "venue": None}, ""),
    ],
)
def test_venues(fields: dict[str, Any], venue: str) -> None:
    assert paper(**fields).venue == venue


def test_the_reviewed_release_gives_year_and_venue() -> None:
    releases = [
        {"venue": {"name": "ArXiv", "date": {"text": "2018-06"}}, "peer_reviewed": False},
        {"venue": {"name": "ACL", "date": {"text": "2019-07"}}, "peer_reviewed": True},
    ]
    found = paper(releases=releases)
    assert (found.year, found.venue) == (2019, "ACL")


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"paper_id": "p1", "id": "x"}, "p1"),
        ({"paper_id": "", "id": 0}, "0"),
        ({"id": None, "key": "doe2019"}, "doe2019"),
        ({"id": True}, ""),
        ({"id": ["x"]}, ""),
    ],
)
def test_keys(fields: dict[str, Any], key: str) -> None:
    assert paper(**fields).key == key
