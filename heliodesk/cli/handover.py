"""`heliodesk handover`: the ends of shifts, their briefs and reports, and what people say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.handover_brief import brief, on_clock, show_item
from heliodesk.cli.languages import Language
from heliodesk.cli.output import (
    print_facts,
    print_json,
    print_line,
    print_table,
    print_text,
    printable,
)

app = typer.Typer(no_args_is_help=True, help="Shift handovers: list, briefs, reports, signatures.")
app.command(name="brief")(brief)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(help="The handover's id; see `heliodesk handover list`.")]
Ticket = Annotated[str, typer.Argument(help="The ticket's number or id.")]
As = Annotated[
    str | None, typer.Option("--as", help="For whom an administrator says it.", metavar="AGENT")
]
Zone = Annotated[
    str | None, typer.Option("--zone", help="IANA zone of times; else the taking desk's.")
]


class Side(StrEnum):
    """Who hands over, and who takes over."""

    GIVING = "giving"
    TAKING = "taking"


class How(StrEnum):
    """How a matter stands."""

    NORMAL = "normal"
    ATTENTION = "attention"
    NONE = "none"


Lang = Annotated[Language, typer.Option("--lang", help="Language of briefs and reports.")]


@app.command(name="list")
def list_handovers(
    ctx: typer.Context,
    *,
    desk: Annotated[str | None, typer.Option("--desk", help="On either side.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Those that are not over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List handovers, the latest end of a shift first."""
    api = context_of(ctx).api("routing")
    found = api.get("/v1/handovers", desk=desk, open="true" if only_open else None)
    if as_json:
        print_json(found["handovers"])
        return
    rows = [
        (
            h["id"],
            f"{h['desk']} → {h['to']}",
            on_clock(h["closes_at"], h["time_zone"]),
            h["stage"],
            ", ".join(h["unsigned"]) or "-",
            ", ".join(a["reason"] for a in h["alarms"]) or "-",
        )
        for h in found["handovers"]
    ]
    print_table(("id", "desks", "end of shift", "stage", "unsigned", "alarms"), rows)


@app.command()
def show(
    ctx: typer.Context,
    handover: Id,
    *,
    lang: Lang = Language.EN,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Show a handover with the brief of each ticket."""
    api = context_of(ctx).api("routing")
    found = api.get(f"/v1/handovers/{handover}", lang=lang.value, zone=zone)
    if as_json:
        print_json(found)
        return
    clock = found["time_zone"]
    print_facts(
        {
            "desks": f"{found['desk']} → {found['to']}",
            "whose shift ends": ", ".join(found["agents"]) or None,
            "end of shift": on_clock(found["closes_at"], clock),
            "times": f"of {clock}; in brackets UTC",
            "stage": found["stage"],
            **{f"{side} side": _answering(who) for side, who in found["answering"].items()},
            "unsigned": ", ".join(found["unsigned"]) or None,
            "you may sign": ", ".join(found["may_sign"]) or None,
            "did not answer": ", ".join(found["missing"]) or None,
        }
    )
    for item in found["items"]:
        show_item(item, clock)
    for matter in found["matters"]:
        noted = matter["noted"]
        said = f"{noted['state']}: {printable(noted['text'])}" if noted else "not said"
        print_line(f"{matter['title']}: {said}")


@app.command()
def report(
    ctx: typer.Context,
    handover: Id,
    *,
    lang: Lang = Language.EN,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Print the report of a shift, for both desks."""
    api = context_of(ctx).api("routing")
    found = api.get(f"/v1/handovers/{handover}/report", lang=lang.value, zone=zone)
    if as_json:
        print_json(found)
        return
    print_text(found["text"])


@app.command()
def accept(
    ctx: typer.Context,
    handover: Id,
    ticket: Ticket,
    *,
    take: Annotated[bool, typer.Option("--take", help="Give it to yourself at once.")] = False,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Take over a ticket that is offered."""
    _say(ctx, f"{handover}/items/{ticket}/accept", {"take": take, "agent": agent}, as_json=as_json)


@app.command()
def decline(
    ctx: typer.Context,
    handover: Id,
    ticket: Ticket,
    *,
    reason: Annotated[str, typer.Option("--reason", help="A code, such as needs-the-site.")],
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a ticket that is offered."""
    body = {"reason": reason, "agent": agent}
    _say(ctx, f"{handover}/items/{ticket}/decline", body, as_json=as_json)


@app.command()
def keep(
    ctx: typer.Context,
    handover: Id,
    ticket: Ticket,
    *,
    reason: Annotated[str, typer.Option("--reason", help="A code.")] = "nearly-done",
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Keep a ticket that you hold: its clock sleeps until your desk opens."""
    body = {"reason": reason, "agent": agent}
    _say(ctx, f"{handover}/items/{ticket}/keep", body, as_json=as_json)


@app.command()
def matter(
    ctx: typer.Context,
    handover: Id,
    name: Annotated[str, typer.Argument(help="The matter, such as environment.")],
    how: Annotated[How, typer.Argument(help="How it stands.")],
    *,
    text: Annotated[str, typer.Option("--text", "-m", help="Nothing of a person.")] = "",
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Say how a matter stands that is no ticket."""
    body = {"state": how.value, "text": text, "agent": agent}
    _process(ctx, f"{handover}/matters/{name}", body, as_json=as_json)


@app.command()
def sign(
    ctx: typer.Context,
    handover: Id,
    *,
    side: Annotated[Side | None, typer.Option("--side", help="Else the one you belong to.")] = None,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Sign for a side."""
    body = {"side": side.value if side else None, "agent": agent}
    _process(ctx, f"{handover}/sign", body, as_json=as_json)


def _say(ctx: typer.Context, path: str, body: Mapping[str, Any], *, as_json: bool) -> None:
    """Say something about one ticket, and show what became of it."""
    answer = context_of(ctx).api("routing").call("POST", f"/v1/handovers/{path}", body)
    if as_json:
        print_json(answer)
    else:
        print_line(answer["told"])


def _process(ctx: typer.Context, path: str, body: Mapping[str, Any], *, as_json: bool) -> None:
    """Say something about the handover as a whole, and show who has still to sign."""
    answer = context_of(ctx).api("routing").call("POST", f"/v1/handovers/{path}", body)
    if as_json:
        print_json(answer)
        return
    left = ", ".join(answer["unsigned"]) or "nobody"
    print_line(f"{answer['desk']} → {answer['to']}: {answer['stage']}; still to sign: {left}.")


def _answering(who: Mapping[str, Any]) -> str:
    """Return who signs for a side."""
    signs = f"{who['on_duty']} is on duty" if who["on_duty"] else "nobody in particular is on duty"
    return f"{signs}; duty manager {who['duty_manager']}" if who["duty_manager"] else signs
