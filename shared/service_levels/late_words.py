"""What is told of a chain that ends too late, and of a promise that stands on nothing."""

from __future__ import annotations

from datetime import datetime

from shared.calendar.zones import zone
from shared.organisation.policies import AgreementKind
from shared.organisation.words import PriorityName
from shared.service_levels.policy_check import Ticket, View, ticket_words


class LateStep(View):
    """One step of a chain, from when to when it may last."""

    policy: str
    kind: AgreementKind
    desk: str | None
    supplier: str | None
    calendar: str
    target_seconds: int
    starts_at: datetime | None
    """None: after a step that never ends."""
    ends_at: datetime | None


class LateChain(View):
    """A promise that its chain does not keep: the ticket that would be latest, step by step."""

    policy: str
    number: int
    """The policy's place in the file, from 0."""
    priority: PriorityName
    ticket: Ticket
    """The fields that matter."""
    certain: bool
    """False: whether there is such a ticket hangs on a text that nobody can list."""
    agreements: tuple[str, ...]
    """Whose targets count."""
    time_zone: str
    """In which the times are told."""
    target_seconds: int
    opened_at: datetime
    due_at: datetime
    ends_at: datetime | None
    late_seconds: float | None
    """None: the chain never ends."""
    steps: tuple[LateStep, ...]

    def words(self) -> str:
        """Return it in a sentence."""
        place = self.time_zone.rsplit("/", 1)[-1].replace("_", " ")
        just = "just after " if self.opened_at.microsecond else ""
        others = {f: v for f, v in self.ticket.items() if f not in {"priority", "tier"}}
        which = f" ({ticket_words(others)})" if others else ""
        late = (
            "never be done"
            if self.late_seconds is None
            else f"be late by {span(self.late_seconds)}"
        )
        may = "would" if self.certain else "might"
        steps = "; ".join(self._step(step) for step in self.steps)
        return (
            f"a {self.priority} ticket{which} opened {just}{self._at(self.opened_at)} {place} {may} "
            f"{late}: {self.policy} promises {span(self.target_seconds)}, due "
            f"{self._at(self.due_at)}; {steps}"
        )

    def _step(self, step: LateStep) -> str:
        who = step.supplier or step.desk
        by = f"{who}, calendar {step.calendar}" if who else f"calendar {step.calendar}"
        until = "never" if step.ends_at is None else f"until {self._at(step.ends_at)}"
        return f"{step.policy} ({by}) {span(step.target_seconds)}, {until}"

    def _at(self, at: datetime) -> str:
        local = at.astimezone(zone(self.time_zone))
        return f"{local:%Y-%m-%dT%H:%M}" if not local.second else f"{local:%Y-%m-%dT%H:%M:%S}"


class UnbackedPolicy(View):
    """A promise to customers that nobody stands behind, or not for all of its priorities."""

    policy: str
    link: str | None = None
    """The policy that lacks targets; None: there is no chain at all."""
    priorities: tuple[PriorityName, ...] = ()

    def words(self) -> str:
        """Return it in a sentence."""
        if self.link is None:
            return (
                f"policy {self.policy} stands on nothing, although there are policies of desks or "
                "suppliers: name them in backed_by to have the chain checked"
            )
        names = ", ".join(self.priorities)
        return (
            f"policy {self.policy} is backed by {self.link}, which has no target for {names}: "
            "nothing is checked there"
        )


def span(seconds: float) -> str:
    """Return a duration in hours and minutes, to the nearest minute; below one in seconds."""
    minutes = round(seconds / 60)
    if minutes == 0:
        return f"{seconds:g} s"
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest)
    return " ".join(parts)
