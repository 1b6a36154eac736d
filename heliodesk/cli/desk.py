"""`heliodesk desk`: who is open, what waits there, and how people reach it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.moments import shown
from heliodesk.cli.output import print_json, print_table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(no_args_is_help=True, help="Desks: who is open, and what waits.")


@app.callback()
def desk() -> None:
    """Desks: who is open, and what waits."""


@app.command(name="list")
def list_desks(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the desks: opening, what waits and is in work, and the ways to each."""
    found = context_of(ctx).api("routing").get("/v1/desks")["desks"]
    if as_json:
        print_json(found)
        return
    print_table(
        ("desk", "tier", "stands", "waits", "tier 0", "in work", "ways", "duty manager"),
        [_row(one) for one in found],
    )


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    in_work = sum(one[n] for n in ("offered", "assigned", "accepted", "in_progress", "pending"))
    ways = [one[name] for name in ("phone", "email", "url", "address") if one[name]]
    return (
        one["name"],
        str(one["tier"]),
        _stands(one),
        str(one["queued"]),
        str(one["unattended"]),
        str(in_work),
        ", ".join(ways),
        one["duty_manager"] or "",
    )


def _stands(one: Mapping[str, Any]) -> str:
    """Return whether a desk is open, and when that changes."""
    if one["open"]:
        return f"open until {shown(one['closes_at'])}" if one["closes_at"] else "always open"
    return f"closed until {shown(one['opens_at'])}" if one["opens_at"] else "closed"
