"""`heliodesk agent`: who takes work."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from heliodesk.api import content_of
from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_line, print_table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(no_args_is_help=True, help="Agents: who takes work, and how much they hold.")


class PresenceWord(StrEnum):
    """What an agent can be."""

    AVAILABLE = "available"
    AWAY = "away"
    OFFLINE = "offline"


@app.command(name="list")
def list_agents(
    ctx: typer.Context,
    *,
    desk: Annotated[str | None, typer.Option("--desk", help="Of one desk only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the agents: presence, and what they hold of what they can."""
    found = context_of(ctx).api("routing").get("/v1/agents", desk=desk)["agents"]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            agent["id"],
            agent["name"],
            ", ".join(agent["desks"]),
            agent["presence"],
            f"{agent['load']} of {agent['capacity']}",
            ", ".join(agent["languages"]),
        )
        for agent in found
    ]
    print_table(("agent", "name", "desks", "presence", "holds", "speaks"), rows)


@app.command()
def presence(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id, such as h-clarke.")],
    state: Annotated[PresenceWord, typer.Argument(help="Whether the agent takes work.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say whether an agent takes work."""
    answer = (
        context_of(ctx)
        .api("routing")
        .call("PUT", f"/v1/agents/{agent}/presence", {"presence": state.value})
    )
    if as_json:
        print_json(answer)
        return
    print_line(f"{answer['name']} ({answer['id']}) is {answer['presence']}.")


@app.command(name="next")
def take_next(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id, such as h-clarke.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take the next best ticket of what waits, and begin with it."""
    context = context_of(ctx)
    api = context.api("routing")
    response = api.send("POST", f"/v1/agents/{agent}/next")
    answer = content_of(api.service, response)
    if as_json:
        print_json(answer)
        return
    if answer is None:
        wait = response.headers.get("retry-after")
        when = f"; something may come in {wait} s" if wait else ""
        print_line(f"Nothing waits for {agent}{when}.")
        return
    print_line(f"{answer['number']} ({answer['priority']}) of {answer['desk']} is {agent}'s now.")
