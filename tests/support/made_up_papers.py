"""A small made-up library: works for the local server, and lists of papers that ask for them."""

from __future__ import annotations

from typing import Any

SUBJECTS = ("ferns", "glaciers", "sonnets", "enzymes", "tariffs", "quasars", "dialects", "bridges")
VERBS = ("Mapping", "Measuring", "Reading", "Counting", "Modelling", "Dating", "Comparing")
PLACES = ("Iceland", "Patagonia", "Kerala", "Bohemia", "Nubia", "Tasmania", "Galicia")
NAMES = ("Almeida", "Brandt", "Chowdhury", "Dufour", "Eriksen", "Fontaine", "Grigorescu")


def title(number: int) -> str:
    subject, place = SUBJECTS[number % 8], PLACES[number // 8 % 7]
    return f"{VERBS[number // 56 % 7]} the {subject} of {place}: study number {number}"


def doi(number: int) -> str:
    return f"10.5555/study.{number}"


def work(number: int) -> dict[str, Any]:
    """A work of OpenAlex's shape."""
    name = NAMES[number % 7]
    return {
        "id": f"https://openalex.org/W{1000 + number}",
        "doi": f"https://doi.org/{doi(number)}",
        "title": title(number),
        "display_name": title(number),
        "publication_year": 2000 + number % 25,
        "ids": {"openalex": f"https://openalex.org/W{1000 + number}"},
        "type": "article",
        "cited_by_count": number * 3,
        "authorships": [
            {
                "author_position": "first",
                "author": {"id": f"https://openalex.org/A{number}", "display_name": f"Ada {name}"},
                "institutions": [],
            }
        ],
        "counts_by_year": [],
        "abstract_inverted_index": {"Number": [0], str(number): [1], "of": [2], "many.": [3]},
    }


def by_doi(number: int) -> dict[str, Any]:
    return {"paper_id": f"p{number}", "title": title(number), "doi": doi(number)}


def by_title(number: int) -> dict[str, Any]:
    return {
        "paper_id": f"t{number}",
        "title": title(number),
        "authors": [f"Ada {NAMES[number % 7]}"],
        "year": 2000 + number % 25,
    }


def papers(*, lookups: int = 60, searches: int = 8) -> list[dict[str, Any]]:
    """A list with all sorts: known and unknown DOIs, titles alone, a duplicate, an unusable one."""
    listed = [by_doi(number) for number in range(lookups)]
    listed += [by_title(number) for number in range(lookups, lookups + searches)]
    listed.append({"title": "A treatise that nobody has catalogued", "doi": "10.5555/unknown.1"})
    listed.append({"title": "Another one that stays unknown", "authors": ["N. Obody"]})
    listed.append({"note": "neither title nor identifier"})
    listed.append(by_doi(3))
    return listed


def works(count: int = 80) -> list[dict[str, Any]]:
    return [work(number) for number in range(count)]
