"""What would be decided on a request: desk, agent and reasons, without a running product.

The same functions decide that routing itself asks. The agents stand as they are said to stand;
who is not named is available and holds nothing.
"""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.routing.domain.board import Board
from services.routing.domain.desks import (
    DeskChoice,
    choose_desk,
    first_opening,
    redirected,
)
from services.routing.domain.matching import AgentView, Decision, Waiting
from services.routing.domain.self_service import person_from, self_service_of
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.routing import Explanation, Presence
from shared.kernel import HeliodeskError
from shared.organisation import Configuration
from shared.tags import Tags

KindWord = Literal[
    "incident",
    "service-request",
    "change",
    "inquiry",
    "new-requirement",
    "complaint",
    "compliment",
]
ChannelWord = Literal["email", "web", "chat", "phone", "walk-up", "api", "monitoring"]
LevelWord = Literal["high", "medium", "low"]
M = TypeVar("M", bound=BaseModel)
Text = Annotated[str, Field(min_length=1, max_length=80)]


class SimulationInvalid(HeliodeskError):
    """What was given is no request, or no standing of agents; ``problems`` name the fields."""

    def __init__(self, what: str, problems: list[str]) -> None:
        super().__init__(f"{what}: {'; '.join(problems)}")
        self.what = what
        self.problems = problems


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SimulatedRequest(_Said):
    """A request, as far as it is decided on. Everything may be left out."""

    kind: KindWord = "incident"
    channel: ChannelWord = "email"
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    """None: what impact and urgency give."""
    impact: LevelWord = "medium"
    urgency: LevelWord = "medium"
    service: Text | None = None
    category: Text | None = None
    configuration_item: Text | None = None
    region: Text | None = None
    site: Text | None = None
    business: Text | None = None
    choice: Text | None = None
    """What was chosen in a telephone menu: its key."""
    language: Text | None = None
    """None: the organisation's first."""
    integration: Text | None = None
    contact_level: Text | None = None
    vip: bool = False
    tags: Tags = ()
    desk: Text | None = None
    """Where it waits; None: where its topology puts it."""
    queue: Text | None = None
    """In which queue of the desk; None: the desk's own."""
    queued_at: AwareDatetime | None = None
    """Since when it waits; None: it has just come."""
    reopened: bool = False
    last_agent: Text | None = None
    solver: Text | None = None


class SimulatedAgent(_Said):
    """How an agent stands."""

    presence: Literal["available", "away", "offline"] = "available"
    load: Annotated[int, Field(ge=0, le=10_000)] = 0
    load_by_channel: dict[ChannelWord, Annotated[int, Field(ge=0, le=10_000)]] = {}
    taken_at: AwareDatetime | None = None
    signed_in_at: AwareDatetime | None = None
    recent: Annotated[tuple[AwareDatetime, ...], Field(max_length=100)] = ()


class SimulatedAgents(_Said):
    """How some agents stand, by id."""

    agents: Annotated[dict[str, SimulatedAgent], Field(max_length=1_000_000)] = {}


class Simulation(NamedTuple):
    """What would be decided."""

    at: datetime
    desk: str
    queue: str | None
    """One of the queues of the desk; None: the desk's own."""
    unrouted: bool
    """No topology takes it."""
    queued: Explanation
    opens_at: datetime | None
    """When somebody opens, where nobody of the desks is open."""
    decision: Decision
    unattended: bool = False
    """It is at tier 0 then: its requester and automation have it, and no agent is given it. The
    desk and the decision are those of ``person_at``, or of now where that is None."""
    person_at: datetime | None = None
    """At tier 0: when it goes to a person by itself; None: when one is asked for."""


def simulate(
    configuration: Configuration, request: object, agents: object, at: datetime
) -> Simulation:
    """Return what would be decided on a request at an instant.

    Args:
        configuration: that is in force.
        request: the content of `SimulatedRequest`.
        agents: the content of `SimulatedAgents`.
        at: the instant.

    Raises:
        SimulationInvalid: one of them is not what it should be.
    """
    said = _read(SimulatedRequest, "request", request)
    standing = _read(SimulatedAgents, "agents", agents)
    _check(configuration, said, standing, at)
    facts = _facts(configuration, said, at)
    asked, portal = at, self_service_of(configuration, facts) if said.desk is None else None
    person_at = person_from(portal, said.queued_at or at) if portal else None
    unattended = portal is not None and (person_at is None or person_at > at)
    if unattended and person_at is not None:
        at = person_at
    if said.desk is None:
        choice = choose_desk(configuration, facts, at, reopened=said.reopened)
    else:
        desk = configuration.desk(said.desk)
        rule = f"the request says that it waits at {said.queue or desk.name}"
        because = redirected(None, rule, said.queue or desk.name)
        opens_at = first_opening(configuration, [desk.name], at)
        choice = DeskChoice(desk, because, opens_at, said.queue)
    board = Board(configuration)
    board.see((_view(a.id, standing.agents.get(a.id)) for a in configuration.all_agents()), at)
    ticket = Waiting(
        id="simulated",
        facts=facts,
        desk=choice.desk.name,
        tier=choice.desk.tier,
        since=(person_at if portal else None) or said.queued_at or at,
        reopened=said.reopened,
        last_agent=said.last_agent,
        solver=said.solver,
        because=choice.explanation,
        queue=choice.queue,
    )
    return Simulation(
        at=asked,
        desk=choice.desk.name,
        queue=choice.queue,
        unrouted=choice.unrouted,
        queued=choice.explanation,
        opens_at=choice.opens_at,
        decision=board.decide(ticket, at),
        unattended=unattended,
        person_at=person_at if unattended else None,
    )


def _read(model: type[M], what: str, content: object) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = []
        for detail in error.errors(include_url=False):
            path = ".".join(str(part) for part in detail["loc"])
            problems.append(f"{path}: {detail['msg']}" if path else detail["msg"])
        raise SimulationInvalid(what, problems) from error


def _check(
    configuration: Configuration, said: SimulatedRequest, standing: SimulatedAgents, at: datetime
) -> None:
    """Refuse names that the configuration does not have, and a future past."""
    agents = [agent.id for agent in configuration.all_agents()]
    desks = [desk.name for desk in configuration.desks.desks]
    sites = [site.name for site in configuration.organisation.sites]
    regions = [region.name for region in configuration.organisation.regions]
    named: list[tuple[str, str | None, list[str]]] = [
        ("desk", said.desk, desks),
        ("site", said.site, sites),
        ("region", said.region, regions),
        ("business", said.business, [b.name for b in configuration.organisation.businesses]),
        ("last_agent", said.last_agent, agents),
        ("solver", said.solver, agents),
    ]
    problems = [_unknown(f, name, known) for f, name, known in named if name and name not in known]
    if said.queue is not None:
        of_desk = [queue.name for queue in configuration.queues_of(said.desk or "")]
        if said.desk is None:
            problems.append("queue: needs the desk whose queue it is")
        elif said.queue not in of_desk:
            problems.append(_unknown("queue", said.queue, of_desk))
    if said.queued_at is not None and said.queued_at > at:
        problems.append("queued_at: is after the instant of the simulation")
    if problems:
        raise SimulationInvalid("request", problems)
    strange = [name for name in standing.agents if name not in set(agents)]
    if strange:
        raise SimulationInvalid("agents", [_unknown("agents", n, agents) for n in strange[:20]])


def _unknown(field: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"{field}: unknown {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _facts(configuration: Configuration, said: SimulatedRequest, at: datetime) -> TicketFacts:
    given: dict[str, Any] = said.model_dump(
        include={
            "service",
            "category",
            "configuration_item",
            "region",
            "site",
            "business",
            "choice",
            "integration",
            "contact_level",
            "vip",
            "tags",
        }
    )
    priority = said.priority or configuration.priority_of(impact=said.impact, urgency=said.urgency)
    return TicketFacts(
        number="SIMULATED",
        kind=Kind(said.kind),
        channel=Channel(said.channel),
        priority=Priority(priority),
        impact=Level(said.impact),
        urgency=Level(said.urgency),
        contact="simulated",
        accepted_at=said.queued_at or at,
        language=said.language or configuration.organisation.languages[0],
        **given,
    )


def _view(name: str, said: SimulatedAgent | None) -> AgentView:
    if said is None:
        return AgentView(agent=name)
    return AgentView(
        agent=name,
        presence=Presence(said.presence),
        load=said.load,
        load_by_channel={str(channel): n for channel, n in said.load_by_channel.items()},
        taken_at=said.taken_at,
        signed_in_at=said.signed_in_at,
        recent=tuple(sorted(said.recent)),
    )
