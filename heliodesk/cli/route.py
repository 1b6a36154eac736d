"""`heliodesk route`: why a ticket is where it is, and where a request would go."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_line
from heliodesk.cli.route_words import change_lines, explanation_lines, part_lines
from heliodesk.errors import CliError, Exit
from heliodesk.product.directory import read_directory
from services.routing.domain.simulation import Simulation, SimulationInvalid, simulate
from shared.kernel import instant, rfc3339
from shared.organisation import Configuration, ConfigurationInvalid, parse_sections
from shared.organisation.yaml_text import YamlInvalid, load_yaml

app = typer.Typer(no_args_is_help=True, help="Where tickets go.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def route() -> None:
    """Where tickets go."""


@app.command()
def explain(
    ctx: typer.Context,
    ticket: Annotated[str, typer.Argument(help="Its number or its id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say why a ticket came to its desk and to its agent, or for whom it waits."""
    found = context_of(ctx).api("routing").get(f"/v1/tickets/{ticket}/explain")
    if as_json:
        print_json(found)
        return
    for line in explanation_lines(found):
        print_line(line)


@app.command(name="simulate")
def simulate_request(  # noqa: PLR0917, RUF100 -- each is an option of its own.
    ctx: typer.Context,
    request: Annotated[Path, typer.Argument(help="The request as JSON or YAML; - reads stdin.")],
    folder: Annotated[
        Path, typer.Argument(help="The directory with the configuration's YAML files.")
    ] = Path(),
    *,
    at: Annotated[
        str | None, typer.Option("--at", help="When, such as 2027-03-28T00:30Z; else now.")
    ] = None,
    agents: Annotated[
        Path | None,
        typer.Option("--agents", help="How agents stand, as JSON or YAML; else all are free."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say where a request would go at some instant, and to whom; asks no running product.

    The request names what is known of it: kind, channel, priority (or impact and urgency),
    service, category, region, site, business, choice (of a menu), language, vip, tags; queued_at where it has waited; reopened,
    solver, last_agent.
    """
    configuration = _configuration(folder)
    when = _instant(at) if at else instant(context_of(ctx).clock.now())
    try:
        found = simulate(configuration, _content(request), _content(agents) if agents else {}, when)
    except SimulationInvalid as error:
        source = request if error.what == "request" else agents
        message = f"{source} is not right:"
        raise CliError(message, code=Exit.BAD_INPUT, lines=error.problems) from error
    answer = _plain(found)
    if as_json:
        print_json(answer)
        return
    for line in simulation_lines(answer):
        print_line(line)


def simulation_lines(answer: dict[str, Any]) -> list[str]:
    """Return a simulation as lines for people."""
    agent = answer["agent"]
    queue = f", queue {answer['queue']}" if answer["queue"] else ""
    place = f"{answer['desk']}{queue}"
    lines, where = [], f"At {answer['at']} it goes to {place}"
    if answer["unattended"]:
        lines = [f"At {answer['at']} it is at tier 0: with its requester and automation."]
        until = answer["person_at"]
        where = f"At {until}" if until else "When a person is asked for,"
        where += f" it goes to {place}"
    lines.append(f"{where}, to {agent}." if agent else f"{where}, and waits.")
    if answer["unrouted"]:
        lines.append("ALARM: no topology takes it; the fallback desk has it.")
    if answer["takes_over"]:
        lines.append(f"{answer['takes_over']} takes it over.")
    if answer["opens_at"]:
        lines.append(f"Nobody is open; somebody opens at {answer['opens_at']}.")
    lines += part_lines("Desk", answer["queued"])
    lines += part_lines("Agent", answer["explanation"])
    return lines + change_lines(answer["changes"])


def _plain(found: Simulation) -> dict[str, Any]:
    decision = found.decision
    return {
        "at": rfc3339(found.at),
        "desk": found.desk,
        "queue": found.queue,
        "unrouted": found.unrouted,
        "unattended": found.unattended,
        "person_at": rfc3339(found.person_at) if found.person_at else None,
        "agent": decision.agent,
        "takes_over": decision.desk if decision.desk != found.desk else None,
        "weight": decision.weight,
        "opens_at": rfc3339(found.opens_at) if found.opens_at else None,
        "queued": found.queued.model_dump(mode="json"),
        "explanation": decision.explanation().model_dump(mode="json"),
        "changes": [
            {"at": rfc3339(change.at), "what": change.what, "name": change.name}
            for change in decision.changes
        ],
    }


def _configuration(folder: Path) -> Configuration:
    try:
        return parse_sections(read_directory(folder))
    except ConfigurationInvalid as error:
        message = f"{folder} is not right:"
        lines = [str(problem) for problem in error.problems]
        raise CliError(message, code=Exit.BAD_INPUT, lines=lines) from error


def _content(path: Path) -> object:
    """Return what a file says; JSON is YAML, too."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        return load_yaml(text).content
    except (OSError, UnicodeDecodeError, YamlInvalid) as error:
        message = f"{path} cannot be read: {error}"
        raise CliError(message, code=Exit.BAD_INPUT) from error


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"--at: {text!r} is no instant; write it as 2027-03-28T00:30Z"
        raise CliError(message, code=Exit.BAD_INPUT) from error
    return instant(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
