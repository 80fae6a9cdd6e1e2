"""No key of ours is shown, wherever a service repeats it."""

from __future__ import annotations

import pytest

from jobrunner.http.redaction import MESSAGE_LENGTH, redacted

KEY = "sk-secret-4711"
HEADERS = {"x-api-key": KEY, "Authorization": f"Bearer {KEY}", "Accept": "any"}


@pytest.mark.parametrize("repeated", [KEY, KEY.upper(), f"no host {KEY}.test"])
def test_a_key_is_struck_out_in_any_case(repeated: str) -> None:
    assert KEY not in redacted(f"HTTP 403: {repeated}", HEADERS).lower()


def test_short_words_of_a_header_are_left_in_the_message() -> None:
    assert redacted("any bearer", HEADERS) == "any bearer"


@pytest.mark.parametrize("room", range(len(KEY)))
def test_no_part_of_a_key_is_left_where_a_long_message_is_cut(room: int) -> None:
    padding = "." * (MESSAGE_LENGTH - room)
    shown = redacted(padding + KEY + "." * 50, HEADERS)
    assert len(shown) == MESSAGE_LENGTH
    assert "sk" not in shown
    assert not shown.rstrip("…").endswith("s")
