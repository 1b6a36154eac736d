"""The trained model of kinds and categories: how a text is counted, and what it suggests.

A text becomes counts of its words and of their parts, hashed into a fixed number of buckets: no
vocabulary is kept, so a model holds no words of anybody. Counts are weighed by how rare a bucket
is (TF-IDF) and go through a linear model with a softmax. Training (handlers/training.py) and
application count with the same function; application needs no library.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
import zlib
from array import array
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.facts import Code, Instant

BUCKETS: Final = 2**14
TEXT_CHARACTERS_MAX: Final = 600
"""What a request is about is said at its beginning; the rest would cost time and add little."""
CLASSES_MAX: Final = 50
"""With it a model stays below 3 MB of JSON."""
STEPS: Final = 32_767
"""Weights are kept in so many steps on either side of zero: 16 bits each."""

_WORD = re.compile(r"[^\W_]+")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")
_PART = 3


class Head(BaseModel):
    """One question that a model answers: its classes, and the weights of each."""

    model_config = ConfigDict(frozen=True)

    classes: Annotated[tuple[Code, ...], Field(min_length=2, max_length=CLASSES_MAX)]
    intercepts: tuple[float, ...]
    scales: tuple[float, ...]
    """Of each class: a weight is its step times this."""
    weights: tuple[str, ...]
    """Of each class: `BUCKETS` steps as 16-bit little-endian integers, in base64."""


class Model(BaseModel):
    """A trained model, as it is stored."""

    model_config = ConfigDict(frozen=True)

    version: Annotated[int, Field(ge=1)]
    tenant: Code
    trained_at: Instant
    samples: Annotated[int, Field(ge=1)]
    rarity_scale: float
    rarity: str
    """The inverse document frequency of each bucket, kept as `Head.weights` are."""
    kind: Head | None = None
    """None where there was too little to learn from."""
    category: Head | None = None


class Guess(BaseModel):
    """The most probable class, and how probable it is."""

    model_config = ConfigDict(frozen=True)

    value: Code
    probability: Annotated[float, Field(ge=0, le=1)]


class Suggestion(BaseModel):
    """What a model says of one text."""

    model_config = ConfigDict(frozen=True)

    version: int
    kind: Guess | None = None
    category: Guess | None = None


def counts(text: str) -> Mapping[int, int]:
    """Return how often each bucket is met in the beginning of a text.

    Latin and Cyrillic words count whole and by their parts of three letters; Chinese, Japanese
    and Korean by single characters and by pairs, for they are written without spaces. Numbers
    count as the same word: which one it is says nothing.
    """
    folded = unicodedata.normalize("NFKC", text[:TEXT_CHARACTERS_MAX]).casefold()
    return Counter(
        zlib.crc32(token.encode(errors="replace")) % BUCKETS for token in _tokens(folded)
    )


def _tokens(text: str) -> Iterator[str]:
    for run in _IDEOGRAPHS.findall(text):
        yield from run
        yield from (run[i : i + 2] for i in range(len(run) - 1))
    for word in _WORD.findall(_IDEOGRAPHS.sub(" ", text)):
        if word.isdecimal():
            yield "0"
            continue
        yield f"{word} "
        padded = f"<{word}>"
        if len(word) > _PART:
            yield from (padded[i : i + _PART] for i in range(len(padded) - _PART + 1))


def weighed(found: Mapping[int, int], rarity: Sequence[float]) -> dict[int, float]:
    """Return the vector of a text: of length one, or empty where nothing of it is known."""
    raw = {b: (1 + math.log(n)) * rarity[b] for b, n in found.items() if rarity[b]}
    length = math.sqrt(math.fsum(value * value for value in raw.values()))
    return {b: value / length for b, value in sorted(raw.items())} if length else {}


def packed(values: Sequence[float]) -> tuple[float, str]:
    """Return numbers as a scale and 16-bit steps in base64."""
    scale = max((abs(value) for value in values), default=0.0) / STEPS or 1.0
    steps = array("h", (round(value / scale) for value in values))
    if sys.byteorder == "big":
        steps.byteswap()
    return scale, b64encode(steps.tobytes()).decode("ascii")


def unpacked(scale: float, text: str) -> array[float]:
    """Return the numbers of `packed`.

    Raises:
        ValueError: the text is no such thing.
    """
    steps = array("h")
    steps.frombytes(b64decode(text, validate=True))
    if len(steps) != BUCKETS:
        message = f"{len(steps)} weights, not {BUCKETS}"
        raise ValueError(message)
    if sys.byteorder == "big":
        steps.byteswap()
    return array("d", (step * scale for step in steps))


class _Answers:
    """One head, ready to be asked."""

    def __init__(self, head: Head) -> None:
        self._classes = head.classes
        self._intercepts = head.intercepts
        self._weights = [
            unpacked(scale, text) for scale, text in zip(head.scales, head.weights, strict=True)
        ]

    def guess(self, vector: Mapping[int, float]) -> Guess:
        """Return the most probable class; of two equals the first."""
        scores = [
            intercept + sum(weights[b] * value for b, value in vector.items())
            for intercept, weights in zip(self._intercepts, self._weights, strict=True)
        ]
        top = max(scores)
        best = scores.index(top)
        probability = 1 / math.fsum(math.exp(score - top) for score in scores)
        return Guess(value=self._classes[best], probability=round(probability, 4))


class Learned:
    """A model, ready to be asked. Holds no state that asking changes."""

    def __init__(self, model: Model) -> None:
        """Unpack a model.

        Raises:
            ValueError: its weights are not what they should be.
        """
        self.version = model.version
        self._rarity = unpacked(model.rarity_scale, model.rarity)
        self._kind = _Answers(model.kind) if model.kind else None
        self._category = _Answers(model.category) if model.category else None

    def suggest(self, *, subject: str, text: str) -> Suggestion | None:
        """Return what a request seems to be; None where the model knows nothing of its words."""
        vector = weighed(counts(f"{subject}\n{text}"), self._rarity)
        if not vector:
            return None
        return Suggestion(
            version=self.version,
            kind=self._kind.guess(vector) if self._kind else None,
            category=self._category.guess(vector) if self._category else None,
        )
