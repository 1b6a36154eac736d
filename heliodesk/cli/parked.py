"""`heliodesk parked`: events that a service could not apply, and what is to become of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from heliodesk.cli.context import Context, context_of
from heliodesk.cli.output import note, print_facts, print_json, print_line, print_table
from heliodesk.errors import CliError, Exit
from heliodesk.product.addresses import SERVICES

PATH = "/v1/parked"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Service = Annotated[
    str | None, typer.Option("--service", "-s", help="One service instead of all of them.")
]

app = typer.Typer(no_args_is_help=True, help="Events that wait because they could not be applied.")


@app.command(name="list")
def list_parked(ctx: typer.Context, *, service: Service = None, as_json: AsJson = False) -> None:
    """List parked events of every service."""
    found = _rows(context_of(ctx), _services(service))
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("Nothing is parked.")
        return
    rows = [
        (
            row["service"],
            row["at"],
            row["stream"] or "",
            row["event_type"] or "(unreadable)",
            row["error"] or "waits behind another",
        )
        for row in found
    ]
    print_table(("service", "parked", "stream", "event", "error"), rows)
    note("`heliodesk parked replay STREAM` tries again, `heliodesk parked show ID` tells more.")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A record's id, or a stream.")],
    *,
    service: Service = None,
    as_json: AsJson = False,
) -> None:
    """Show one parked event, or all of a stream."""
    rows = _rows(context_of(ctx), _services(service))
    found = [row for row in rows if name in {row["id"], row["stream"], row["event_id"]}]
    if not found:
        raise CliError(f"Nothing is parked under {name}: `heliodesk parked list` shows what is.")
    if as_json:
        print_json(found)
        return
    for row in found:
        print_facts({key.replace("_", " "): _text(value) for key, value in row.items()})
        print_line()


@app.command()
def replay(
    ctx: typer.Context,
    stream: Annotated[str, typer.Argument(help="The stream (a ticket's id, say).")],
    *,
    service: Service = None,
    as_json: AsJson = False,
) -> None:
    """Apply the parked events of a stream in their order; exit code 3 where one still fails."""
    context = context_of(ctx)
    rows = _rows(context, _services(service))
    owners = list(dict.fromkeys(row["service"] for row in rows if row["stream"] == stream))
    if not owners:
        raise CliError(f"Nothing of the stream {stream} is parked.")
    done: list[dict[str, Any]] = []
    for owner in owners:
        answer = context.api(owner).call("POST", f"{PATH}/{stream}/replay")
        done.append({"service": owner, "stream": stream, **answer})
    if as_json:
        print_json(done)
    else:
        for result in done:
            print_line(_replayed(result))
    if any(result["remaining"] for result in done):
        raise typer.Exit(Exit.CONFLICT)


@app.command()
def discard(
    ctx: typer.Context,
    record: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    *,
    service: Service = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove one parked event for good: it will never be applied."""
    context = context_of(ctx)
    found = [row for row in _rows(context, _services(service)) if row["id"] == record]
    if not found:
        raise CliError(f"No parked record has the id {record}.")
    row = found[0]
    if not yes:
        question = f"Remove {row['event_type'] or 'the unreadable record'} from {row['service']}?"
        typer.confirm(question, abort=True, err=True)
    answer = context.api(row["service"]).call("DELETE", f"{PATH}/records/{record}")
    if as_json:
        print_json({"service": row["service"], **answer})
        return
    print_line(f"Removed {record} from {row['service']}.")


def _services(service: str | None) -> Sequence[str]:
    if service is None:
        return SERVICES
    if service not in SERVICES:
        message = f"There is no service {service}; there are {', '.join(SERVICES)}."
        raise CliError(message, code=Exit.BAD_INPUT)
    return (service,)


def _rows(context: Context, services: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the services, the oldest first.

    Raises:
        CliError: one of them does not answer; half a list would look like all of it.
    """
    found = [
        {"service": service, **row}
        for service in services
        for row in context.api(service).get(PATH)
    ]
    return sorted(found, key=lambda row: str(row["at"]))


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _replayed(result: dict[str, Any]) -> str:
    text = f"{result['service']}: {result['applied']} applied"
    if result["remaining"]:
        return f"{text}, {result['remaining']} still wait: {result['error']}"
    return f"{text}, nothing waits any more."
