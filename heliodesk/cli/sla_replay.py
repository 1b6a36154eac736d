"""`heliodesk sla replay`: an audit that recomputes every due time from the event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from heliodesk.api import Api
from heliodesk.cli.context import Context, context_of
from heliodesk.cli.languages import Language
from heliodesk.cli.output import print_json, print_line, printable
from heliodesk.cli.sla_replay_words import (
    Sums,
    finding_line,
    more_line,
    summary_line,
    ticket_line,
)
from heliodesk.errors import CliError, Exit
from services.sla.adapters.log import EventLog, event_log
from services.sla.consumers import decisions
from services.sla.domain.findings import Finding, Found, stored
from services.sla.domain.replay import Decisions
from services.sla.domain.replay import replay as replayed_of
from services.sla.domain.ticket_log import Replayed, TicketLog
from services.sla.handlers import ClockHandlers
from shared.contracts.sla import ClockView
from shared.contracts.topics import CLOCKS
from shared.kernel import instant

SHOWN_MAX: Final = 10
"""Findings of one ticket that are written out; ``--json`` has all."""

LATE_SECONDS: Final = 30.0
"""What seems lost is read once more after that: an event of the clocks is stored first and sent
then. A slow broker holds it up, and one whose process died is sent by another one's sweep."""

Show = Callable[[Replayed], None]


def replay(  # noqa: PLR0917, RUF100 -- each is an option of its own.
    ctx: typer.Context,
    tickets: Annotated[
        list[str] | None, typer.Argument(help="Numbers or ids; none: all of the tenant.")
    ] = None,
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose tickets.")] = "main",
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only what has an event since then: 2026-10-01T00:00Z."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="End after so many tickets.")
    ] = None,
    log_only: Annotated[
        bool, typer.Option("--log-only", help="Do not ask the running sla what it has stored.")
    ] = False,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the text.")] = Language.EN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Audit the clocks: recompute every due time from the event log, and compare.

    Reads the topics of requests, tickets, clocks and configurations from their start, decides
    each event of the clocks anew, and says where what is recorded, or what sla shows, is another.
    Exit code 6 where something is, or cannot be proven.
    """
    context = context_of(ctx)
    start = None if since is None else _instant(since)
    sums = Sums()
    rows: list[dict[str, Any]] = []

    def show(found: Replayed) -> None:
        sums.count(found)
        if as_json:
            rows.extend([_row(found)] if found.findings or tickets else [])
        elif found.findings:
            _print(found, lang)

    audit = _Audit(context, tenant=tenant, since=start, limit=limit, log_only=log_only)
    asyncio.run(audit.run(tickets or (), show))
    if as_json:
        print_json(
            {
                "tickets": sums.tickets,
                "events": sums.events,
                "due_times": sums.due_times,
                "identical": sums.identical,
                "findings": {kind.value: count for kind, count in sums.kinds.items()},
                "rows": rows,
            }
        )
    else:
        print_line(summary_line(sums, lang))
    if sums.identical < sums.tickets:
        raise typer.Exit(Exit.DIFFERS)


class _Audit:
    """One run."""

    def __init__(
        self,
        context: Context,
        *,
        tenant: str,
        since: datetime | None,
        limit: int | None,
        log_only: bool,
    ) -> None:
        self._context = context
        self._tenant = tenant
        self._since = since
        self._limit = limit
        self._sla = None if log_only else context.api("sla")

    async def run(self, names: Sequence[str], show: Show) -> None:
        """Audit tickets, one after the other; all where none is named."""
        wanted = None
        if names and self._sla is not None:
            wanted = self._asked(names)
        async with event_log(self._context.servers) as log:
            if names and wanted is None:
                wanted = await self._found(log, names)
            configurations = await log.configurations()
            rules = decisions(ClockHandlers(configurations), self._tenant)
            late: set[str] = set()
            async with aclosing(self._asked_for(log, wanted, rules)) as found:
                async for ticket in found:
                    replayed = replayed_of(ticket, rules)
                    if any(one.kind is Found.LOST for one in replayed.findings):
                        late.add(ticket.ticket)
                    else:
                        show(self._compared(replayed))
            if late:
                await self._context.clock.sleep(LATE_SECONDS)
                async with aclosing(log.tickets(self._tenant, late, rules.on.keys())) as found:
                    async for ticket in found:
                        show(self._compared(replayed_of(ticket, rules)))

    async def _asked_for(
        self, log: EventLog, wanted: set[str] | None, rules: Decisions
    ) -> AsyncGenerator[TicketLog]:
        """Yield the logs of the tickets that are to be audited."""
        count = 0
        async with aclosing(log.tickets(self._tenant, wanted, rules.on.keys())) as found:
            async for ticket in found:
                if self._is_asked_for(ticket):
                    yield ticket
                    count += 1
                    if count == self._limit:
                        return

    def _compared(self, replayed: Replayed) -> Replayed:
        """Return it with how what sla shows differs, where sla is asked."""
        if self._sla is None or not replayed.whole:
            return replayed
        shown = _stored(self._sla, replayed)
        return replace(replayed, findings=(*replayed.findings, *shown))

    def _is_asked_for(self, ticket: TicketLog) -> bool:
        since = self._since
        streams = (ticket.clocks, *ticket.consumed.values())
        return since is None or any(event.time >= since for one in streams for event in one)

    def _asked(self, names: Sequence[str]) -> set[str]:
        """Return the ids of tickets, as intake knows them."""
        intake = self._context.api("intake")
        found = set()
        for name in names:
            request = intake.find(f"/v1/requests/{quote(name, safe='')}")
            if request is None:
                raise _unknown([name])
            found.add(str(request["ticket"]))
        return found

    async def _found(self, log: EventLog, names: Sequence[str]) -> set[str]:
        """Return the ids of tickets, as the log has them."""
        known = await log.ids(names, self._tenant)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise _unknown(unknown)
        return set(known.values())


def _stored(sla: Api, replayed: Replayed) -> list[Finding]:
    """Return how what sla shows of a ticket differs from what its log gives."""
    source = str(CLOCKS.source)
    answer = sla.find(f"/v1/clocks/{quote(replayed.ticket, safe='')}")
    if answer is None:
        if replayed.state is None:
            return []
        return [Finding(Found.STORED_DIFFERS, source, replayed.sequence, field="clocks")]
    return stored(
        source,
        replayed.sequence,
        [clock.view for clock in replayed.state.clocks] if replayed.state else [],
        revision=answer["revision"],
        shown=[ClockView.model_validate(view) for view in answer["clocks"]],
    )


def _print(found: Replayed, lang: Language) -> None:
    print_line(printable(ticket_line(found, lang)))
    for one in found.findings[:SHOWN_MAX]:
        print_line(f"  {printable(finding_line(one, lang))}")
    if len(found.findings) > SHOWN_MAX:
        print_line(f"  {more_line(len(found.findings) - SHOWN_MAX, lang)}")


def _row(found: Replayed) -> dict[str, Any]:
    return {
        "ticket": found.ticket,
        "number": found.number,
        "sequence": found.sequence,
        "events": found.events,
        "due_times": found.due_times,
        "identical": found.identical,
        "findings": [asdict(one) for one in found.findings],
    }


def _instant(text: str) -> datetime:
    try:
        return instant(datetime.fromisoformat(text))
    except ValueError as error:
        message = f"--since {text}: write an instant such as 2026-10-01T00:00Z"
        raise CliError(message, code=Exit.BAD_INPUT) from error


def _unknown(names: Sequence[str]) -> CliError:
    message = f"There is no ticket {', '.join(names)}: `heliodesk ticket list` shows them."
    return CliError(message, code=Exit.BAD_INPUT)
