"""Alerts: one open incident for each alert key, whatever the order and number of deliveries.

The store's unique index on the open alert key decides between two that open at once; the loser
applies its alerts to the winner's ticket. Occurrences that no open ticket holds are remembered
beside the tickets: a trigger that comes after its own end, or after the ticket was closed, opens
nothing. Whoever opens looks at that memory again afterwards, and whoever remembers looks for an
open ticket again afterwards, so that one of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.intake.domain.alerts import Members, firing, newer_than
from services.intake.domain.contact import Person
from services.intake.domain.messages import Message
from services.intake.domain.receipts import Alerting, Receipt, ticket_id
from services.intake.domain.ticket import TICKET, Ticket, decide_accepted, decide_alerts
from services.intake.handlers.groups import Group, groups_of, together
from services.intake.handlers.meeting import facts_of
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.writing import Waits, Writing, blank
from services.intake.ports import IntakeStore
from shared.aggregate import Document, Step, Write
from shared.commit import CONFLICTS_MAX, Command, Committer
from shared.contracts.intake import Direction
from shared.kernel import Infrastructure


class Alerts:
    """Applies receipts of alerts."""

    def __init__(
        self, *, store: IntakeStore, writing: Writing, committer: Committer, numbers: Numbers
    ) -> None:
        self._store = store
        self._writing = writing
        self._committer = committer
        self._numbers = numbers

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Apply receipts of alerts; return, by receipt id, where their alerts are."""
        waiting = groups_of(receipts)
        done: dict[str, Outcome] = {}
        for _ in range(CONFLICTS_MAX):
            waiting = await self._round(waiting, met, done)
            if not waiting:
                return done
        message = f"{len(waiting)} alert keys changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _round(
        self,
        groups: dict[str, Group],
        met: Mapping[str, Person],
        done: dict[str, Outcome],
    ) -> dict[str, Group]:
        """Try each group once; return those that lost to another writer."""
        opened = await self._store.open_alerts(groups)
        own = {r.id: _own(r) for g in groups.values() for r in g.receipts}
        documents = await self._writing.load({*opened.values(), *own.values()})
        writes: dict[str, Write[Ticket]] = {}
        again: dict[str, Group] = {}
        unopened: list[Group] = []
        joining: list[tuple[Group, Document[Ticket], Ticket]] = []
        for key, group in groups.items():
            self._drop_closed(group, own, opened.get(key), documents, done)
            if not group.receipts:
                continue
            holder = documents.get(opened.get(key, ""))
            if holder is None:
                unopened.append(group)
            elif holder.state is None or holder.state.open_alert_key != key:
                again[key] = group
            else:
                joining.append((group, holder, holder.state))
        for group, write in await self._join(joining, done):
            writes[group.key] = write
        for group, write in await self._open(unopened, met, done, again):
            writes[group.key] = write
        lost = await self._writing.commit(list(writes.values()))
        for key, write in writes.items():
            if write.after.id in lost:
                again[key] = groups[key]
                continue
            _settle(groups[key], write.after, done)
        await self._look_back(groups, own, again, done)
        return again

    def _drop_closed(
        self,
        group: Group,
        own: Mapping[str, str],
        opened: str | None,
        documents: Mapping[str, Document[Ticket]],
        done: dict[str, Outcome],
    ) -> None:
        """Settle receipts whose own ticket was opened before and has given its key away."""
        for receipt in list(group.receipts):
            document = documents.get(own[receipt.id])
            if document is not None and document.id != opened and document.state is not None:
                number = document.state.facts.number
                done[receipt.id] = Outcome(ticket=document.id, number=number)
                group.receipts.remove(receipt)
                del group.alerts[receipt.id]

    async def _join(
        self,
        joining: Sequence[tuple[Group, Document[Ticket], Ticket]],
        done: dict[str, Outcome],
    ) -> list[tuple[Group, Write[Ticket]]]:
        """Plan the alerts of groups onto the open tickets of their keys.

        What a ticket does not know may be remembered beside it, as over before it was opened.
        """
        strangers = {
            group.key: [f for f in group.total if f not in state.members]
            for group, _, state in joining
        }
        known = await self._store.remembered({k: fs for k, fs in strangers.items() if fs})
        planned: list[tuple[Group, Write[Ticket]]] = []
        for group, holder, _ in joining:
            try:
                write = self._joined(group, holder, known.get(group.key, {}))
            except Waits as reason:
                done.update({r.id: Outcome(waits=str(reason)) for r in group.receipts})
                continue
            if write is None:
                _settle(group, holder, done)
            else:
                planned.append((group, write))
        return planned

    def _joined(
        self, group: Group, holder: Document[Ticket], known: Members
    ) -> Write[Ticket] | None:
        total = together(group.fresh(known))
        step = Step(
            decide=lambda state: decide_alerts(state, total),
            correlationid=group.receipts[0].trace,
        )
        version = max(r.configversion for r in group.receipts)
        return self._writing.planned(holder, [step], configversion=version)

    async def _open(
        self,
        groups: Sequence[Group],
        met: Mapping[str, Person],
        done: dict[str, Outcome],
        again: dict[str, Group],
    ) -> list[tuple[Group, Write[Ticket]]]:
        """Plan tickets for groups without one; remember alerts of groups where nothing fires."""
        if not groups:
            return []
        known = await self._store.remembered({g.key: list(g.total) for g in groups})
        planned: list[tuple[Group, Write[Ticket]]] = []
        over: dict[str, Members] = {}
        for group in groups:
            fresh = group.fresh(known.get(group.key, {}))
            total = together(fresh)
            if firing(total) == 0:
                over[group.key] = total
                continue
            opener = next(r for r in group.receipts if firing(fresh[r.id]))
            write = await self._opening(opener, group.key, total, met)
            if write is not None:
                planned.append((group, write))
        await self._remember(over, groups, done, again)
        return planned

    async def _remember(
        self,
        over: Mapping[str, Members],
        groups: Sequence[Group],
        done: dict[str, Outcome],
        again: dict[str, Group],
    ) -> None:
        if not over:
            return
        await self._store.remember({key: alerts for key, alerts in over.items() if alerts})
        opened = await self._store.open_alerts(over)
        for group in groups:
            if group.key in opened:
                again[group.key] = group
            elif group.key in over:
                done.update({r.id: Outcome() for r in group.receipts})

    async def _opening(
        self, opener: Receipt, key: str, alerts: Members, met: Mapping[str, Person]
    ) -> Write[Ticket] | None:
        task = opener.task
        if not isinstance(task, Alerting):
            raise TypeError(f"{opener.id} brings no alerts")
        person, ticket = met[opener.id], _own(opener)
        row = _message(opener, task, person, ticket)
        await self._store.add_messages([row])
        facts = facts_of(
            task.classified,
            person,
            number=await self._numbers.take(opener.tenant),
            accepted_at=opener.accepted_at,
        )
        step = Step(
            decide=lambda state: decide_accepted(
                state,
                facts=facts,
                message=opener.message,
                follows=task.follows,
                alert_key=key,
                alerts=alerts,
            ),
            cause=row.as_cause(),
        )
        return self._writing.planned(blank(ticket, tenant=opener.tenant), [step])

    async def _look_back(
        self,
        groups: Mapping[str, Group],
        own: Mapping[str, str],
        again: Mapping[str, Group],
        done: Mapping[str, Outcome],
    ) -> None:
        """Give tickets that these receipts opened what was remembered meanwhile."""
        opened = {
            group.key: done[r.id].ticket or ""
            for group in groups.values()
            if group.key not in again
            for r in group.receipts
            if r.id in done and done[r.id].ticket == own[r.id]
        }
        if not opened:
            return
        documents = await self._writing.load(opened.values())
        wanted = {
            key: list(state.members)
            for key, ticket in opened.items()
            if ticket in documents and (state := documents[ticket].state) is not None
        }
        for key, members in (await self._store.remembered(wanted)).items():
            await self._tell(documents[opened[key]], members)

    async def _tell(self, document: Document[Ticket], members: Members) -> None:
        if document.state is None or not newer_than(document.state.members, members):
            return
        await self._committer.execute(
            TICKET,
            Command(
                target=document.id,
                tenant=document.tenant,
                decide=lambda state: decide_alerts(state, members),
            ),
        )


def _own(receipt: Receipt) -> str:
    """Return the id of the ticket that a receipt opens, should it open one."""
    return ticket_id(tenant=receipt.tenant, receipt=receipt.id)


def _settle(group: Group, document: Document[Ticket], done: dict[str, Outcome]) -> None:
    number = document.state.facts.number if document.state else None
    for receipt in group.receipts:
        done[receipt.id] = Outcome(ticket=document.id, number=number)


def _message(receipt: Receipt, task: Alerting, person: Person, ticket: str) -> Message:
    return Message(
        id=receipt.message,
        tenant=receipt.tenant,
        ticket=ticket,
        n=1,
        direction=Direction.INBOUND,
        channel=task.classified.channel,
        subject=task.group.subject,
        text=task.group.text,
        author=person.id,
        author_name=person.shown,
        at=receipt.accepted_at,
        language=task.classified.language_default,
        configversion=receipt.configversion,
        trace=receipt.trace,
    )
