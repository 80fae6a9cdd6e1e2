"""Names of authors that are given as one string."""

from __future__ import annotations

import pytest

from jobrunner.inputs.author_lists import split_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("Jane Doe", ["Jane Doe"]),
        ("Doe, Jane", ["Jane Doe"]),
        ("van den Berg, Jan Peter", ["Jan Peter van den Berg"]),
        ("Jane Doe, Richard Roe", ["Jane Doe", "Richard Roe"]),
        ("Jane Doe, Richard Roe and Max Mustermann", ["Jane Doe", "Richard Roe", "Max Mustermann"]),
        ("Jane Doe, Richard Roe, and Max Roe", ["Jane Doe", "Richard Roe", "Max Roe"]),
        ("Doe, Jane and Roe, Richard", ["Jane Doe", "Richard Roe"]),
        ("de la Cruz, Juan Carlos and Roe, R.", ["Juan Carlos de la Cruz", "R. Roe"]),
        ("Smith, J., Doe, A. B., Roe, C.", ["J. Smith", "A. B. Doe", "C. Roe"]),
        ("A B;C D;E F", ["A B", "C D", "E F"]),
        ("Doe, Jane; Roe, Richard; and Poe, E. A.", ["Jane Doe", "Richard Roe", "E. A. Poe"]),
        ("Jane Doe et al.", ["Jane Doe"]),
        ("Jane Doe and others", ["Jane Doe"]),
        ("King, Jr., Martin", ["Martin King Jr."]),
        ("Alexander Brand, Bo Anderson", ["Alexander Brand", "Bo Anderson"]),
    ],
)
def test_authors_in_one_string(text: str, names: list[str]) -> None:
    assert split_names(text) == names
