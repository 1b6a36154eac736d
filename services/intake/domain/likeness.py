"""How alike requests are in what they are about: rare words count, common ones do not. Pure.

Words are weighted by how rare they are among the tenant's earlier requests (Spärck Jones, 1972),
and requests are compared by the cosine of their weighted words (Salton, 1975). Inflected words and
German compounds meet in their beginning; Chinese and Japanese, which nobody spaces, are pairs of
characters.

People tell of one cause in different words, and each two of them may share little. So a burst
grows: from what one request shares with others comes the burst's own core, the words that several
of them use, and that core says who belongs to it (pseudo-relevance feedback, Rocchio, 1971).
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from services.intake.domain.similarity import CHARACTERS_MAX, WORDS_MAX, base_subject, tokens
from services.intake.domain.stopwords import STOP_SIGNS, STOP_WORDS
from shared.contracts.facts import Id, Instant

WORD_CHARACTERS_MAX: Final = 40
STEM_CHARACTERS: Final = 5
"""So far two words have to be alike: connect, connecting, connection; Drucker, druckt."""
SMOOTHING: Final = 10
"""So many requests more, each of other words, are thought to be known: nothing is infinitely rare."""
KNOWN_MIN: Final = 20
"""Below so many earlier requests nobody can say what is rare: what all of them say, as a form
does, must not pass for it. Those that are compared count as well, have to be nearly the same, and
no burst grows."""
NEW_DESK_SIMILARITY: Final = 0.7
SEED_SHARE: Final = 0.6
"""Of the similarity that is asked for: with so much a request is taken into a burst's beginning."""
SEED_WORDS_MAX: Final = 20
"""Of the request, the weightiest ones: the others would not bring anybody in."""
SEEDS_MAX: Final = 50
"""The most alike ones make the core: more would not change it, only cost."""
ROUNDS_MAX: Final = 3
CORE_SHARE: Final = 0.2
CORE_WORDS_MAX: Final = 12
"""The core: words that a fifth of the burst uses, and at least two requests, the weightiest ones."""
ONE_WORD_SIMILARITY: Final = 0.5
"""Who shares one word of the core only, the product's name perhaps, has to say little else."""
SHOWN_WORDS_MAX: Final = 5
DIGITS_MIN: Final = 3
"""A shorter number is an hour or a floor, a longer one perhaps an error's."""
COMMON_SHARE: Final = 0.2
"""What a fifth of all requests say is said of everything: it only costs."""
TERMS_MAX: Final = 60
"""Of a request: what it is about is said at its beginning."""
VECTORS_MAX: Final = 5_000
"""Of requests that are compared again and again while they are among the newest."""

Vector = Mapping[str, float]
"""Words with their weights, of length 1."""
Scores = dict[int, tuple[float, int]]
"""By position: how alike, and in how many words."""


class Likeness(BaseModel):
    """What is kept of a request's words, to find those that look like it."""

    model_config = ConfigDict(frozen=True)

    id: Id
    """The ticket."""
    tenant: str
    contact: Id
    at: Instant
    terms: tuple[str, ...] = ()
    """Its words in their order, each once, without those that say nothing."""
    beside: Id | None = None
    """A ticket that it may belong to, whatever the words."""

    @property
    def age(self) -> tuple[Instant, str]:
        """What requests are ordered by."""
        return (self.at, self.id)


@dataclass(frozen=True, slots=True)
class Burst:
    """Requests that look as if they had one cause: the new one and those before it."""

    rows: tuple[Likeness, ...]
    similarity: float
    """The least with which one of them belongs to it."""
    words: tuple[str, ...]
    """What they share, the weightiest first."""


def terms_of(subject: str, text: str) -> tuple[str, ...]:
    """Return the words that say what a request is about."""
    whole = unicodedata.normalize("NFKC", f"{base_subject(subject)}\n{text[:CHARACTERS_MAX]}")
    said = dict.fromkeys(t for t in tokens(whole.casefold(), limit=WORDS_MAX) if _says(t))
    return tuple(word[:WORD_CHARACTERS_MAX] for word in said)[:TERMS_MAX]


def _says(word: str) -> bool:
    if word in STOP_WORDS or (word.isdecimal() and len(word) < DIGITS_MIN):
        return False
    if word[0] < "\u3040":
        return len(word) > 1
    kana = all("\u3040" <= sign <= "\u309f" for sign in word)
    return not kana and not any(sign in STOP_SIGNS for sign in word)


def stem(word: str) -> str:
    """Return as what a word is compared."""
    return word[:STEM_CHARACTERS]


class Rarity:
    """How rare words are among a tenant's earlier requests."""

    def __init__(self, rows: Iterable[Likeness] = ()) -> None:
        self._requests = 0
        self._with: Counter[str] = Counter()
        self._vectors: dict[str, Vector] = {}
        self._earlier = True
        self._count(rows)

    def _count(self, rows: Iterable[Likeness]) -> None:
        for row in rows:
            self._requests += 1
            self._with.update({stem(term) for term in row.terms})

    @property
    def known(self) -> bool:
        """Whether enough earlier requests are known."""
        return self._requests >= KNOWN_MIN

    def among(self, rows: Iterable[Likeness]) -> Rarity:
        """Return the rarity with which these are compared, where few were known before them."""
        if self.known:
            return self
        both = Rarity(rows)
        both._earlier = False
        both._requests += self._requests
        both._with.update(self._with)
        return both

    def weight(self, stemmed: str) -> float:
        """Return a word's weight, above 0."""
        return math.log((self._requests + SMOOTHING) / (self._with[stemmed] + 1))

    def vector(self, row: Likeness) -> Vector:
        """Return a request's weighted words; of one that was asked for before it is known."""
        found = self._vectors.get(row.id)
        if found is None:
            if len(self._vectors) >= VECTORS_MAX:
                self._vectors.clear()
            # At a new desk the burst itself is counted: its words must not go.
            share = COMMON_SHARE if self._earlier else 1.0
            most = self._requests * share + SMOOTHING
            words = [w for w in map(stem, row.terms) if self._with[w] <= most]
            found = self._vectors[row.id] = _normal({word: self.weight(word) for word in words})
        return found


class Compared:
    """Requests that are compared with each other."""

    def __init__(self, rows: Sequence[Likeness], rarity: Rarity) -> None:
        self._rows = rows
        weights = rarity.among(rows)
        self._known = rarity.known
        self._vectors = [weights.vector(row) for row in rows]
        self._places: dict[str, list[tuple[int, float]]] = {}
        for position, vector in enumerate(self._vectors):
            for word, weight in vector.items():
                self._places.setdefault(word, []).append((position, weight))
        self._position = {row.id: position for position, row in enumerate(rows)}

    def alike(
        self, new: Likeness, where: Callable[[Likeness], bool], *, similarity_min: float
    ) -> list[tuple[Likeness, float, tuple[str, ...]]]:
        """Return who is as alike as that, with how much and the words that both use."""
        position = self._position[new.id]
        mine = self._vectors[position]
        least = similarity_min if self._known else max(similarity_min, NEW_DESK_SIMILARITY)
        found = []
        for other, row in enumerate(self._rows):
            if other == position or not where(row):
                continue
            theirs = self._vectors[other]
            shared = {
                word: weight * theirs[word] for word, weight in mine.items() if word in theirs
            }
            score = sum(shared.values())
            if shared and score >= least:
                found.append((row, _rounded(score), self._shown(shared, [row, new])))
        return found

    def burst(
        self, new: Likeness, where: Callable[[Likeness], bool], *, similarity_min: float
    ) -> Burst | None:
        """Return the burst that a request belongs to; None where it is alone.

        Args:
            new: one of the requests that are compared.
            where: who else may belong to it.
            similarity_min: of each to the burst's core.
        """
        position = self._position[new.id]
        able = [p == position or where(row) for p, row in enumerate(self._rows)]
        mine = self._vectors[position]
        if self._known:
            seeds = self._scores(_weightiest(mine, SEED_WORDS_MAX), able)
            seeds_min, rounds = SEED_SHARE * similarity_min, ROUNDS_MAX
        else:
            seeds = self._scores(mine, able)
            seeds_min, rounds = max(similarity_min, NEW_DESK_SIMILARITY), 0
        members = {p: score for p, (score, _) in seeds.items() if score >= seeds_min}
        members[position] = 1.0
        core = self._core(members)
        for _ in range(rounds):
            belong = {
                p: score
                for p, (score, words) in self._scores(core, able).items()
                if score >= (similarity_min if words > 1 else ONE_WORD_SIMILARITY)
            }
            settled = belong.keys() == members.keys()
            members = belong
            if settled:
                break
            core = self._core(members)
        if position not in members or members.keys() == {position}:
            return None
        rows = sorted((self._rows[p] for p in members), key=lambda row: row.age)
        return Burst(
            rows=tuple(rows),
            similarity=_rounded(min(members.values())),
            words=self._shown(core, rows[:SEEDS_MAX]),
        )

    def _scores(self, vector: Vector, able: Sequence[bool]) -> Scores:
        scores = [0.0] * len(self._rows)
        words = [0] * len(self._rows)
        for word, weight in vector.items():
            for position, other in self._places.get(word, ()):
                scores[position] += weight * other
                words[position] += 1
        return {p: (scores[p], n) for p, n in enumerate(words) if n and able[p]}

    def _core(self, members: Mapping[int, float]) -> Vector:
        nearest = sorted(members, key=lambda p: (-members[p], p))[:SEEDS_MAX]
        weights: dict[str, float] = {}
        users: Counter[str] = Counter()
        for position in nearest:
            for word, weight in self._vectors[position].items():
                weights[word] = weights.get(word, 0.0) + weight
                users[word] += 1
        least = max(2.0, CORE_SHARE * len(nearest))
        used = {word: weight for word, weight in weights.items() if users[word] >= least}
        return _normal(_weightiest(used, CORE_WORDS_MAX))

    @staticmethod
    def _shown(vector: Vector, rows: Sequence[Likeness]) -> tuple[str, ...]:
        """Return the weightiest words as they are written most."""
        first = list(_weightiest(vector, SHOWN_WORDS_MAX))
        forms: dict[str, Counter[str]] = {word: Counter() for word in first}
        for row in rows:
            for term in row.terms:
                if stem(term) in forms:
                    forms[stem(term)][term] += 1
        return tuple(forms[word].most_common(1)[0][0] for word in first if forms[word])


def _weightiest(vector: Vector, words_max: int) -> Vector:
    return dict(sorted(vector.items(), key=lambda item: (-item[1], item[0]))[:words_max])


def _rounded(score: float) -> float:
    return min(1.0, round(score, 6))


def _normal(weights: Vector) -> Vector:
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {word: weight / length for word, weight in weights.items()} if length else {}
