"""What columns hold as JSON or as one word of a set; anything else is damage."""

from __future__ import annotations

import pytest

from jobrunner.errors import DamageFound
from jobrunner.models import SourceStatus
from jobrunner.store.json_columns import from_json, from_word, to_json


def test_a_value_comes_back_as_it_was() -> None:
    assert from_json(to_json({"a": (1, 2)}), dict[str, tuple[int, ...]], "it") == {"a": (1, 2)}


def test_a_word_of_a_set_is_stored_as_itself() -> None:
    assert to_json({"status": SourceStatus.ACTIVE}) == '{"status":"active"}'
    assert from_word("active", SourceStatus, "it") is SourceStatus.ACTIVE


def test_what_is_no_json_is_damage() -> None:
    with pytest.raises(DamageFound, match="the row of it cannot be read"):
        from_json("{", dict[str, int], "the row of it")


def test_a_word_of_no_set_is_damage() -> None:
    with pytest.raises(DamageFound, match="the row of it cannot be read: 'activ'"):
        from_word("activ", SourceStatus, "the row of it")
