"""Fields that are combined from all sources and the paper as given: links, relations, identifiers.

Each part has the name of the first source that has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobrunner.consolidation.policy import Policy
from jobrunner.consolidation.rules import Rule
from jobrunner.consolidation.statements import Ranked, Statements
from jobrunner.consolidation.view import INPUT, Conflict, Sourced, SourcedLink, SourcedRelation
from jobrunner.matching.preprints import is_preprint_doi
from jobrunner.models import Link, Record, Relation


class Union(Rule):
    """The values of all sources together."""

    choice = "the values of all sources"

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Describe the order in which the sources are consulted."""
        return (
            f"{self.choice}; conflicts: the first value in the order {self._names(policy, sources)}"
        )


class Links(Union):
    """Every URL once, under the first source that has it."""

    def choose(self, order: Ranked, paper: Statements) -> tuple[SourcedLink, ...]:
        """Return the links of all sources."""
        links: dict[str, SourcedLink] = {}
        for source, record in order:
            for link in record.links:
                if link.url not in links:
                    links[link.url] = _sourced_link(link, source)
        return tuple(links.values())


def _sourced_link(link: Link, source: str) -> SourcedLink:
    if source == INPUT:
        return SourcedLink(link.url, source)  # the input does not say what its URLs lead to
    return SourcedLink(
        link.url,
        source,
        link.kind,
        link.open_access,
        link.license or None,
        link.version or None,
    )


class Relations(Union):
    """Every relation to another work once, under the first source that has it."""

    def choose(self, order: Ranked, paper: Statements) -> tuple[SourcedRelation, ...]:
        """Return the relations of all sources, and the preprint of the published version."""
        preprints = paper.preprints
        relations: dict[Relation, SourcedRelation] = {}
        for source, record in paper.ranked:
            stated = record.relations
            if source in preprints:
                stated = (*stated, *_preprint_of(record))
            for relation in stated:
                sourced = SourcedRelation(relation.kind, relation.scheme, relation.value, source)
                relations.setdefault(relation, sourced)
        return tuple(relations.values())


def _preprint_of(record: Record) -> Iterator[Relation]:
    """Yield the relation to a preprint, if the record has an identifier of the preprint alone."""
    arxiv = record.identifiers.get("arxiv")
    doi = record.identifiers.get("doi", "")
    if arxiv:
        yield Relation(kind="has-preprint", scheme="arxiv", value=arxiv)
    elif is_preprint_doi(doi):
        yield Relation(kind="has-preprint", scheme="doi", value=doi)


class Identifiers(Union):
    """The first value of each scheme, but a DOI of the published version before a preprint's."""

    def choose(self, order: Ranked, paper: Statements) -> dict[str, Sourced[str]]:
        """Return one identifier of each scheme."""
        return {
            scheme: Sourced(*next(iter(values.items()))) for scheme, values in paper.identifiers
        }


def conflicts_of(paper: Statements) -> tuple[Conflict, ...]:
    """Return the identifiers in which the sources differ."""
    differing = [entry for entry in paper.identifiers if len(entry[1]) > 1]
    return tuple([_conflict(scheme, values) for scheme, values in differing])


def _conflict(scheme: str, values: dict[str, str]) -> Conflict:
    chosen, *others = [Sourced(value, source) for value, source in values.items()]
    return Conflict(scheme, chosen.value, chosen.source, tuple(others))
