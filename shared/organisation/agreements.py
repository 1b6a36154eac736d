"""Section ``agreements``: who promised what to whom, and since when.

An agreement with a customer (SLA) stands on those between desks (OLA) and with suppliers
(underpinning contract, UC). The clocks are the policies'; an agreement gives them its targets,
and has targets beyond clocks.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.calendar.zones import ZoneName
from shared.organisation.policies import AgreementKind, ConditionText
from shared.organisation.topologies import Scope
from shared.organisation.words import Model, Name, PriorityName, TargetSeconds, Title

AgreementState = Literal["draft", "negotiated", "signed", "in-force", "reviewed", "expired"]
"""Only what is ``in-force`` or ``reviewed`` (in force, and looked at again) binds."""

BINDING: tuple[AgreementState, ...] = ("in-force", "reviewed")

Share = Annotated[float, Field(ge=0, le=1)]


class Measures(Model):
    """Targets beyond clocks, for the scorecard. None: nothing is promised."""

    satisfaction_min: Annotated[float, Field(ge=1, le=5)] | None = None
    """Mean of what requesters say, 1 to 5."""
    first_line_rate_min: Share | None = None
    """Share of tickets that were solved at tier 1 or below."""
    reopen_rate_max: Share | None = None
    availability_min: Share | None = None
    """Of the services of the scope, over the hours of the agreement's calendar."""
    attained_min: Share | None = None
    """Share of clocks that must be met."""


class Parties(Model):
    """Who is bound."""

    provider: Title | None = None
    customer: Title | None = None
    internal_supplier: Name | None = None
    """A desk."""
    external_supplier: Name | None = None
    """One of the section ``suppliers``."""


class Agreement(Model):
    """An agreement: its life, its parties, what it is for, and its targets."""

    name: Name
    title: Title
    kind: AgreementKind = "sla"
    state: AgreementState = "draft"
    valid_from: dt.date | None = None
    """From the beginning of this day, in ``time_zone``; None: always."""
    valid_until: dt.date | None = None
    """To the end of this day."""
    time_zone: ZoneName = "UTC"
    parties: Parties = Parties()
    manager: Name | None = None
    """The agent who is accountable."""
    reviewed_on: dt.date | None = None
    review_every_days: Annotated[int, Field(ge=1, le=3_660)] | None = None
    scope: Scope = Scope()
    condition: ConditionText = "true"
    """Of the tickets in scope, which it is for."""
    targets: Annotated[
        dict[Name, Annotated[dict[PriorityName, TargetSeconds], Field(min_length=1)]],
        Field(max_length=100),
    ] = {}
    """Policy to the targets that count instead of its own, priority by priority."""
    measures: Measures = Measures()
    calendar: Name | None = None
    """The hours over which availability is counted; None: every hour."""
    note: Annotated[str, Field(max_length=2_000)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        first, last = self.valid_from, self.valid_until
        if first is not None and last is not None and last < first:
            message = f"it ends on {last}, before it begins on {first}"
            raise ValueError(message)
        return self


class AgreementsSection(Model):
    """The agreements. Of those that take a ticket, the first counts."""

    agreements: Annotated[tuple[Agreement, ...], Field(max_length=1_000)] = ()
