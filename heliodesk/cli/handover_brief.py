"""`heliodesk handover brief`: what the next desk is told of a ticket, and putting it right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.languages import Language
from heliodesk.cli.notes import write_note
from heliodesk.cli.output import heading, print_json, print_line, printable
from shared.calendar.zones import zone

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(help="The handover's id; see `heliodesk handover list`.")]
Ticket = Annotated[str, typer.Argument(help="The ticket's number or id.")]
As = Annotated[
    str | None, typer.Option("--as", help="For whom an administrator says it.", metavar="AGENT")
]


class Step(StrEnum):
    """What is to be done next on a ticket."""

    ASSIGN = "assign"
    BEGIN = "begin"
    CONTINUE = "continue"
    AWAIT_CONTACT = "await-contact"
    CHASE_SUPPLIER = "chase-supplier"
    AWAIT_CHANGE = "await-change"
    RESUME_LATER = "resume-later"
    REVIEW_RESOLUTION = "review-resolution"
    WATCH_ALERTS = "watch-alerts"
    CALL_CONTACT = "call-contact"
    VISIT_SITE = "visit-site"
    ESCALATE = "escalate"
    VERIFY = "verify"


def brief(  # noqa: PLR0917, RUF100 -- each is an option of its own.
    ctx: typer.Context,
    handover: Id,
    ticket: Ticket,
    *,
    step: Annotated[Step | None, typer.Option("--next", help="What is to be done next.")] = None,
    text: Annotated[
        str, typer.Option("--text", "-m", help="For the next desk, kept as an internal note.")
    ] = "",
    lang: Annotated[Language, typer.Option("--lang", help="Language of the brief.")] = Language.EN,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Show the brief of one ticket; with --next or --text put it right first."""
    context = context_of(ctx)
    api = context.api("routing")
    path = f"/v1/handovers/{handover}/items/{ticket}"
    if step is None and not text:
        found = api.get(path, lang=lang.value)
    else:
        body: dict[str, Any] = {"next": step.value} if step else {}
        body |= {"agent": agent} if agent else {}
        if text:
            # A note about what is in no handover would stay behind.
            api.get(path)
            body["note"] = write_note(context, ticket, text, key=context.clock.unique())
        found = api.call("POST", f"{path}/brief", body, params={"lang": lang.value})
    if as_json:
        print_json(found)
        return
    show_item(found, api.get(f"/v1/handovers/{handover}")["time_zone"])


def show_item(item: Mapping[str, Any], clock: str) -> None:
    """Print one ticket of a handover, on the clock of a zone: what becomes of it, and its brief."""
    heading(printable(item["told"]))
    for line in item["lines"]:
        print_line(f"  {printable(line)}")
    for quote in item["quotes"]:
        text = printable(" ".join(quote["text"].split()))
        more = "" if quote["whole"] else " …"
        print_line(
            f"  > {printable(quote['author'])}, {on_clock(quote['at'], clock)}: {text}{more}"
        )


def on_clock(at: str | None, zone_name: str) -> str:
    """Return an instant on the clock of a zone, and in brackets in UTC; empty for none."""
    if at is None:
        return ""
    when = datetime.fromisoformat(at)
    local, utc = when.astimezone(zone(zone_name)), when.astimezone(UTC)
    same_day = local.date() == utc.date()
    return f"{local:%Y-%m-%d %H:%M} ({utc:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}} UTC)"
