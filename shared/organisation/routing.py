"""Section ``routing``: who may be given a ticket, who is first, and what is kept for grave faults.

Every duration here is elapsed time since the ticket entered the queue, open or not: a ticket that
waits over night goes to the wider ring at night, where somebody is awake.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.expressions import FieldType, compile_condition
from shared.organisation.places import Skills
from shared.organisation.routing_offers import Offers, Picking, Reclaim
from shared.organisation.words import KindName, Language, Model, Name, WaitSeconds

ROUTING_FIELDS: Final[dict[str, FieldType]] = {
    "kind": "string",
    "channel": "string",
    "category": "string",
    "service": "string",
    "configuration_item": "string",
    "priority": "string",
    "impact": "string",
    "urgency": "string",
    "region": "string",
    "site": "string",
    "language": "string",
    "integration": "string",
    "contact_level": "string",
    "desk": "string",
    "tier": "int",
    "vip": "bool",
    "reopened": "bool",
    "queue": "string",
    "business": "string",
    "country": "string",
    "tags": "strings",
}
"""The fields of a waiting ticket that a rule may ask for."""

RULES_MAX: Final = 1_000
ASSIGNMENTS_PER_MINUTE_MAX: Final = 100
"""A ramp that allows more than this in a minute is none."""


def _compiles(text: str) -> str:
    compile_condition(text, ROUTING_FIELDS)
    return text


RuleText = Annotated[
    str,
    Field(max_length=4_000, description="A CEL expression over the fields of a waiting ticket."),
    AfterValidator(_compiles),
]

WEIGHT_MAX: Final = 1_000
Weight = Annotated[int, Field(ge=1, le=WEIGHT_MAX)]
"""How much of an agent's capacity a ticket takes."""


class OptionalSkill(Model):
    """A skill that is asked for until the ticket has waited for so long."""

    skill: Name
    level: Annotated[int, Field(ge=1, le=5)] = 1
    after: WaitSeconds


class FallbackLanguage(Model):
    """A language in which the ticket may be worked on once it has waited for so long."""

    language: Language
    after: WaitSeconds


class LanguageNeed(Model):
    """Whether the agent must speak the ticket's language, and what will do instead, and when."""

    required: bool = False
    """False: who speaks it comes first, and nobody waits for them."""
    fallbacks: Annotated[tuple[FallbackLanguage, ...], Field(max_length=20)] = ()
    """Among these the order is that of the list, whatever the times."""
    any_after: WaitSeconds | None = None
    """When the language matters no more; None: it always does."""

    @model_validator(mode="after")
    def _only_where_required(self) -> Self:
        if not self.required and (self.fallbacks or self.any_after is not None):
            message = "fallbacks and any_after need required: true; without it nobody waits"
            raise ValueError(message)
        return self


class Affinity(Model):
    """Who knows the ticket already: the first of these who can be found comes first."""

    to: Annotated[
        tuple[Literal["solver", "last-agent"], ...], Field(min_length=1, max_length=2)
    ] = ("solver", "last-agent")
    """``solver`` resolved it before it was reopened; ``last-agent`` had it last."""
    wait: WaitSeconds
    """For so long it waits for that agent alone, while the agent is signed in."""


class Ring(Model):
    """Further desks, or queues of desks, whose agents may take what has waited for so long."""

    after: WaitSeconds
    desks: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]


class Ageing(Model):
    """A waiting ticket rises by one priority each time it has waited for so long."""

    after: WaitSeconds
    best: Literal["P2", "P3", "P4"] = "P2"
    """Never above this, so that grave faults stay first."""


class RoutingRule(Model):
    """What a ticket needs and how it waits.

    The first rule counts whose condition is met and whose hours it is. That is asked at each
    decision anew: a ticket that waits comes under another rule when a calendar opens or closes.
    """

    name: Name
    when: RuleText = "true"
    during: Name | None = None
    """A calendar: the rule counts only while it is open. At the instant at which it closes it is
    closed, and the rule counts no more."""
    outside: Name | None = None
    """A calendar: the rule counts only while it is closed, from its closing until it opens."""
    skills: Skills = {}
    """Skill to the level that the agent must have at least."""
    optional_skills: Annotated[tuple[OptionalSkill, ...], Field(max_length=50)] = ()
    """They drop out one by one, each after its time."""
    language: LanguageNeed = LanguageNeed()
    weight: Weight | None = None
    """None: that of its kind."""
    affinity: Affinity | None = None
    overflow: Annotated[tuple[Ring, ...], Field(max_length=20)] = ()
    """Rings are added to the ticket's own desk, and never taken away again."""
    ageing: Ageing | None = None
    open_at_least: WaitSeconds | None = None
    """For so long the agent's desk must still be open."""

    @property
    def hours(self) -> tuple[tuple[str, bool], ...]:
        """The calendars on which it depends, each with whether it must be open."""
        said = ((self.during, True), (self.outside, False))
        return tuple((name, is_open) for name, is_open in said if name is not None)

    @model_validator(mode="after")
    def _hours_can_be(self) -> Self:
        if self.during is not None and self.during == self.outside:
            message = f"outside: {self.outside!r} is in during as well, so it would never count"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _rings_widen(self) -> Self:
        times = [ring.after for ring in self.overflow]
        if times != sorted(set(times)):
            message = "overflow: each ring comes later than the one before it"
            raise ValueError(message)
        return self


class Reserve(Model):
    """Room of a desk that only grave work may use: agents with room, or a share of capacity.

    Counted over the agents of the desk who are at work and, with ``skill``, have it.
    """

    priority: Literal["P1", "P2", "P3", "P4"]
    """Work of this priority or a graver one may use it."""
    agents: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """So many agents keep room for one more ticket of weight 1."""
    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """So large a share of all capacity stays free."""
    skill: Name | None = None
    level: Annotated[int, Field(ge=1, le=5)] = 1

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.agents is None) == (self.share is None):
            message = "a reserve has either agents or a share"
            raise ValueError(message)
        return self


class Ramp(Model):
    """How fast an agent is given work after signing in."""

    lasts: WaitSeconds
    """After so long there is no limit but the capacity."""
    per_minute: Annotated[int, Field(ge=1, le=ASSIGNMENTS_PER_MINUTE_MAX)]
    """Assignments within any 60 seconds of the first minute."""
    more: Annotated[int, Field(ge=0, le=ASSIGNMENTS_PER_MINUTE_MAX)] = 0
    """So many more in each further minute."""


class DeskRouting(Model):
    """What holds for one desk."""

    reserves: Annotated[tuple[Reserve, ...], Field(max_length=20)] = ()
    ramp: Ramp | None = None
    """An agent of several desks is held to the strictest of their ramps."""
    ahead: Annotated[tuple[Literal["vip", "reopened"], ...], Field(max_length=2)] = ()
    """Of equal priority these go first, in this order; then who has waited the longest."""
    offers: Offers | None = None
    """None: what the matcher gives to the desk's agents is theirs at once."""
    picking: Picking = Picking()
    reclaim: Reclaim | None = None
    """None: what an agent has stays with the agent, whatever becomes of them."""

    @model_validator(mode="after")
    def _ahead_once(self) -> Self:
        if len(set(self.ahead)) != len(self.ahead):
            message = "ahead: a word is there twice"
            raise ValueError(message)
        return self


class RoutingSection(Model):
    """How agents are chosen. Empty: whoever is free and least loaded, the language preferred."""

    weights: dict[KindName, Weight] = {}
    """Kind to weight; a kind that is not named weighs 1."""
    rules: Annotated[tuple[RoutingRule, ...], Field(max_length=RULES_MAX)] = ()
    desks: Annotated[dict[Name, DeskRouting], Field(max_length=10_000)] = {}

    @property
    def overflows(self) -> bool:
        """Whether any ticket may be given to an agent of another desk."""
        return any(rule.overflow for rule in self.rules)


DEFAULT_RULE: Final = RoutingRule(name="default")
"""What counts for a ticket that no rule takes."""

__all__ = [
    "DEFAULT_RULE",
    "ROUTING_FIELDS",
    "Affinity",
    "Ageing",
    "DeskRouting",
    "FallbackLanguage",
    "LanguageNeed",
    "OptionalSkill",
    "Ramp",
    "Reserve",
    "Ring",
    "RoutingRule",
    "RoutingSection",
]
