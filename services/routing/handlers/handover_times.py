"""When handovers begin: opened before a shift ends, and following the hours while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from services.routing.domain.desks import desk_named
from services.routing.domain.handover.process import (
    HANDOVERS,
    HandoverState,
    decide_open,
    decide_reschedule,
    decide_withdraw,
    handover_stream,
)
from services.routing.domain.handover.shifts import Shift, shift_end, takeover
from services.routing.handlers.handover_moves import is_known
from services.routing.handover_ports import HandoverDocument, Handovers
from services.routing.ports import TicketDocument
from shared.aggregate import Document
from shared.commit import Command, Committer
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.organisation.agent_shifts import ShiftEnd, agent_ends, relief
from shared.organisation.handover import HandoverPolicy

LOOKED_AT_MAX: Final = 200


class HandoverTimes:
    """Opens, reschedules and withdraws handovers, as the hours of desks and of agents say."""

    def __init__(self, *, handovers: Handovers, committer: Committer) -> None:
        self._handovers = handovers
        self._committer = committer

    async def execute(
        self, document: HandoverDocument, decide: Callable[[Any], Sequence[Body]]
    ) -> HandoverDocument:
        """Apply a decision to a handover; one that is parked waits for its operator."""
        command = Command(target=document.id, tenant=document.tenant, decide=decide)
        try:
            return await self._committer.execute(HANDOVERS, command)
        except CommandRejected:
            return document

    async def follow(
        self, configuration: Configuration, active: Sequence[HandoverDocument], now: datetime
    ) -> None:
        """Follow the configuration: other hours, another next desk, no desk or no policy."""
        first: set[str] = set()
        for document in sorted(active, key=_since):
            state = document.state
            if state is None or state.is_over or state.closes_at is None:
                continue
            if 0 < configuration.version < state.written_under:
                continue  # Another process knows newer hours and policies; so will this one.
            policy = configuration.handover.policy_for(state.desk)
            if policy is None or (state.agents and policy.between != "shifts"):
                await self._withdraw(document, "policy-removed")
            elif state.closes_at <= now:
                continue
            elif state.agents:
                await self._follow_agents(configuration, policy, document, state, now)
            elif state.desk in first:
                await self._withdraw(document, "superseded")
            else:
                first.add(state.desk)
                await self._reschedule(configuration, policy, document, state, now)

    async def _follow_agents(
        self,
        configuration: Configuration,
        policy: HandoverPolicy,
        document: HandoverDocument,
        state: HandoverState,
        now: datetime,
    ) -> None:
        """Follow the hours of agents: others whose shift ends then, or nobody's any more.

        Whose shift ends at another instant now is in the handover of that one.
        """
        ends = agent_ends(configuration, policy, state.desk, now)
        end = next((end for end in ends if end.closes_at == state.closes_at), None)
        if end is None:
            gone = desk_named(configuration, state.desk) is None
            await self._withdraw(document, "desk-removed" if gone else "hours")
            return
        taking = relief(configuration, policy, state.desk, end)
        await self.execute(
            document,
            lambda s: decide_reschedule(
                s,
                closes_at=end.closes_at,
                taking=taking,
                reason="hours",
                now=now,
                agents=end.agents,
            ),
        )

    async def _reschedule(
        self,
        configuration: Configuration,
        policy: HandoverPolicy,
        document: HandoverDocument,
        state: HandoverState,
        now: datetime,
    ) -> None:
        reason = "hours"
        if desk_named(configuration, state.desk) is None:
            reason, closes_at = "desk-removed", now
        else:
            shift = shift_end(configuration, policy, state.desk, now)
            if shift is None:
                await self._withdraw(document, reason)
                return
            closes_at = max(shift.closes_at, state.opened_at or shift.closes_at)
        taking = takeover(configuration, policy, state.desk, closes_at)
        await self.execute(
            document,
            lambda s: decide_reschedule(
                s, closes_at=closes_at, taking=taking, reason=reason, now=now
            ),
        )

    async def _withdraw(self, document: HandoverDocument, reason: str) -> None:
        await self.execute(document, lambda s: decide_withdraw(s, reason=reason))

    async def open(
        self,
        tenant: str,
        configuration: Configuration,
        active: Sequence[HandoverDocument],
        now: datetime,
    ) -> list[HandoverDocument]:
        """Open the handovers whose time has come, and those that nobody opened in time."""
        opened: list[HandoverDocument] = []
        for desk in configuration.desks.desks:
            policy = configuration.handover.policy_for(desk.name)
            if policy is None:
                continue
            shift = shift_end(configuration, policy, desk.name, now)
            ends = [ShiftEnd(*shift, agents=())] if shift is not None else []
            if policy.between == "shifts":
                ends += agent_ends(configuration, policy, desk.name, now)
            for end in ends:
                if not is_known(active, desk.name, end, now):
                    opened += await self._opened(
                        tenant, configuration, policy, desk.name, end=end, now=now
                    )
        return opened

    async def _opened(
        self,
        tenant: str,
        configuration: Configuration,
        policy: HandoverPolicy,
        desk: str,
        *,
        end: ShiftEnd,
        now: datetime,
    ) -> list[HandoverDocument]:
        """Return the handover of an end: begun now, or found; late only where there is work."""
        stream = handover_stream(tenant, desk, end.closes_at)
        if end.closes_at <= now:
            found = (await self._committer.store.load(HANDOVERS, [stream])).get(stream)
            if found is not None and found.state and found.state.withdrawn is None:
                return [found]
            work = await self._handovers.open_work(
                tenant,
                desk,
                after="",
                limit=LOOKED_AT_MAX if end.agents else 1,
                pending=False,
                holders=end.agents or None,
            )
            if not any(_was_held(ticket, end) for ticket in work):
                return []
        if end.agents:
            taking = relief(configuration, policy, desk, end)
        else:
            taking = takeover(configuration, policy, desk, end.closes_at)
        begun = await self.execute(
            Document(id=stream, tenant=tenant),
            lambda s: decide_open(
                s,
                desk=desk,
                policy=policy,
                shift=Shift(end.started_at, end.closes_at),
                taking=taking,
                agents=end.agents,
            ),
        )
        return [begun]


def _was_held(ticket: TicketDocument, end: ShiftEnd) -> bool:
    """Return whether work is that of a shift: what an agent took after the end is not."""
    since = ticket.state.held_since if ticket.state is not None else None
    return not end.agents or since is None or since < end.closes_at


def _since(document: HandoverDocument) -> tuple[str, str]:
    state = document.state
    return (state.opened_at.isoformat() if state and state.opened_at else "", document.id)
