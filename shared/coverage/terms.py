"""What is asked of the agents who may take a request, and what becomes possible as it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.coverage.conditions import Value
from shared.coverage.reserves import Room
from shared.organisation.routing import LanguageNeed
from shared.organisation.routing_rules import Course
from shared.organisation.words import ChannelName


@dataclass(frozen=True, slots=True)
class Stage:
    """What becomes possible once a request has waited for so long."""

    after: int
    """Seconds."""
    languages: tuple[str, ...]
    """What will do instead of the request's own."""
    any_language: bool
    ring: tuple[str, ...]
    """Desks and queues whose agents may take it, too."""
    optional: tuple[tuple[str, int], ...] = ()
    """What is still asked for until a later stage."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of the agents at one desk."""

    skills: tuple[tuple[str, int], ...] = ()
    optional: tuple[tuple[str, int], ...] = ()
    """Skills, or levels above those, that drop out as a request grows old."""
    speaks: bool = False
    """Whether the request's language is required."""
    weight: int = 0
    """What the work takes of a capacity; 0 where it fits into that of anybody."""
    channel: ChannelName | None = None
    """Where some agent has too little capacity for the channel."""
    load: int = 0
    """The weight of the work, where it may not use room that is kept for graver work."""
    open_at_least: int = 0
    """So many seconds the desk must still be open."""
    stages: tuple[Stage, ...] = ()
    """In order of their times."""


Opened = tuple[tuple[str, bool], ...]
"""Calendars, each with whether it is open."""


@dataclass(frozen=True, slots=True)
class Want:
    """What requests ask for, by candidate desk, and for which requests that is."""

    terms: tuple[Terms, ...]
    """In the order of `Candidates.every_desk`."""
    rules: tuple[str, ...] = ()
    """The rules that say so; empty where none asks for anything."""
    language: str | None = None
    """The requests' language, where a rule requires it and nobody asked for one."""
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    """Field to values, of those that do not hold for all requests; None is a request without."""
    hours: tuple[Opened, ...] = ()
    """It holds only while calendars are as one of these says; none: at any time."""
    undecided: bool = False
    kept: tuple[Room, ...] = ()
    """The room that may not be used."""

    @property
    def asks_nothing(self) -> bool:
        """Whether anybody of the desks will do."""
        return all(terms == NOTHING for terms in self.terms)

    def concerns(self, priorities: Sequence[str]) -> bool:
        """Return whether it is for requests of one of some priorities; none are all."""
        held = dict(self.when).get("priority")
        return not priorities or held is None or any(p in held for p in priorities)


NOTHING: Final = Terms()


def stages_of(course: Course, group: str) -> tuple[Stage, ...]:
    """Return what a rule lets pass as a request grows old."""
    said: LanguageNeed = course.rule.language
    found: list[Stage] = []
    for seconds in sorted({step.seconds for step in course.steps}):
        languages = tuple(f.language for f in said.fallbacks if f.after <= seconds)
        anyone = said.any_after is not None and said.any_after <= seconds
        ring = tuple(
            dict.fromkeys(
                name
                for each in course.rule.overflow
                if each.after <= seconds
                for name in each.desks
                if name != group
            )
        )
        stage = Stage(seconds, languages, anyone, ring, optional_at(course, seconds))
        last = (
            found[-1]
            if found
            else Stage(0, (), any_language=False, ring=(), optional=optional_at(course, 0))
        )
        if replace(stage, after=last.after) != last:
            found.append(stage)
    return tuple(found)


def optional_at(course: Course, age: int) -> tuple[tuple[str, int], ...]:
    """Return the skills that a rule asks for at an age beyond those that it requires."""
    need = course.need(age_seconds=age, desk="", language="")
    required = course.rule.skills
    return tuple((skill, level) for skill, level in need.skills if level > required.get(skill, 0))
