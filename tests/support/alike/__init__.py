"""Requests as people write them, labelled by hand, and how well bursts are found among them.

``python -m tests.support.alike`` prints the figures, and the cross validation that the shipped
thresholds come from. The texts were written before anything was measured, and are not corrected.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from services.intake.domain.likeness import Compared, Likeness, Rarity, terms_of
from services.intake.domain.proposals import mass
from services.intake.domain.similarity import similarity, words_of
from shared.organisation.intake import DuplicatePolicy

HERE = Path(__file__).parent
LANGUAGES = ("en", "de", "zh")
T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BESIDE = 20
"""Other requests within the window of a burst, and those that are near it."""
QUIET = 30
"""Requests within a window in which nothing is wrong."""


@dataclass(frozen=True)
class Labelled:
    """A request, and the incident that it is about or only near."""

    language: str
    incident: str
    near: str
    subject: str
    text: str


@dataclass(frozen=True)
class Window:
    """What comes in within half an hour, and what came before."""

    language: str
    incident: str
    rows: tuple[Labelled, ...]
    earlier: tuple[Labelled, ...]


@dataclass
class Figures:
    """What was proposed, summed up over windows."""

    incidents: int = 0
    found: int = 0
    quiet: int = 0
    disturbed: int = 0
    right: int = 0
    wrong: int = 0
    near: int = 0
    """Those among the wrong ones that are about the same product."""
    told: int = 0

    @property
    def precision(self) -> float:
        """The share of what was proposed that belongs there."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of what belongs there that was proposed."""
        return self.right / max(1, self.told)

    @property
    def value(self) -> float:
        """F1, less for each quiet window in which something was proposed."""
        both = self.precision + self.recall
        return (2 * self.precision * self.recall / both if both else 0.0) - (
            self.disturbed / max(1, self.quiet)
        )

    def __str__(self) -> str:
        """Return them in one line."""
        return (
            f"precision {self.precision:.2f} (strangers aside near ones: {self.wrong - self.near} of "
            f"{self.right + self.wrong}), recall {self.recall:.2f}, incidents "
            f"{self.found}/{self.incidents}, quiet windows disturbed {self.disturbed}/{self.quiet}"
        )


@cache
def labelled(language: str) -> tuple[Labelled, ...]:
    """Return the requests of a language."""
    rows: list[Labelled] = []
    section = ""
    for line in (HERE / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            section = line[2:]
        elif line and not line.startswith("#"):
            parts = [part.strip() for part in line.split("|")]
            near = parts.pop(0) if section == "near" else ""
            incident = "" if section in {"near", "everyday"} else section
            rows.append(Labelled(language, incident, near, *parts))
    return tuple(rows)


def windows(*, seeds: Sequence[int] = (0, 1, 2), earlier_max: int | None = None) -> list[Window]:
    """Return for each incident a window with it and all that is near it; and quiet ones."""
    made: list[Window] = []
    for language in LANGUAGES:
        rows = labelled(language)
        elsewhere = [r for o in LANGUAGES if o != language for r in labelled(o) if not r.incident]
        for seed in seeds:
            chance = random.Random(seed)  # noqa: S311 - no secret
            for incident in sorted({r.incident for r in rows} - {""}):
                told = [r for r in rows if incident in {r.incident, r.near}]
                others = [r for r in rows if not r.incident and r.near != incident]
                chance.shuffle(others)
                inside = [*told, *others[:BESIDE]]
                chance.shuffle(inside)
                earlier = [*others[BESIDE:], *elsewhere][:earlier_max]
                made.append(Window(language, incident, tuple(inside), tuple(earlier)))
            others = [r for r in rows if not r.incident]
            chance.shuffle(others)
            earlier = [*others[QUIET:], *elsewhere][:earlier_max]
            made.append(Window(language, "", tuple(others[:QUIET]), tuple(earlier)))
    return made


def likeness(row: Labelled, number: int, *, at: datetime) -> Likeness:
    """Return what a request is found by; each is of another contact."""
    return Likeness(
        id=f"t{number:04d}",
        tenant="main",
        contact=f"c{number}",
        at=at,
        terms=terms_of(row.subject, row.text),
    )


def proposed(window: Window, policy: DuplicatePolicy) -> set[int]:
    """Return which requests of a window are proposed in the end, each looked at when it comes."""
    before = T0 - timedelta(hours=1)
    rarity = Rarity(likeness(r, n + 5_000, at=before) for n, r in enumerate(window.earlier))
    rows = [
        likeness(row, number, at=T0 + timedelta(seconds=20 * number))
        for number, row in enumerate(window.rows)
    ]
    found: set[int] = set()
    for number, row in enumerate(rows):
        proposal = mass(row, Compared(rows[: number + 1], rarity), policy, known={})
        if proposal is not None:
            found |= {int(ticket[1:]) for ticket in proposal.tickets}
    return found


def proposed_before(window: Window, policy: DuplicatePolicy) -> set[int]:
    """Return what was proposed while all words weighed the same, were everything compared."""
    words = [words_of(row.subject, row.text) for row in window.rows]
    found: set[int] = set()
    for number in range(len(words)):
        alike = {
            n
            for n in range(number)
            if similarity(words[number], words[n]) >= policy.mass_similarity
        }
        if len(alike) + 1 >= policy.mass_requests:
            found |= alike | {number}
    return found


def figures(
    found: Iterator[tuple[Window, set[int]]], *, requests_min: int = DuplicatePolicy().mass_requests
) -> Figures:
    """Sum up what was proposed."""
    total = Figures()
    for window, numbers in found:
        rows = [window.rows[n] for n in numbers]
        if not window.incident:
            total.quiet += 1
            total.disturbed += bool(rows)
            continue
        right = sum(row.incident == window.incident for row in rows)
        total.incidents += 1
        total.found += right >= requests_min
        total.right += right
        total.wrong += len(rows) - right
        total.near += sum(row.near == window.incident for row in rows)
        total.told += sum(row.incident == window.incident for row in window.rows)
    return total


def measured(
    made: Sequence[Window],
    policy: DuplicatePolicy,
    *,
    by: Callable[[Window, DuplicatePolicy], set[int]] = proposed,
) -> Figures:
    """Return how well bursts are found in windows."""
    return figures((window, by(window, policy)) for window in made)
