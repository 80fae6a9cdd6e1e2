"""What two descriptions have in common, as numbers for a classifier.

Unlike :mod:`jobrunner.matching.decide` this vetoes nothing, and it looks at all fields together
too, for records whose values are in the wrong columns.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz

from jobrunner.matching.author_names import surname_keys
from jobrunner.matching.author_similarity import compare_authors, names_of
from jobrunner.matching.title_conflicts import numbers_of
from jobrunner.matching.title_normalisation import is_generic, normalise_title
from jobrunner.matching.venues import other_venue
from jobrunner.models import Paper, Record

Rarity = dict[str, float]
Affinities = dict[tuple[str, str], float]

_YEAR = re.compile(r"\b[12][0-9]{3}\b")


def rarity_of(titles: Iterable[str]) -> Rarity:
    """Return how rare each word is in these titles, 0..1; '' is for words that are not in them."""
    counts = Counter(word for title in titles for word in set(normalise_title(title).split()))
    most = math.log(1 + max(counts.values()))
    return {"": 1.0, **{word: 1 - math.log(n) / most for word, n in counts.items()}}


def venue_affinities(pairs: Iterable[tuple[Paper, Record]]) -> Affinities:
    """Learn from pairs of one work how each side names the venue that the other calls otherwise.

    The value of a word on the right beside a venue on the left is the log of how much more often
    it stands there than anywhere.
    """
    together: Counter[tuple[str, str]] = Counter()
    for left, right in pairs:
        together.update((normalise_title(left.venue), word) for word in _venue_words(right))
    lefts: Counter[str] = Counter()
    rights: Counter[str] = Counter()
    for (venue, word), n in together.items():
        lefts[venue] += n
        rights[word] += n
    total = sum(lefts.values()) or 1
    return {
        (venue, word): math.log((together[venue, word] + rights[word] / total) * total)
        - math.log((lefts[venue] + 1) * rights[word])
        for venue in lefts
        for word in rights
    }


def _venue_words(record: Record) -> set[str]:
    return set(normalise_title(record.venue or "").split())


def _affinity(left: Paper, right: Record, affinities: Affinities) -> float:
    venue = normalise_title(left.venue)
    values = [affinities.get((venue, word), 0.0) for word in _venue_words(right)]
    return 1 / (1 + math.exp(-max(-20, min(20, sum(values)))))


def features(left: Paper, right: Record, rarity: Rarity, affinities: Affinities) -> list[float]:
    """Return the numbers, each 0..1."""
    one, two = normalise_title(left.title), normalise_title(right.title)
    names = names_of(right)
    every = _everything(one, left.authors, left.venue), _everything(two, names, right.venue or "")
    years = _years(left.year, every[0]), _years(right.year, every[1])
    authors = compare_authors(left.authors, names)
    bags = [Counter(text.split()) for text in every]
    words = [[w for w in text.split() if not _YEAR.fullmatch(w)] for text in (one, two)]
    lag = min((abs(a - b) for a in years[0] for b in years[1]), default=None)
    surnames = _surnames(left.authors, every[1]), _surnames(names, every[0])
    sort = fuzz.token_sort_ratio(one, two) / 100
    whole = fuzz.token_sort_ratio(*every) / 100
    overlap = authors.shared / authors.fewer if authors.known else 0.5
    return [
        _affinity(left, right, affinities),
        sort,
        fuzz.ratio(one, two) / 100,
        fuzz.partial_ratio(one, two) / 100,
        fuzz.token_set_ratio(one, two) / 100,
        _soft_jaccard(*words),
        float(one == two),
        *_rare(words[0], words[1], rarity),
        float(_acronym(words[0]) == _acronym(words[1])),
        float(numbers_of(words[0]) != numbers_of(words[1])),
        overlap,
        float(authors.known),
        fuzz.token_sort_ratio(" ".join(left.authors).casefold(), " ".join(names).casefold()) / 100,
        float(lag == 0),
        float(lag is None),
        float(lag == 1),
        min(lag or 0, 5) / 5,
        float(other_venue(left.venue, right.venue)),
        whole,
        fuzz.token_set_ratio(*every) / 100,
        _common(*bags),
        _contained(words[0], bags[1]),
        _contained(words[1], bags[0]),
        surnames[0],
        surnames[1],
        float(is_generic(left.title) or is_generic(right.title)),
        min(len(words[0]), len(words[1]), 10) / 10,
    ]


def _everything(title: str, names: Sequence[str], venue: str) -> str:
    return f"{title} {normalise_title(' '.join(names))} {normalise_title(venue)}"


def _years(year: int | None, text: str) -> set[int]:
    return {year} if year else {int(found) for found in _YEAR.findall(text)}


def _soft_jaccard(left: Sequence[str], right: Sequence[str]) -> float:
    """Return the share of words in common, where a misspelt word counts by its likeness."""
    if not left or not right:
        return 0.0
    rest, total = list(right), 0.0
    for word in left:
        likeness = [fuzz.ratio(word, other) for other in rest]
        best = max(likeness, default=0)
        if best >= 80:
            total += best / 100
            del rest[likeness.index(best)]
    return total / (len(left) + len(right) - total)


def _rare(left: Sequence[str], right: Sequence[str], rarity: Rarity) -> tuple[float, ...]:
    """Return the weight of common words, and the rarest word that each side lacks."""
    unseen = rarity[""]
    only = [_odd(left, right), _odd(right, left)]
    lost = [max((rarity.get(word, unseen) for word in words), default=0.0) for words in only]
    weights = [sum(rarity.get(word, unseen) for word in words) for words in only]
    total = sum(rarity.get(word, unseen) for word in (*left, *right)) or 1.0
    return (
        1 - sum(weights) / total,
        min(lost),
        max(lost),
        min(weights[0] / 4, 1),
        min(weights[1] / 4, 1),
    )


def _odd(words: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the words that have no look-alike among the others."""
    joined = "".join(others)
    return [
        word
        for word in words
        if word not in others
        and not (len(word) > 4 and word in joined)
        and all(fuzz.ratio(word, other) < 80 for other in others)
    ]


def _acronym(words: Sequence[str]) -> str:
    return words[0] if words else ""


def _common(left: Counter[str], right: Counter[str]) -> float:
    return sum((left & right).values()) / max(1, min(left.total(), right.total()))


def _contained(words: Sequence[str], bag: Counter[str]) -> float:
    return sum(word in bag for word in words) / len(words) if words else 0.5


def _surnames(names: Sequence[str], text: str) -> float:
    """Return the share of authors whose surname is anywhere in the other record."""
    words = set(text.split())
    keys = [surname_keys(name) for name in names[:20]]
    keys = [key for key in keys if key]
    return sum(not key.isdisjoint(words) for key in keys) / len(keys) if keys else 0.5
