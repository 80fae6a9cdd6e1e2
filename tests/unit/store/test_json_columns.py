"""What columns hold as JSON or as one word of a set; anything else is damage."""

from __future__ import annotations

import pytest

from jobrunner.errors import DamageFound
from jobrunner.models import SourceStatus
from jobrunner.store.json_columns import from_json, row_of, to_json
from jobrunner.store.rows import SourceRow

SOURCE = {
    "id": 1,
    "name": "openalex",
    "ordinal": 0,
    "status": "active",
    "error": None,
    "not_before": None,
}


def test_a_value_comes_back_as_it_was() -> None:
    assert from_json(to_json({"a": (1, 2)}), dict[str, tuple[int, ...]], "it") == {"a": (1, 2)}


def test_a_word_of_a_set_is_stored_as_itself() -> None:
    assert to_json({"status": SourceStatus.ACTIVE}) == '{"status":"active"}'
    assert row_of(SOURCE, SourceRow, "it").status is SourceStatus.ACTIVE


def test_what_is_no_json_is_damage() -> None:
    with pytest.raises(DamageFound, match="the row of it cannot be read"):
        from_json("{", dict[str, int], "the row of it")


def test_a_word_of_no_set_is_damage() -> None:
    with pytest.raises(
        DamageFound, match="the row of it cannot be read: `status` has the wrong type"
    ):
        row_of(SOURCE | {"status": "activ"}, SourceRow, "the row of it")
