"""What monitors have said: groups of alerts, maintenance windows, heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.handlers.asking import DOWN, Refusal, ask
from services.console.pages.frame import Frame, is_partial
from services.console.ports import AlertGroup, Window
from services.console.ports.intake import GROUPS_SHOWN_MAX


class Tab(StrEnum):
    """The selections of the page."""

    FIRING = "firing"
    ALL = "all"
    MAINTENANCE = "maintenance"
    HEARTBEATS = "heartbeats"


def alert_router(frame: Frame) -> APIRouter:
    """Return the routes of alerts."""
    router = APIRouter(include_in_schema=False, prefix="/alerts")
    intake, relating = frame.console.intake, frame.console.relating

    @router.get("")
    async def alerts(request: Request) -> Response:
        """Show a selection; to htmx only its live part."""
        caller, tab = frame.caller(request), _tab(request)
        asked: Sequence[AlertGroup] | Refusal = ()
        windows, beats = await asyncio.gather(
            ask(intake.windows(caller)), ask(intake.heartbeats(caller))
        )
        if tab in (Tab.FIRING, Tab.ALL):
            firing = True if tab is Tab.FIRING else None
            asked = await ask(intake.alert_groups(caller, firing=firing))
        groups: Sequence[AlertGroup] = () if isinstance(asked, Refusal) else asked
        tickets = await relating.named(caller, (e.ticket for g in groups for e in g.episodes[-1:]))
        return frame.page(
            request,
            "alerts_live.html" if is_partial(request) else "alerts.html",
            caller,
            tab=tab,
            tabs=tuple(Tab),
            groups=groups,
            is_cut=len(groups) >= GROUPS_SHOWN_MAX,
            tickets=tickets,
            windows=() if isinstance(windows, Refusal) else windows,
            beats=() if isinstance(beats, Refusal) else beats,
            titles=_titles(windows),
            down=any(isinstance(found, Refusal) for found in (asked, windows, beats)),
        )

    @router.get("/{key}")
    async def group(request: Request, key: str) -> Response:
        """Show a group with its alerts and episodes; to htmx only its live part."""
        caller, words = frame.caller(request), frame.words(request)
        found, windows = await asyncio.gather(
            ask(intake.alert_group(caller, key)), ask(intake.windows(caller))
        )
        if isinstance(found, Refusal):
            text = words("alerts.not_found" if found.is_missing else "intake.down")
            status = found.status if found.is_missing else DOWN
            return frame.page(request, "error.html", caller, status=status, text=text, tone="quiet")
        named = [t for e in found.episodes for t in (e.ticket, e.follows)]
        return frame.page(
            request,
            "alert_group_live.html" if is_partial(request) else "alert_group.html",
            caller,
            group=found,
            tickets=await relating.named(caller, named),
            titles=_titles(windows),
        )

    return router


def _tab(request: Request) -> Tab:
    try:
        return Tab(request.query_params.get("show", Tab.FIRING))
    except ValueError:
        return Tab.FIRING


def _titles(windows: Sequence[Window] | Refusal) -> dict[str, str]:
    """Return what maintenance windows are called, by name."""
    return {} if isinstance(windows, Refusal) else {w.name: w.title or w.name for w in windows}
