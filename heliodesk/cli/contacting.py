"""`heliodesk ticket refer|person|visit|causes`: to whom a requester comes, and what caused it.

An administrator acts for an agent with ``--as``; everybody else as themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from heliodesk.api import Api
from heliodesk.cli.context import context_of
from heliodesk.cli.moments import shown
from heliodesk.cli.output import print_json, print_line
from heliodesk.errors import CliError, Exit

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ticket = Annotated[str, typer.Argument(help="Its number or its id.")]
As = Annotated[str | None, typer.Option("--as", help="The agent for whom you act.")]


def add_to(app: typer.Typer) -> None:
    """Give `heliodesk ticket` these commands."""
    for name, command in (
        ("refer", refer),
        ("person", person),
        ("visit", visit),
        ("causes", causes),
    ):
        app.command(name=name)(command)


def refer(
    ctx: typer.Context,
    ticket: Ticket,
    *,
    desk: Annotated[
        str | None,
        typer.Option("--desk", help="One of the hybrid topology; else the one of its tables."),
    ] = None,
    agent: As = None,
    as_json: AsJson = False,
) -> None:
    """Refer the requester to the regional desk, which is the contact from then on."""
    found = _sent(ctx, ticket, "refer", {"desk": desk, "agent": agent})
    if as_json:
        print_json(found)
        return
    print_line(
        f"{found['number']} is {found['status']} at {found['desk']}{_opens(found)}; "
        f"the requester's contact is {found['contact_desk']} from now on."
    )


def person(ctx: typer.Context, ticket: Ticket, *, as_json: AsJson = False) -> None:
    """Send a ticket of tier 0 to a person; one that is with a desk already stays there."""
    found = _sent(ctx, ticket, "person", None)
    if as_json:
        print_json(found)
        return
    print_line(f"{found['number']} is {found['status']} at {found['desk']}{_opens(found)}.")


def visit(ctx: typer.Context, ticket: Ticket, *, agent: As = None, as_json: AsJson = False) -> None:
    """Give a ticket to the desk whose people go to its site."""
    found = _sent(ctx, ticket, "visit", {"agent": agent})
    if as_json:
        print_json(found)
        return
    print_line(
        f"{found['number']} is {found['status']} at {found['desk']}{_opens(found)}, "
        f"for a visit to {found['site']}."
    )


def causes(
    ctx: typer.Context,
    ticket: Ticket,
    cause: Annotated[
        str | None, typer.Argument(help="The ticket that caused it; without: list the causes.")
    ] = None,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="It was not its cause.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say which ticket caused this one, such as a change; or list what did."""
    if remove and cause is None:
        raise CliError("--remove: name the ticket that was not its cause.", code=Exit.BAD_INPUT)
    api = context_of(ctx).api("intake")
    if cause is None:
        # The list is by id alone; the commands know numbers as well.
        request = api.find(f"/v1/requests/{ticket}")
        if request is None or request["ticket"] is None:
            raise CliError(f"There is no ticket {ticket}: `heliodesk ticket list` shows them.")
        found = api.get(f"/v1/tickets/{request['ticket']}")
    else:
        verb = "causes/remove" if remove else "causes"
        found = api.call("POST", f"/v1/tickets/{ticket}/{verb}", {"cause": cause})
    if as_json:
        print_json(found["links"])
        return
    for word, others in (
        ("is caused by", found["links"]["causes"]),
        ("is the cause of", found["links"]["effects"]),
    ):
        if others:
            names = ", ".join(_number(api, other) for other in others)
            print_line(f"{found['number']} {word} {names}.")
    if not found["links"]["causes"]:
        print_line(f"{found['number']} has no known cause.")


def _sent(ctx: typer.Context, ticket: str, verb: str, body: Mapping[str, Any] | None) -> Any:
    sent = None if body is None else {n: value for n, value in body.items() if value is not None}
    return context_of(ctx).api("routing").call("POST", f"/v1/tickets/{ticket}/{verb}", sent)


def _opens(found: Mapping[str, Any]) -> str:
    """Return when somebody opens, where nobody is open; else nothing."""
    return f", which opens at {shown(found['opens_at'])}" if found["opens_at"] else ""


def _number(api: Api, ticket: str) -> str:
    """Return a ticket's number; its id where it is not to be had."""
    found = api.find(f"/v1/tickets/{ticket}")
    return str(found["number"]) if found else ticket
