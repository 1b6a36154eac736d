"""`heliodesk ticket start|confirm|escalate|tasks|task|watch`: what happens to a ticket at work.

An administrator acts for an agent with ``--as``; everybody else as themselves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.notes import write_note
from heliodesk.cli.output import print_json, print_line, print_table
from heliodesk.errors import CliError, Exit

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ticket = Annotated[str, typer.Argument(help="Its number or its id.")]
As = Annotated[str | None, typer.Option("--as", help="The agent for whom you act.")]


class KindWord(StrEnum):
    """Which way help is called for."""

    FUNCTIONAL = "functional"
    HIERARCHICAL = "hierarchical"


class SaidWord(StrEnum):
    """How the requester said it."""

    LINK = "link"
    REPLY = "reply"
    AGENT = "agent"


class TaskWord(StrEnum):
    """What is done with a task."""

    START = "start"
    DONE = "done"
    CANCEL = "cancel"


def add_to(app: typer.Typer) -> None:
    """Give `heliodesk ticket` these commands."""
    for name, command in (
        ("start", start),
        ("confirm", confirm),
        ("escalate", escalate),
        ("tasks", tasks),
        ("task", task),
        ("task-do", task_do),
        ("watch", watch),
    ):
        app.command(name=name)(command)


def start(ctx: typer.Context, ticket: Ticket, *, agent: As = None, as_json: AsJson = False) -> None:
    """Be at work on a ticket; it is accepted, or taken from its queue, with it."""
    _told(_sent(ctx, ticket, "start", _given(agent=agent)), as_json=as_json)


def confirm(
    ctx: typer.Context,
    ticket: Ticket,
    *,
    satisfied: Annotated[
        bool, typer.Option("--satisfied/--dissatisfied", help="What the requester said.")
    ],
    said: Annotated[SaidWord, typer.Option("--said", help="How.")] = SaidWord.AGENT,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Record what the requester says of the solution: it closes the ticket, or reopens it."""
    body = {"satisfied": satisfied, "said": said.value, **_given(agent=agent)}
    _told(_sent(ctx, ticket, "confirm", body), as_json=as_json)


def escalate(
    ctx: typer.Context,
    ticket: Ticket,
    *,
    kind: Annotated[
        KindWord, typer.Option("--kind", help="functional moves it, hierarchical tells somebody.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="A code, such as skills.")],
    to: Annotated[
        str | None, typer.Option("--to", help="A desk, or an agent; else who comes next.")
    ] = None,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Call for help with a ticket."""
    body = {"kind": kind.value, "reason": reason, **_given(to=to, agent=agent)}
    _told(_sent(ctx, ticket, "escalate", body), as_json=as_json)


def tasks(
    ctx: typer.Context,
    ticket: Annotated[
        str | None, typer.Argument(help="Of this ticket; else the open ones of all.")
    ] = None,
    *,
    desk: Annotated[str | None, typer.Option("--desk", help="Asked of this desk.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Asked of this agent.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tasks."""
    api = context_of(ctx).api("routing")
    if ticket is None:
        found = api.get("/v1/tasks", desk=desk, agent=agent)
    elif desk or agent:
        raise CliError("Name a ticket, or a desk and an agent.", code=Exit.BAD_INPUT)
    else:
        found = api.get(f"/v1/tickets/{ticket}/tasks")
    _listed(found, as_json=as_json)


def task(  # noqa: PLR0917, RUF100 -- each is an option of its own.
    ctx: typer.Context,
    ticket: Ticket,
    *,
    desk: Annotated[str | None, typer.Option("--desk", help="Who is to do it.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Who is to do it.")] = None,
    code: Annotated[str, typer.Option("--code", help="What kind of work.")] = "work",
    text: Annotated[str, typer.Option("--text", help="What is to be done, kept as a note.")] = "",
    key: Annotated[
        str | None, typer.Option("--key", help="Your name of it: given again, it is the same one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a desk or an agent for a part of the work."""
    context = context_of(ctx)
    name = key or context.clock.unique()
    body = {"code": code, **_given(desk=desk, agent=agent)}
    if text:
        body["note"] = write_note(context, ticket, text, key=f"{name}-note")
    headers = {"Idempotency-Key": name}
    path = f"/v1/tickets/{ticket}/tasks"
    _listed(context.api("routing").call("POST", path, body, headers=headers), as_json=as_json)


def task_do(  # noqa: PLR0917, RUF100 -- each is an argument of its own.
    ctx: typer.Context,
    ticket: Ticket,
    task: Annotated[str, typer.Argument(help="Its id.")],
    verb: Annotated[TaskWord, typer.Argument(help="What becomes of it.")],
    *,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="Of one that is done: a code of lifecycle.yaml.")
    ] = None,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Start, finish or cancel a task."""
    path = f"/v1/tickets/{ticket}/tasks/{task}/{verb.value}"
    _listed(
        context_of(ctx).api("routing").call("POST", path, _given(outcome=outcome, agent=agent)),
        as_json=as_json,
    )


def watch(
    ctx: typer.Context,
    ticket: Ticket,
    watcher: Annotated[str, typer.Argument(help="An agent's name, or a contact's id.")],
    *,
    contact: Annotated[bool, typer.Option("--contact", help="It is a contact.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="They follow it no more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let somebody follow a ticket: they are told of what is public."""
    body = {"watcher": watcher, "kind": "contact" if contact else "agent"}
    verb = "watchers/remove" if stop else "watchers"
    found = _sent(ctx, ticket, verb, body)
    if as_json:
        print_json(found)
        return
    count = found["watchers"]
    who = {0: "nobody follows", 1: "1 follows"}.get(count, f"{count} follow")
    print_line(f"{found['number']}: {who} it.")


def _given(**fields: str | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _sent(ctx: typer.Context, ticket: str, verb: str, body: dict[str, Any]) -> Any:
    return context_of(ctx).api("routing").call("POST", f"/v1/tickets/{ticket}/{verb}", body)


def _told(found: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    who = f", {found['agent']}" if found["agent"] else ""
    print_line(f"{found['number']} is {found['status']} at {found['desk']}{who}.")


def _listed(found: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["number"],
            one["id"],
            one["code"],
            one["status"],
            one["desk"] or "",
            one["agent"] or "",
        )
        for one in found["tasks"]
    ]
    if not rows:
        print_line("There are no such tasks.")
        return
    print_table(("ticket", "task", "code", "status", "desk", "agent"), rows)
