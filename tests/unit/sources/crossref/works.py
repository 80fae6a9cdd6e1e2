"""Works as Crossref holds them."""

from __future__ import annotations

from jobrunner.sources.json_fields import Fields


def held(doi: str, *titles: str, **fields: object) -> Fields:
    """Return a work as the service holds it; underscores in names stand for hyphens."""
    return {
        "DOI": doi,
        "title": list(titles),
        "author": [{"given": "Ann", "family": "Lee"}, {"given": "Bo", "family": "Chen"}],
        "issued": {"date-parts": [[2020]]},
        "type": "journal-article",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
