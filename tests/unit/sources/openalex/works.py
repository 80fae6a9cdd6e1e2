"""Works as OpenAlex holds them."""

from __future__ import annotations

from jobrunner.sources.json_fields import Fields

ID = "https://openalex.org/"


def work(identifier: str, title: str | None, **fields: object) -> Fields:
    """Return a work as the server holds it."""
    doi = fields.get("doi")
    ids = {"openalex": ID + identifier, **({"doi": doi} if doi else {})}
    given = fields.pop("ids", {})
    assert isinstance(given, dict)
    return {"id": ID + identifier, "title": title, "ids": {**ids, **given}, **fields}


def authorships(*names: str) -> list[Fields]:
    return [{"author": {"id": f"{ID}A{n}", "display_name": name}} for n, name in enumerate(names)]
