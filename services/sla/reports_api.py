"""The HTTP API of the reports: a month as JSON, CSV, or a page to print."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import AwareDatetime

from services.sla.domain.months import Asked, AskedWrongError
from services.sla.domain.outcomes import MISSED
from services.sla.domain.report import Report
from services.sla.domain.report_csv import CLOCK_COLUMNS, Table, clock_lines, csv_of, lines_of
from services.sla.domain.report_html import page_of
from services.sla.reports import Question, Reports, Scope
from shared.auth import Action, Actor
from shared.http import Problem, allowed
from shared.kernel import instant

CSV = "text/csv; charset=utf-8"
Name = Annotated[str | None, Query(max_length=80)]


def reports_router(reports: Reports) -> APIRouter:
    """Return the routes below ``/v1/reports``. They are read with the right to read."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])
    read: Any = allowed(Action.READ)

    @router.get("/{month}", response_model=Report)
    async def report(
        month: str,
        *,
        customer: Name = None,
        desk: Name = None,
        agreement: Name = None,
        priority: Name = None,
        time_zone: Annotated[str, Query(max_length=80)] = "UTC",
        as_of: AwareDatetime | None = None,
        answer: Annotated[Literal["json", "csv", "html"], Query(alias="format")] = "json",
        table: Table = "summary",
        lang: Literal["en", "zh"] = "en",
        actor: Actor = read,
    ) -> Report | Response:
        """Return what was promised in a month and what was kept of it, with the causes of breaches.

        Once its month is closed (``status``), the answer is the same for ever, byte by byte. A
        filter of ``-`` asks for clocks without a customer, agreement or desk. CSV has one
        ``table``: summary, causes, corrections, scorecard, resolution-changes,
        breaches, or clocks, a line for each that counts.
        """
        question = Question(
            month=month,
            time_zone=time_zone,
            asked=Asked(customer=customer, desk=desk, agreement=agreement, priority=priority),
            as_of=None if as_of is None else instant(as_of),
        )
        try:
            scope = await reports.scope(actor.tenant, question)
        except AskedWrongError as error:
            errors = [{"field": error.field, "reason": error.reason}]
            raise Problem(422, "invalid", str(error), errors=errors) from error
        if answer == "csv" and table in {"clocks", "breaches"}:
            lines = _lines(reports, actor.tenant, scope, missed=table == "breaches")
            return StreamingResponse(lines, media_type=CSV, headers=_named(month, table))
        found = await reports.report(actor.tenant, scope)
        if answer == "json":
            return found
        if answer == "html":
            return HTMLResponse(page_of(found, lang=lang))
        return Response(csv_of(found, table), media_type=CSV, headers=_named(month, table))

    return router


async def _lines(
    reports: Reports, tenant: str, scope: Scope, *, missed: bool
) -> AsyncIterator[str]:
    """Yield the clocks of a month as CSV; only so many are held at once as one read brings."""
    yield lines_of([CLOCK_COLUMNS])
    async for outcomes in reports.outcomes(tenant, scope):
        yield clock_lines(one for one in outcomes if not missed or one.outcome == MISSED)


def _named(month: str, table: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="sla-{month}-{table}.csv"'}
