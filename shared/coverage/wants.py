"""What the routing rules ask of the agents who may take a request, at each desk that may hold it.

The same request may meet another rule at another desk, since conditions may name the desk. A want
therefore holds the terms of every candidate desk. Rules that ask for nothing make no want of their
own: without rules there is one, which asks for nothing.

Requests of one scope differ in what no scope knows, such as kind and priority. Of these every value
that conditions tell apart is looked at. Where that would be too many combinations, or where a
condition depends on a text that nobody can list, the want is *undecided*: it asks for all that any
rule would ask for which may match.

Where rules have hours, requests may ask for one thing while a calendar is open and for another
while it is closed. A want then holds for some time only: it names the states of the calendars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from shared.coverage.conditions import (
    BY_SCOPE,
    Choices,
    Facts,
    Rule,
    Rulings,
    Value,
    combinations,
    hours_field,
)
from shared.coverage.demands import Candidates, RequestScope
from shared.coverage.reserves import Room, Rooms, kept_from
from shared.coverage.terms import NOTHING, Opened, Terms, Want, optional_at, stages_of
from shared.organisation import Configuration
from shared.organisation.routing import WEIGHT_MAX
from shared.organisation.routing_rules import Course, calendars_of
from shared.organisation.topologies.scope import ANY
from shared.organisation.words import ChannelName

LABELLED: Final[tuple[str, ...]] = ("priority", "kind")
"""The first fields by which a want tells for which requests it is."""


class _Asked(NamedTuple):
    """What tells one want from another, but for the time at which it holds."""

    terms: tuple[Terms, ...]
    language: str | None
    undecided: bool
    kept: tuple[Room, ...]


class Wants:
    """What is wanted of whom under one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.rulings = Rulings(configuration)
        self._rooms = Rooms(configuration)
        able = [agent for agent in configuration.all_agents() if agent.capacity > 0]
        self._least = min((agent.capacity for agent in able), default=WEIGHT_MAX)
        self._by_channel: dict[str, int] = {}
        for agent in able:
            for channel, room in agent.capacity_by_channel.items():
                self._by_channel[channel] = min(room, self._by_channel.get(channel, room))
        self._known: dict[tuple[object, ...], tuple[Want, ...]] = {}

    @property
    def limited_channels(self) -> frozenset[str]:
        """The channels for which some agent has a capacity of its own."""
        return frozenset(self._by_channel)

    def of(
        self, scope: RequestScope, candidates: Candidates, language: str | None
    ) -> tuple[Want, ...]:
        """Return what requests of a scope ask for, in a language or in whichever they are."""
        facts = self._facts(scope)
        letters = tuple((f, self.rulings.letter(f, facts[f])) for f in sorted(facts))
        channel = scope.channels[0] if scope.channels[0] in self._by_channel else None
        asked = language if self._asks_language else None
        key = (candidates, letters, channel, asked)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(facts, candidates, language, channel)
        return known

    def joined(self, several: Sequence[Want]) -> Want:
        """Return wants of the same terms as one: for the requests of any of them."""
        if len(several) == 1:
            return several[0]
        whens = [dict(want.when) for want in several]
        when = []
        for field in whens[0]:
            if all(field in each for each in whens):
                held = {value for each in whens for value in each[field]}
                ordered = [
                    value
                    for stands in self.rulings.choices(field).members.values()
                    for value in stands
                ]
                if not held.issuperset(ordered):
                    when.append((field, tuple(value for value in ordered if value in held)))
        rules = sorted({name for want in several for name in want.rules})
        return replace(several[0], rules=tuple(rules), when=tuple(when))

    @property
    def _asks_language(self) -> bool:
        return "language" in self.rulings.fields or any(
            rule.course.rule.language.required for rule in self.rulings.rules
        )

    def _facts(self, scope: RequestScope) -> Facts:
        place = scope.places[0]
        country = self._configuration.country_of(region=place.region, site=place.site)
        return {
            "channel": scope.channels[0],
            "service": scope.services[0],
            "region": place.region,
            "site": place.site,
            "business": scope.businesses[0],
            "country": country,
        }

    def _held(self, facts: Facts, candidates: Candidates) -> list[Facts]:
        """Return the facts of a request with those of each desk that may hold it."""
        return [
            {
                **facts,
                "desk": desk,
                "tier": self._configuration.desk(desk).tier,
                "queue": candidates.queue,
            }
            for desk in candidates.every_desk
        ]

    def rules_at(
        self, scope: RequestScope, candidates: Candidates
    ) -> Iterator[tuple[str, list[Rule]]]:
        """Yield each desk or queue that may hold a request, and the rules that may take it."""
        held = self._held(self._facts(scope), candidates)
        for group, at in zip(self._groups(candidates), held, strict=True):
            yield group, self.rulings.relevant(at, None)

    def _find(
        self,
        facts: Facts,
        candidates: Candidates,
        language: str | None,
        channel: ChannelName | None,
    ) -> tuple[Want, ...]:
        held = self._held(facts, candidates)
        relevant = [self.rulings.relevant(at, language) for at in held]
        rules = list(dict.fromkeys(rule for of_desk in relevant for rule in of_desk))
        kept = self._near(candidates, rules)
        choices = self._choices(rules, language, graded=bool(kept))
        calendars = calendars_of(rule.course for rule in rules)
        by_hours = [self.rulings.choices(hours_field(name)) for name in calendars]
        combined = combinations([*choices, *by_hours])
        if combined is None:
            return (self._undecided(relevant, candidates, language, channel, kept),)
        found: dict[_Asked, list[tuple[Facts, set[str]]]] = {}
        for more in combined:
            spoken = more.get("language")
            courses = [
                self.rulings.possible({**at, **more}, of_desk)
                for at, of_desk in zip(held, relevant, strict=True)
            ]
            priority = more.get("priority")
            room = kept_from(kept, str(priority)) if kept else ()
            terms = tuple(
                self._terms(several, group, [more.get("kind")], channel, loads=bool(room))
                for several, group in zip(courses, self._groups(candidates), strict=True)
            )
            speaks = language is None and any(each.speaks for each in terms)
            undecided = any(len(several) > 1 for several in courses)
            named = {c.name for several in courses for c in several if c.name and _asks(c)}
            key = _Asked(terms, str(spoken) if speaks and spoken else None, undecided, room)
            found.setdefault(key, []).append((more, named))
        return tuple(
            Want(
                terms=terms,
                rules=tuple(sorted({name for _, named in group for name in named}))
                if any(each != NOTHING for each in terms)
                else (),
                language=spoken,
                when=_when([more for more, _ in group], choices),
                hours=hours,
                undecided=undecided and any(each != NOTHING for each in terms),
                kept=room,
            )
            for (terms, spoken, undecided, room), every in found.items()
            for hours, group in _by_hours(every, choices, calendars)
        )

    def _groups(self, candidates: Candidates) -> tuple[str, ...]:
        """Return the queue or the desks that hold the work."""
        return candidates.every_desk if candidates.queue is None else (candidates.queue,)

    def _near(self, candidates: Candidates, rules: Iterable[Rule]) -> tuple[Room, ...]:
        """Return the room that desks keep for grave work, and these requests could touch."""
        if not self._rooms.all:
            return ()
        several = [rule.course.rule for rule in rules]
        rings = (name for rule in several for ring in rule.overflow for name in ring.desks)
        weights = [*self._configuration.routing.weights.values()]
        weights += [rule.weight for rule in several if rule.weight is not None]
        groups = (*self._groups(candidates), *rings)
        return self._rooms.near(groups, weight=max((1, *weights)))

    def _choices(
        self, rules: Iterable[Rule], language: str | None, *, graded: bool
    ) -> list[Choices]:
        several = list(rules)
        fields = {field for rule in several for field in rule.fields} - BY_SCOPE
        if self._weighs([self.rulings.default, *(rule.course for rule in several)]):
            fields.add("kind")
        if graded:
            fields |= {"priority", "kind"} if self._configuration.routing.weights else {"priority"}
        if any(rule.course.rule.language.required for rule in several):
            fields.add("language")
        ordered = [field for field in LABELLED if field in fields]
        ordered += sorted(fields - set(ordered))
        return [self.rulings.choices(field, language) for field in ordered]

    def _weighs(self, courses: Iterable[Course]) -> bool:
        """Return whether the weight of a kind may be too much for anybody."""
        weights = self._configuration.routing.weights
        least = min((self._least, *self._by_channel.values()))
        return max(weights.values(), default=1) > least and any(
            course.rule.weight is None for course in courses
        )

    def _undecided(
        self,
        relevant: Sequence[Sequence[Rule]],
        candidates: Candidates,
        language: str | None,
        channel: ChannelName | None,
        kept: tuple[Room, ...],
    ) -> Want:
        """Return all that may be asked for, as there is too much to look at each."""
        kinds = list(self.rulings.choices("kind").members)
        terms = []
        named: set[str] = set()
        for of_desk, group in zip(relevant, self._groups(candidates), strict=True):
            courses = [*(rule.course for rule in of_desk), self.rulings.default]
            terms.append(self._terms(courses, group, kinds, channel, loads=bool(kept)))
            named |= {course.name for course in courses if course.name and _asks(course)}
        spoken = None
        if language is None and any(each.speaks for each in terms):
            # Whoever speaks them all will do for any.
            spoken = ANY
        return Want(tuple(terms), tuple(sorted(named)), spoken, (), undecided=True, kept=kept)

    def _terms(
        self,
        courses: Sequence[Course],
        group: str,
        kinds: Sequence[Value],
        channel: ChannelName | None,
        *,
        loads: bool,
    ) -> Terms:
        """Return what a rule asks for at a desk; of several, all that any of them requires."""
        skills: dict[str, int] = {}
        for course in courses:
            for skill, level in course.rule.skills.items():
                skills[skill] = max(level, skills.get(skill, 0))
        weight = max(
            self.rulings.book.weight(str(kind or ""), course)
            for course in courses
            for kind in kinds
        )
        limit = self._by_channel.get(channel, weight) if channel is not None else weight
        binds = weight > self._least or weight > limit
        alone = courses[0] if len(courses) == 1 else None
        return Terms(
            skills=tuple(sorted(skills.items())),
            optional=optional_at(alone, 0) if alone is not None else (),
            speaks=any(course.rule.language.required for course in courses),
            weight=weight if binds else 0,
            channel=channel if weight > limit else None,
            load=weight if loads else 0,
            open_at_least=max(course.rule.open_at_least or 0 for course in courses),
            stages=stages_of(alone, group) if alone is not None else (),
        )


def _asks(course: Course) -> bool:
    """Return whether a rule says anything about who may take a request."""
    rule = course.rule
    return bool(
        rule.skills
        or rule.optional_skills
        or rule.language.required
        or rule.weight is not None
        or rule.open_at_least
        or rule.overflow
    )


def _by_hours(
    every: Sequence[tuple[Facts, set[str]]],
    choices: Sequence[Choices],
    calendars: Sequence[str],
) -> Iterator[tuple[tuple[Opened, ...], list[tuple[Facts, set[str]]]]]:
    """Yield the combinations that ask for the same at the same times, and those times."""
    times: dict[tuple[Value, ...], list[Opened]] = {}
    for more, _ in every:
        opened = tuple((name, more[hours_field(name)] is True) for name in calendars)
        times.setdefault(tuple(more[each.field] for each in choices), []).append(opened)
    groups: dict[tuple[Opened, ...], list[tuple[Facts, set[str]]]] = {}
    for more, named in every:
        when = tuple(times[tuple(more[each.field] for each in choices)])
        always = len(when) == 2 ** len(calendars)
        groups.setdefault(() if always else when, []).append((more, named))
    yield from groups.items()


def _when(
    group: Sequence[Facts], choices: Sequence[Choices]
) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    """Return the values of each field that the combinations have, where they do not have all."""
    found = []
    for each in choices:
        held = {more[each.field] for more in group}
        if len(held) < len(each.members):
            values: list[Value] = []
            members: Mapping[Value, tuple[Value, ...]] = each.members
            for value in members:
                if value in held:
                    values += members[value]
            found.append((each.field, tuple(values)))
    return tuple(found)
