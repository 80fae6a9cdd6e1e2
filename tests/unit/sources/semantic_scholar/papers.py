"""Papers as Semantic Scholar holds them."""

from __future__ import annotations

from jobrunner.sources.json_fields import Fields


def sha(number: int) -> str:
    """Return a paperId."""
    return f"{number:040x}"


def held(number: int, title: str, **external: object) -> Fields:
    """Return a paper as the service holds it."""
    return {
        "paperId": sha(number),
        "externalIds": {"CorpusId": number, **external},
        "title": title,
        "authors": [{"authorId": "1", "name": "Ann Lee"}, {"authorId": "2", "name": "Bo Chen"}],
        "year": 2020,
    }
