"""Where a call goes, with who is there: the decision of tickets, asked for a voice.

And who of a desk has room, for those who would raise work to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.routing.domain.desks import choose_desk
from services.routing.domain.shifts import on_shift
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument, DeskCounts, Tickets
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.directions import CallDirection, CallQuestion, DeskRoom, TicketStanding
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.routing import Presence, Status
from shared.directions import Asked, Way, answer_of, asked_by, direct, groups_of_call
from shared.kernel import CommandRejected
from shared.organisation import Agent, Configuration, UnknownName

CALL = "call"
"""Stands for the number and the contact of what is no ticket yet."""


@dataclass(frozen=True, slots=True)
class Manning:
    """Who of a group takes work now, and who of them has room for more."""

    present: int
    free: int


class Directing:
    """Answers intake and sla. Changes nothing; every method may raise `Infrastructure`."""

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        presence_default: Presence,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default

    async def direct(self, question: CallQuestion) -> CallDirection | None:
        """Return where a call goes; None where every way leads to an excluded desk.

        Raises:
            CommandRejected: ``not-configured``: no topology takes calls, and there is no fallback.
        """
        configuration = self._configurations.current(question.tenant)
        now = self._clock.now()
        asked = asked_by(question)
        try:
            choice = choose_desk(configuration, call_facts(asked, now, configuration), now)
            decided = Way(choice.desk.name, choice.queue, choice.explanation.rule)
            groups = groups_of_call(configuration, asked)
            manned = await self._manned(configuration, question.tenant, {*groups, *decided[:2]})
            found = direct(
                configuration,
                asked,
                now,
                excluded=question.excluded,
                present={group: manning.present for group, manning in manned.items()},
                decided=decided,
            )
        except UnknownName as error:
            raise CommandRejected("not-configured", str(error), status=409) from error
        if found is None:
            return None
        way = found.stand.way
        counts = (await self._tickets.counts(question.tenant)).get(way.desk, DeskCounts())
        return answer_of(
            found,
            free=manned[way.queue or way.desk].free,
            waiting=counts.by_status.get(Status.QUEUED, 0),
        )

    async def standings(self, tenant: str, ids: tuple[str, ...]) -> list[TicketStanding]:
        """Return where tickets stand; what is unknown, or another tenant's, is left out."""
        found = await self._committer.store.load(TICKETS, list(ids))
        return [
            TicketStanding(
                id=document.id,
                number=document.state.number,
                status=document.state.status,
                tier=document.state.tier,
                desk=document.state.desk,
                contact_desk=document.state.contact_desk,
                opens_at=document.state.opens_at,
            )
            for document in found.values()
            if document.tenant == tenant
            and document.state is not None
            and document.state.status is not None
        ]

    async def room(self, tenant: str, desks: Collection[str]) -> list[DeskRoom]:
        """Return who is at work at desks now, and has room; unknown desks are left out."""
        configuration = self._configurations.current(tenant)
        known = {desk.name for desk in configuration.desks.desks}.intersection(desks)
        manned = await self._manned(configuration, tenant, {*known})
        return [
            DeskRoom(desk=desk, present=manned[desk].present, free=manned[desk].free)
            for desk in sorted(known)
        ]

    async def _manned(
        self, configuration: Configuration, tenant: str, groups: set[str | None]
    ) -> dict[str, Manning]:
        """Return, by desk or queue, who takes work there now."""
        members = {group: configuration.members_of(group) for group in groups if group is not None}
        names = {agent.id for agents in members.values() for agent in agents}
        documents = await self._writer.agents(tenant, sorted(names)) if names else {}
        return {
            group: self._manning(configuration, agents, documents)
            for group, agents in members.items()
        }

    def _manning(
        self,
        configuration: Configuration,
        agents: tuple[Agent, ...],
        documents: Mapping[str, AgentDocument],
    ) -> Manning:
        present = free = 0
        now = self._clock.now()
        for agent in agents:
            state = documents[agent.id].state
            presence = (state.presence if state else None) or self._presence_default
            if presence is not Presence.AVAILABLE:
                continue
            if on_shift(configuration, agent, now).absent is not None:
                continue
            present += 1
            free += (state.load if state else 0) < agent.capacity
        return Manning(present=present, free=free)


def call_facts(asked: Asked, now: datetime, configuration: Configuration) -> TicketFacts:
    """Return a call as the facts of the ticket that may come of it."""
    return TicketFacts(
        number=CALL,
        kind=Kind.INQUIRY,
        channel=Channel.PHONE,
        priority=Priority.P3,
        impact=Level.MEDIUM,
        urgency=Level.MEDIUM,
        contact=CALL,
        accepted_at=now,
        service=asked.service,
        region=asked.region,
        site=asked.site,
        business=asked.business,
        choice=asked.choice,
        language=asked.language or configuration.organisation.languages[0],
    )
