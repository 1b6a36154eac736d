"""Following: tickets are told what their groups of alerts have become.

It is level-triggered: whatever was lost between the group's write and the ticket's is told the
next time. The group has decided; nothing is decided here but what the ticket does not know yet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.intake.domain.alert_groups import AlertGroup, Episode
from services.intake.domain.messages import Message
from services.intake.domain.ticket import Ticket
from services.intake.domain.ticket_alerts import decide_opened, decide_told, told_of
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.writing import Waits, Writing, blank
from services.intake.ports import AlertStore, IntakeStore
from shared.aggregate import Document, Step, Write
from shared.commit import CONFLICTS_MAX
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import Direction
from shared.kernel import Infrastructure, derived_id

Group = Document[AlertGroup]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A ticket that follows a group, and the episode that it is for."""

    group: Group
    state: AlertGroup
    episode: Episode


class Following:
    """Brings tickets to where their groups are. Every method may raise `Infrastructure`."""

    def __init__(
        self, *, store: IntakeStore, alerts: AlertStore, writing: Writing, numbers: Numbers
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._writing = writing
        self._numbers = numbers

    async def tickets(self, groups: Collection[Group]) -> dict[str, Document[Ticket]]:
        """Return the tickets of groups that there are."""
        return await self._writing.load([w.episode.ticket for w in _wanted(groups)])

    async def follow(
        self,
        groups: Collection[Group],
        *,
        known: Mapping[str, Document[Ticket]] | None = None,
        traces: Mapping[str, str] | None = None,
    ) -> dict[str, Outcome]:
        """Tell the tickets of groups; return, by alert key, where its alerts are.

        Args:
            groups: as they were committed.
            known: their tickets, where they were just loaded.
            traces: by the id of a ticket's first message, the correlation id of what brought it.
        """
        waiting = {w.episode.ticket: w for w in _wanted(groups)}
        done: dict[str, Outcome] = {}
        for _ in range(CONFLICTS_MAX):
            if not waiting:
                break
            documents = known if known is not None else await self._writing.load(waiting)
            known = None
            waiting = await self._round(waiting, documents, done, traces or {})
        if waiting:
            message = f"{len(waiting)} tickets changed under {CONFLICTS_MAX} attempts"
            raise Infrastructure(message)
        return _outcomes(groups, done)

    async def _round(
        self,
        waiting: dict[str, _Wanted],
        documents: Mapping[str, Document[Ticket]],
        done: dict[str, Outcome],
        traces: Mapping[str, str],
    ) -> dict[str, _Wanted]:
        """Tell each ticket once; return those that lost to another writer."""
        unopened = [w for ticket, w in waiting.items() if _state(documents.get(ticket)) is None]
        messages = await self._messages(unopened, traces)
        writes: dict[str, Write[Ticket]] = {}
        for ticket, wanted in waiting.items():
            document = documents.get(ticket) or blank(ticket, tenant=wanted.group.tenant)
            try:
                write = await self._planned(document, wanted, messages.get(ticket))
            except Waits as reason:
                done[ticket] = Outcome(ticket=ticket, waits=str(reason))
                continue
            if write is None:
                done[ticket] = _outcome(document)
            else:
                writes[ticket] = write
        lost = await self._writing.commit(list(writes.values()))
        done.update({t: _outcome(w.after) for t, w in writes.items() if t not in lost})
        return {ticket: waiting[ticket] for ticket in lost}

    async def _planned(
        self, document: Document[Ticket], wanted: _Wanted, first: Message | None
    ) -> Write[Ticket] | None:
        """Return the write of what a ticket does not know; None where it knows all."""
        told = told_of(wanted.state, wanted.episode)
        steps: list[Step] = []
        if first is not None:
            facts = await self._facts(wanted)
            steps.append(
                Step(
                    decide=lambda state: decide_opened(
                        state,
                        wanted.state,
                        wanted.episode,
                        facts=facts,
                        alert_key=wanted.group.id,
                    ),
                    cause=first.as_cause(),
                )
            )
        elif document.state is not None and not decide_told(document.state, told):
            return None
        steps.append(Step(decide=lambda state: decide_told(state, told)))
        return self._writing.planned(document, steps)

    async def _facts(self, wanted: _Wanted) -> TicketFacts:
        episode = wanted.episode
        return episode.facts.model_copy(
            update={
                "number": await self._numbers.take(wanted.group.tenant),
                "accepted_at": episode.opened_at or episode.began_at,
            }
        )

    async def _messages(
        self, unopened: Sequence[_Wanted], traces: Mapping[str, str]
    ) -> dict[str, Message]:
        """Insert the first messages of tickets; return them by ticket."""
        if not unopened:
            return {}
        words = await self._alerts.words({w.episode.words for w in unopened})
        rows = {}
        for wanted in unopened:
            episode = wanted.episode
            found = words.get(episode.words)
            integration = wanted.state.integration
            rows[episode.ticket] = Message(
                id=episode.message,
                tenant=wanted.group.tenant,
                ticket=episode.ticket,
                n=1,
                direction=Direction.INBOUND,
                channel=episode.facts.channel,
                subject=found.subject if found else f"Alerts of {integration}",
                text=found.text if found else "",
                author=episode.facts.contact,
                author_name=integration,
                at=episode.opened_at or episode.began_at,
                language=episode.facts.language,
                trace=traces.get(episode.message) or derived_id("episode", episode.ticket),
            )
        await self._store.add_messages(list(rows.values()))
        return rows


def _wanted(groups: Collection[Group]) -> list[_Wanted]:
    """Return the tickets that follow groups, of all episodes that opened one."""
    return [
        _Wanted(group, group.state, episode)
        for group in groups
        if group.state is not None
        for episode in group.state.episodes
        if episode.opened_at is not None
    ]


def _state(document: Document[Ticket] | None) -> Ticket | None:
    return document.state if document else None


def _outcome(document: Document[Ticket]) -> Outcome:
    number = document.state.facts.number if document.state else None
    return Outcome(ticket=document.id, number=number)


def _outcomes(groups: Collection[Group], done: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Return, by alert key, the outcome of the current episode; it waits where one of them does."""
    found: dict[str, Outcome] = {}
    for group in groups:
        episodes = group.state.episodes if group.state else ()
        told = [done[e.ticket] for e in episodes if e.ticket in done]
        waits = next((o for o in told if o.waits), None)
        current = done.get(episodes[-1].ticket) if episodes else None
        found[group.id] = waits or current or Outcome()
    return found
