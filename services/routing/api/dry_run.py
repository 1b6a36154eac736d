"""``/v1/routing/dry-run``: which open tickets a configuration would move."""

from __future__ import annotations

from typing import Annotated, Final, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.routing.domain.forecast import Example, Flow, Tally
from services.routing.handlers.foreseeing import Foreseen, Foresight
from shared.auth import Action, Actor
from shared.bodies import SectionsBody, body_of, documented, refused
from shared.contracts.facts import Instant
from shared.contracts.routing import Status
from shared.http import allowed
from shared.organisation import ConfigurationInvalid

DRY_RUN_PATH: Final = "/v1/routing/dry-run"
EXAMPLES_MAX: Final = 50

Configurer = Annotated[Actor, allowed(Action.CONFIGURE)]
"""Who calls. Listed before the body, so that it is asked first."""


class DryRunBody(SectionsBody):
    """A configuration that is to be tried."""

    examples: Annotated[int, Field(ge=0, le=EXAMPLES_MAX)] = 5
    """Tickets that are named for each way that tickets go."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ExampleView(_Answer):
    """One ticket of many; ``revision`` says as of when."""

    id: str
    number: str
    revision: int
    status: Status
    desk: str
    agent: str | None
    rule: str
    """What would decide."""
    was: str
    """What decided before, where the topology's choice changed."""

    @classmethod
    def of(cls, example: Example) -> Self:
        """Return the view of an example."""
        names = ("id", "number", "revision", "status", "desk", "agent", "rule", "was")
        return cls(**{name: getattr(example, name) for name in names})


class FlowView(_Answer):
    """How many tickets go from one place to another for one reason."""

    origin: str
    """A queue of a desk, or else the desk; so is the target."""
    target: str | None
    """The same where only the agent loses them; None where it is not decided yet."""
    reason: str
    """choice-changed, desk-removed, agent-removed or agent-not-serving."""
    tickets: int
    examples: list[ExampleView]

    @classmethod
    def of(cls, flow: Flow, tally: Tally) -> Self:
        """Return the view of a flow."""
        examples = [ExampleView.of(example) for example in tally.examples]
        return cls(**flow._asdict(), tickets=tally.tickets, examples=examples)


class UnableView(_Answer):
    """How many tickets would wait at a desk although nobody could ever be given them."""

    desk: str
    tickets: int
    examples: list[ExampleView]


class DryRunView(_Answer):
    """What would happen to the open tickets."""

    version: int
    """In force, against which it was tried."""
    at: Instant
    """The instant that was asked about: which desks are open then decides as well."""
    complete: bool
    """False where the time was not enough for all open tickets."""
    took_seconds: float
    tickets: int
    """Open tickets that were looked at."""
    moving: int
    moves: list[FlowView]
    """The largest first."""
    later: list[FlowView]
    """Pending tickets that lose their desk or agent: they move when the work goes on."""
    nobody_able: list[UnableView]
    """Where somebody could be given them by the version in force."""
    stays: dict[str, int]
    """Why to number of tickets: same-choice, put-by-people, in-hand, not-concerned."""

    @classmethod
    def of(cls, found: Foreseen) -> Self:
        """Return the view of a forecast."""
        forecast = found.forecast
        return cls(
            version=found.version,
            at=found.at,
            complete=found.is_complete,
            took_seconds=round(found.took_seconds, 3),
            tickets=forecast.tickets,
            moving=sum(tally.tickets for tally in forecast.moves.values()),
            moves=_flows(forecast.moves),
            later=_flows(forecast.later),
            nobody_able=[
                UnableView(
                    desk=desk,
                    tickets=tally.tickets,
                    examples=[ExampleView.of(example) for example in tally.examples],
                )
                for desk, tally in sorted(forecast.unable.items())
            ],
            stays=dict(sorted(forecast.stays.items())),
        )


def _flows(tallies: dict[Flow, Tally]) -> list[FlowView]:
    views = [FlowView.of(flow, tally) for flow, tally in tallies.items()]
    return sorted(views, key=lambda v: (-v.tickets, v.origin, v.target or "", v.reason))


def dry_run_router(foresight: Foresight) -> APIRouter:
    """Return the route under ``/v1/routing``."""
    router = APIRouter(prefix="/v1/routing", tags=["routing"])

    @router.post("/dry-run", openapi_extra=documented(DryRunBody))
    async def dry_run(
        actor: Configurer,
        # As large as the application takes.
        body: Annotated[DryRunBody, body_of(DryRunBody, bytes_max=None)],
    ) -> DryRunView:
        """Tell which open tickets a configuration would move now, and why; nothing is kept."""
        try:
            found = await foresight.look(actor.tenant, body.sections, examples_max=body.examples)
        except ConfigurationInvalid as error:
            raise refused(error) from error
        return DryRunView.of(found)

    return router
