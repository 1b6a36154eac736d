"""`heliodesk ticket`: list, look into, hand in; more commands are in `life` and `contacting`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from heliodesk.cli import contacting, life
from heliodesk.cli.context import Context, context_of
from heliodesk.cli.moments import ago, business_span, left_span, shown, used_span
from heliodesk.cli.output import (
    console,
    heading,
    note,
    print_facts,
    print_json,
    print_line,
    print_table,
)
from heliodesk.cli.route_words import explanation_lines
from heliodesk.errors import CliError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(no_args_is_help=True, help="List tickets, look into one, hand one in, work.")
life.add_to(app)
contacting.add_to(app)


class StatusWord(StrEnum):
    """Where a ticket can stand."""

    QUEUED = "queued"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in-progress"
    PENDING = "pending"
    RESOLVED = "resolved"
    CLOSED = "closed"


class ChannelWord(StrEnum):
    """How a request can have come."""

    EMAIL = "email"
    WEB = "web"
    CHAT = "chat"
    PHONE = "phone"
    WALK_UP = "walk-up"
    API = "api"
    MONITORING = "monitoring"


class PriorityWord(StrEnum):
    """P1 is the most pressing."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"


@app.command(name="list")
def list_tickets(  # noqa: PLR0917, RUF100 -- each is an option of its own.
    ctx: typer.Context,
    *,
    desk: Annotated[str | None, typer.Option("--desk", help="At this desk.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", help="In this queue of a desk.")] = None,
    status: Annotated[StatusWord | None, typer.Option("--status", help="In this state.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="With this agent.")] = None,
    priority: Annotated[
        PriorityWord | None, typer.Option("--priority", help="Of this priority.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200)] = 20,
    after: Annotated[
        str | None, typer.Option("--after", help="Where the page before ended (its `next`).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List tickets, the newest first."""
    context = context_of(ctx)
    page = context.api("routing").get(
        "/v1/tickets",
        desk=desk,
        queue=queue,
        status=status.value if status else None,
        agent=agent,
        priority=priority.value if priority else None,
        limit=limit,
        after=after,
    )
    if as_json:
        print_json(page)
        return
    now = context.clock.now()
    rows = [
        (
            ticket["number"],
            ticket["priority"],
            _status(ticket),
            ticket["desk"],
            ticket["queue"] or "",
            ticket["agent"] or "",
            ticket["kind"],
            ticket["channel"],
            ago(ticket["accepted_at"], now),
        )
        for ticket in page["tickets"]
    ]
    if not rows:
        print_line("There are no such tickets.")
        return
    print_table(
        ("ticket", "prio", "status", "desk", "queue", "agent", "kind", "by", "accepted"), rows
    )
    if page["next"]:
        note(f"There are more: --after {page['next']}")


def _status(ticket: Mapping[str, Any]) -> str:
    unattended = ticket["status"] == "queued" and ticket["tier"] == 0
    notes = ["tier 0"] * unattended + ["parked"] * ticket["parked"]
    return f"{ticket['status']} ({', '.join(notes)})" if notes else str(ticket["status"])


@app.command()
def show(
    ctx: typer.Context,
    ticket: Annotated[str, typer.Argument(help="Its number or its id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a ticket is, where it stands and why, its clocks, and all that was said."""
    context = context_of(ctx)
    whole = gather(context, ticket)
    if as_json:
        print_json(whole)
        return
    _show_facts(whole, context.clock.now())
    if whole["explanation"]:
        heading("Why it is where it is")
        for line in explanation_lines(whole["explanation"]):
            print_line(line)
    _show_clocks(whole, context.clock.now())
    _show_notices(whole)
    _show_conversation(whole)


@app.command()
def new(  # noqa: PLR0917, RUF100 -- each is an option of its own.
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(help="One line.")],
    *,
    mail: Annotated[str, typer.Option("--mail", help="Who asks, by mail address.")],
    text: Annotated[
        str, typer.Option("--text", help="What it is about; - reads standard input.")
    ] = "",
    kind: Annotated[str | None, typer.Option("--kind", help="incident, inquiry …")] = None,
    channel: Annotated[
        ChannelWord | None, typer.Option("--channel", help="How it came; else by the API.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Such as payroll.")] = None,
    site: Annotated[str | None, typer.Option("--site", help="Where the contact is.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Where the contact is.")] = None,
    business: Annotated[
        str | None, typer.Option("--business", help="The part of the company, or the customer.")
    ] = None,
    impact: Annotated[str | None, typer.Option("--impact", help="high, medium, low")] = None,
    urgency: Annotated[str | None, typer.Option("--urgency", help="high, medium, low")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Such as en or zh.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A word, such as vpn; given several times.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Your name of it: given again, it is the same one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand in a request for somebody, and print its ticket's number."""
    facts = {
        "kind": kind,
        "channel": channel.value if channel else None,
        "service": service,
        "site": site,
        "region": region,
        "business": business,
        "impact": impact,
        "urgency": urgency,
        "language": language,
        "tags": tag or None,
    }
    context = context_of(ctx)
    body = {
        "subject": subject,
        "text": sys.stdin.read() if text == "-" else text,
        "contact": {"mail": mail},
        **{name: value for name, value in facts.items() if value is not None},
    }
    headers = {"Idempotency-Key": key or context.clock.unique()}
    answer = context.api("intake").call("POST", "/v1/requests", body, headers=headers)
    if as_json:
        print_json(answer)
        return
    print_line(f"{answer['number']} is accepted: `heliodesk ticket show {answer['number']}`")


@app.command()
def reject(
    ctx: typer.Context,
    ticket: Annotated[str, typer.Argument(help="Its number or its id.")],
    reason: Annotated[str, typer.Argument(help="A word of the desk's list, such as busy.")],
    *,
    agent: Annotated[
        str | None, typer.Option("--as", help="For whom, as an administrator.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give back a ticket that is offered to you, and say why."""
    body = {"reason": reason} | ({"agent": agent} if agent else {})
    answer = context_of(ctx).api("routing").call("POST", f"/v1/tickets/{ticket}/reject", body)
    if as_json:
        print_json(answer)
        return
    print_line(f"{answer['number']} waits at {answer['desk']} again.")


def gather(context: Context, name: str) -> dict[str, Any]:
    """Return all that the services know of a ticket; what one does not know yet is None.

    Raises:
        CliError: no ticket has this number or id, or a service does not answer.
    """
    intake = context.api("intake")
    request = intake.find(f"/v1/requests/{name}")
    if request is None or request["ticket"] is None:
        raise CliError(f"There is no ticket {name}: `heliodesk ticket list` shows them.")
    ticket = request["ticket"]
    routing = context.api("routing")
    return {
        "ticket": ticket,
        "number": request["number"],
        "request": intake.find(f"/v1/tickets/{ticket}"),
        "standing": routing.find(f"/v1/tickets/{ticket}"),
        "explanation": routing.find(f"/v1/tickets/{ticket}/explain"),
        "clocks": context.api("sla").find(f"/v1/clocks/{ticket}"),
        "notices": (context.api("notify").find("/v1/notices", ticket=ticket) or {}).get("notices"),
    }


def _show_facts(whole: Mapping[str, Any], now: datetime) -> None:
    request, standing = whole["request"] or {}, whole["standing"] or {}
    facts, contact = request.get("facts") or {}, request.get("contact") or {}
    messages = request.get("messages") or ()
    subject = next((m["subject"] for m in messages if m["subject"]), "")
    print_line(Text(f"{whole['number']}  {subject}", style="bold"))
    where = " / ".join(v for n in ("region", "site") if (v := facts.get(n)))
    about = " / ".join(v for n in ("service", "category") if (v := facts.get(n)))
    accepted = facts.get("accepted_at")
    print_facts(
        {
            "status": _standing(standing) if standing else "accepted; routing has not seen it yet",
            "course": _course(standing) or None,
            "priority": _priority(facts) if facts else None,
            "kind": f"{facts['kind']}, by {facts['channel']}" if facts else None,
            "about": about or None,
            "contact": _contact(contact) if contact else None,
            "contact desk": standing.get("contact_desk"),
            "where": where or None,
            "language": facts.get("language"),
            "tags": ", ".join(facts.get("tags") or ()) or None,
            "accepted": f"{shown(accepted)} ({ago(accepted, now)})" if accepted else None,
            "follows up": request.get("follows"),
            "id": whole["ticket"],
            "parked": "an event of it waits for an operator" if standing.get("parked") else None,
        }
    )


def _standing(standing: Mapping[str, Any]) -> str:
    queue = f", queue {standing['queue']}" if standing.get("queue") else ""
    text = f"{standing['status']} at {standing['desk']}{queue} (tier {standing['tier']})"
    if standing["agent"]:
        text += f", {standing['agent']}"
    if standing.get("answer_by"):
        text += f", answer by {shown(standing['answer_by'])}"
    if standing.get("person_at"):
        text += f", goes to a person at {shown(standing['person_at'])}"
    if standing["pend_reason"]:
        until = f" until {shown(standing['pend_until'])}" if standing["pend_until"] else ""
        text += f", waits for {standing['pend_reason']}{until}"
    return text


def _course(standing: Mapping[str, Any]) -> str:
    """Return how a ticket has gone so far; empty where there is nothing to tell."""
    parts = [f"moved {moves}×"] if (moves := standing.get("moves")) else []
    parts += [f"given back {returns}×"] if (returns := standing.get("returns")) else []
    tasks = standing.get("tasks_open")
    parts += [f"{tasks} open {'task' if tasks == 1 else 'tasks'}"] if tasks else []
    if standing.get("resolver"):
        parts.append(f"solved by {standing['resolver']} (tier {standing.get('resolver_tier')})")
    if standing.get("close_at"):
        parts.append(f"closes {shown(standing['close_at'])} without an answer")
    return ", ".join(parts)


def _priority(facts: Mapping[str, Any]) -> str:
    vip = ", VIP" if facts.get("vip") else ""
    return f"{facts['priority']} (impact {facts['impact']}, urgency {facts['urgency']}{vip})"


def _contact(contact: Mapping[str, Any]) -> str:
    return f"{contact['name']} <{contact['mail']}>" if contact["mail"] else str(contact["name"])


def _show_clocks(whole: Mapping[str, Any], now: datetime) -> None:
    clocks = (whole["clocks"] or {}).get("clocks") or ()
    if not clocks:
        return
    heading("Clocks")
    rows = [
        (
            clock["policy"],
            clock["metric"],
            _clock_state(clock),
            _figure(clock, "used_seconds", "left_seconds"),
            _figure(clock, "elapsed_seconds", "calendar_left_seconds"),
            shown(clock["due_at"]) or "",
            ago(clock["due_at"], now) if clock["due_at"] and not clock["ended_at"] else "",
        )
        for clock in clocks
    ]
    columns = ("policy", "metric", "state", "business time", "calendar time", "due", "")
    print_table(columns, rows)


def _figure(clock: Mapping[str, Any], used: str, left: str) -> str:
    target = business_span(clock["target_seconds"])
    return f"{used_span(clock[used])} of {target}, {left_span(clock[left])}"


def _clock_state(clock: Mapping[str, Any]) -> Text:
    if clock["breached_at"]:
        return Text(f"{clock['state']}, breached", style="red")
    return Text(clock["state"], style="green" if clock["state"] == "met" else "")


def _show_notices(whole: Mapping[str, Any]) -> None:
    if not whole["notices"]:
        return
    heading("Told")
    rows = [
        (
            notice["kind"],
            f"{notice['recipient_kind']} {notice['recipient']}",
            notice["status"],
            shown(notice["settled_at"] or notice["planned_at"]) or "",
            notice["reason"] or "",
        )
        for notice in whole["notices"]
    ]
    print_table(("notice", "to", "state", "at", ""), rows)


def _show_conversation(whole: Mapping[str, Any]) -> None:
    messages = (whole["request"] or {}).get("messages") or ()
    if not messages:
        return
    heading("Conversation")
    out = console()
    for message in messages:
        out.print(
            Text.assemble(
                (message["author_name"] or message["author"], "bold"),
                (f"  {message['direction']} by {message['channel']}", "dim"),
                (f"  {shown(message['at'])}", "dim"),
            )
        )
        for line in (message["text"] or message["subject"]).splitlines():
            out.print(f"  {line}", markup=False)
