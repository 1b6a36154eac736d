"""`heliodesk route explain`: why a ticket is where it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_line

app = typer.Typer(no_args_is_help=True, help="Where tickets go.")


@app.callback()
def route() -> None:
    """Where tickets go."""


@app.command()
def explain(
    ctx: typer.Context,
    ticket: Annotated[str, typer.Argument(help="Its number or its id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say why a ticket came to its desk and to its agent."""
    found = context_of(ctx).api("routing").get(f"/v1/tickets/{ticket}/explain")
    if as_json:
        print_json(found)
        return
    for line in explanation_lines(found):
        print_line(line)


def explanation_lines(found: Mapping[str, Any]) -> list[str]:
    """Return an explanation of routing as lines for people."""
    where = f"{found['number']} is {found['status']} at {found['desk']}"
    lines = [f"{where}, with {found['agent']}." if found["agent"] else f"{where}."]
    if found["opens_at"]:
        lines.append(f"Nobody was open as it was queued; somebody opens at {found['opens_at']}.")
    for title, part in (("Desk", found["queued"]), ("Agent", found["assigned"])):
        if part is not None:
            lines += _part(title, part)
    return lines


def _part(title: str, part: Mapping[str, Any]) -> list[str]:
    by = f" (topology {part['topology']}, {part['shape']})" if part["topology"] else ""
    lines = [f"{title}: {part['rule']}{by}."]
    for candidate in part["candidates"]:
        mark = "→" if candidate["chosen"] else " "
        load = candidate["score"]
        words = "" if load is None else f", {load:.0%} of the capacity taken"
        left_out = f", left out: {candidate['left_out']}" if candidate["left_out"] else ""
        lines.append(f"  {mark} {candidate['name']}{words}{left_out}")
    if part["left_out"] and not any(c["left_out"] for c in part["candidates"]):
        counts = ", ".join(f"{count} {reason}" for reason, count in part["left_out"].items())
        lines.append(f"    others left out: {counts}")
    return lines
