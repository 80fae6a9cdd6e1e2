"""The table of rules: each field of the view has one, and each tells how it chooses."""

from __future__ import annotations

import pytest

from jobrunner.consolidation.merge import RULES
from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.consolidation.view import ConsolidatedPaper

SOURCES = ("openalex", "semantic_scholar", "crossref", "mine")
ALL = ", ".join(SOURCES)
VERSIONS = "(of the published version before a preprint)"


def test_each_field_of_the_view_has_a_rule() -> None:
    assert [*RULES, "conflicts"] == list(ConsolidatedPaper.__struct_fields__)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("title", f"the first that says anything of input, {ALL}"),
        ("language", f"the first that says anything of {ALL}"),
        ("references", f"the first that says anything of {ALL}"),
        (
            "year",
            f"the first that says anything {VERSIONS} of {ALL}, input",
        ),
        ("authors", f"the first complete list of {ALL}, input"),
        ("citations", "the greatest count of all"),
        ("open_access", f"the first link of {ALL}"),
        ("links", f"the union of all; the first of input, {ALL} wins a conflict"),
        ("relations", f"the union of all; the first of {ALL} wins a conflict"),
        ("is_retracted", "what any source says"),
    ],
)
def test_a_rule_tells_how_it_chooses(field: str, sentence: str) -> None:
    assert RULES[field].sentence(DEFAULT, SOURCES) == sentence


def test_an_order_of_its_own_is_told_and_holds_for_any_version() -> None:
    policy = Policy(fields={"year": ("crossref",)}, given_first=frozenset({"year"}))
    assert RULES["year"].sentence(policy, SOURCES) == (
        "the first that says anything of input, crossref, openalex, semantic_scholar, mine"
    )


def test_citations_of_the_first_source_are_told_as_such() -> None:
    sentence = RULES["citations"].sentence(Policy(citations="priority"), SOURCES)
    assert sentence == f"the first that counts any of {ALL}"
