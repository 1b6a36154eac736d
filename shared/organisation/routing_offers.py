"""Section ``routing``, per desk: how its agents are offered work, take it, and lose it again."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.organisation.words import ChannelName, Model, Name, PriorityName, WaitSeconds

PICKS_PER_HOUR_MAX: Final = 100
"""A limit that allows more than this in an hour is none; the picks are remembered one by one."""


class RejectReason(Model):
    """A reason for which an agent may give an offer back."""

    code: Name
    reassignable: bool = True
    """Whether the ticket may be offered to this agent again; False: as long as anybody else could
    ever be given it, it is not."""
    presence: Literal["away", "offline"] | None = None
    """What the agent is from then on; None: what they were."""


REJECT_REASONS: Final = (
    RejectReason(code="busy"),
    RejectReason(code="break", presence="away"),
    RejectReason(code="not-my-field", reassignable=False),
    RejectReason(code="conflict-of-interest", reassignable=False),
)
"""Where a desk lists none of its own."""


class Offers(Model):
    """Agents of the desk are asked before work is theirs."""

    timeout: WaitSeconds
    """For so long an agent may think about it."""
    auto_accept: Annotated[tuple[ChannelName, ...], Field(max_length=20)] = ()
    """Work of these channels is accepted in the agent's name at once."""
    missed_max: Annotated[int, Field(ge=1, le=100)] = 3
    """After so many offers in a row that ran out, the agent counts as not there."""
    then: Literal["away", "offline"] = "away"
    """What the agent is from then on, until they say otherwise."""
    again_after: WaitSeconds = 300
    """When everybody who is free has declined a ticket, it is offered anew after so long."""
    reject_reasons: Annotated[tuple[RejectReason, ...], Field(min_length=1, max_length=50)] = (
        REJECT_REASONS
    )

    @model_validator(mode="after")
    def _words_once(self) -> Self:
        codes = [reason.code for reason in self.reject_reasons]
        for name, words in (("reject_reasons", codes), ("auto_accept", self.auto_accept)):
            if len(set(words)) != len(words):
                message = f"{name}: a word is there twice"
                raise ValueError(message)
        return self

    def reason(self, code: str) -> RejectReason | None:
        """Return the reason of a code; None where the desk has none such."""
        return next((reason for reason in self.reject_reasons if reason.code == code), None)


class Picking(Model):
    """What an agent may take from the desk's queue on their own."""

    mode: Literal["free", "next-best", "window"] = "free"
    """``free``: anything; ``next-best``: only what `next` would give; ``window``: one of the first
    of what they may be given."""
    window: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """How many those are."""
    per_hour: Annotated[int, Field(ge=1, le=PICKS_PER_HOUR_MAX)] | None = None
    """So many tickets of one's own choice within any 60 minutes; `next` is no choice."""

    @model_validator(mode="after")
    def _window_where_it_counts(self) -> Self:
        if (self.mode == "window") != (self.window is not None):
            message = "window: the mode window needs it, and no other takes it"
            raise ValueError(message)
        return self


class Reclaim(Model):
    """When work of an agent goes back to the queue. Counted in the agent's own working hours."""

    absent: WaitSeconds | None = None
    """After the agent was away or offline for so long."""
    pending: bool = False
    """Whether ``absent`` takes pending tickets, too; silence never does."""
    silent: dict[PriorityName, WaitSeconds] = {}
    """Priority to how long the agent may do nothing about a ticket; others may rest for ever."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.absent is None and not self.silent:
            message = "reclaim: absent or silent is needed"
            raise ValueError(message)
        if self.pending and self.absent is None:
            message = "pending: only absent takes pending tickets"
            raise ValueError(message)
        return self

    @property
    def seconds_min(self) -> int:
        """The shortest of its times: nothing is due earlier."""
        return min((s for s in (self.absent, *self.silent.values()) if s is not None), default=0)
