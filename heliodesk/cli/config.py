"""`heliodesk config`: the configuration as a directory of YAML files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml
from rich.text import Text

from heliodesk.api import Api
from heliodesk.cli.config_tickets import Dry, NoTickets
from heliodesk.cli.context import Context, context_of
from heliodesk.cli.output import (
    console,
    print_json,
    print_line,
    print_table,
    print_text,
)
from heliodesk.cli.promises import (
    HINT,
    Because,
    Force,
    forcing,
    levels_of,
    show_broken,
    show_levels,
    show_skipped,
)
from heliodesk.errors import CliError, Exit
from heliodesk.product.directory import read_directory
from shared.coverage import BrokenPromise, analyse, out_of_reach
from shared.coverage.overlaps import short_overlaps
from shared.organisation import Configuration, ConfigurationInvalid, parse_sections
from shared.service_levels import ServiceLevels, service_levels

PATH: Final = "/v1/configuration"
VALUE_CHARACTERS_MAX: Final = 100
_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "moved": ("↕", "cyan"),
}

Folder = Annotated[Path, typer.Argument(help="The directory with the YAML files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Note = Annotated[str, typer.Option("--note", "-m", help="Why; kept in the history.")]
Expect = Annotated[
    int | None,
    typer.Option("--expect", min=0, help="Only if this version is in force; exit code 3 if not."),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Apply nothing: the same as diff.")]

app = typer.Typer(no_args_is_help=True, help="Check, compare, apply and roll back configurations.")


@app.command()
def check(ctx: typer.Context, folder: Folder, *, as_json: AsJson = False) -> None:
    """Check a directory without asking anybody.

    Exit code 2 where it is wrong, 1 where it leaves promised time uncovered or a chain of targets
    too late. Shifts that overlap for less than a policy of handovers wants are warned of, 400 days
    ahead, and so are routing rules that require what nobody has whom their requests can reach,
    policies that overlap or are missing, and agreements that need somebody.
    """
    try:
        found = parse_sections(read_directory(folder))
    except ConfigurationInvalid as error:
        if as_json:
            problems = _problems_json(error)
            found_wrong = {"valid": False, "problems": problems}
            found_wrong |= {"broken_promises": [], "short_overlaps": [], "out_of_reach": []}
            found_wrong["service_levels"] = ServiceLevels().model_dump(mode="json")
            print_json(found_wrong)
            raise typer.Exit(Exit.BAD_INPUT) from error
        raise _invalid(folder, error) from error
    start = context_of(ctx).clock.now().replace(second=0, microsecond=0)
    broken = [
        BrokenPromise.of(kept).model_dump(mode="json")
        for kept in analyse(found, start, promised_only=True).broken
    ]
    short, unmet = short_overlaps(found, start), out_of_reach(found)
    levels = service_levels(found, start)
    if as_json:
        overlaps = [overlap.model_dump(mode="json") for overlap in short]
        right = {"valid": True, "problems": [], "broken_promises": broken}
        rules = [each.model_dump(mode="json") for each in unmet]
        told = levels.model_dump(mode="json")
        right |= {"short_overlaps": overlaps, "out_of_reach": rules, "service_levels": told}
        print_json(right)
    else:
        print_line(f"{folder} is right: {_size(found)}.")
        show_broken(broken)
        for overlap in short:
            print_line(f"warning: handover: {overlap.words()}")
        for each in unmet:
            print_line(f"warning: routing: {each.words()}")
        show_levels(levels)
    if broken or levels.refused:
        raise typer.Exit(Exit.FAILED)


@app.command()
def diff(
    ctx: typer.Context, folder: Folder, *, no_tickets: NoTickets = False, as_json: AsJson = False
) -> None:
    """Show what applying a directory would change, and which open tickets it would move.

    Exit code 4 where it could not be found out which tickets would move, or not of all.
    """
    context, sections = context_of(ctx), _sections(folder)
    _diff(context, sections, no_tickets=no_tickets, as_json=as_json)


def _diff(
    context: Context, sections: Mapping[str, Any], *, no_tickets: bool, as_json: bool
) -> None:
    found = _compared(context.api("control"), sections)
    dry = None if no_tickets else Dry.run(context, sections, version=found["version"])
    if as_json:
        told = {} if dry is None else {"tickets": dry.answer, "tickets_missing": dry.missing}
        print_json({**found, **told})
    else:
        _show_changes(found["changes"])
        print_line(_count(found["changes"], f"against version {found['version']}"))
        if dry is not None:
            dry.show()
        show_broken(found["broken_promises"])
        show_levels(levels_of(found))
        show_skipped(found)
    if dry is not None:
        dry.end()


@app.command()
def apply(
    ctx: typer.Context,
    folder: Folder,
    *,
    note: Note = "",
    expect: Expect = None,
    force: Force = False,
    because: Because = "",
    no_tickets: NoTickets = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put a directory in force, unless somebody else has changed the configuration meanwhile.

    What leaves promised time uncovered, or a chain of targets too late, is refused, unless it is
    forced with a reason. Which open tickets will move is said before; where routing does not
    answer, that is said instead.
    """
    reason = forcing(because, force=force)
    context, sections = context_of(ctx), _sections(folder)
    if dry_run:
        _diff(context, sections, no_tickets=no_tickets, as_json=as_json)
        return
    control = context.api("control")
    found = _compared(control, sections)
    if not as_json:
        _show_changes(found["changes"])
        if found["version"] and found["changes"] and not no_tickets:
            Dry.run(context, sections, version=found["version"]).show()
    seen = found["version"] if expect is None else expect
    body = {"sections": sections, "note": note, **reason}
    applied = _put(control, "PUT", PATH, body, seen=seen)
    if as_json:
        print_json(_applied_json(applied, found["changes"]))
        return
    if applied["is_new"]:
        print_line(f"Version {applied['version']} is in force. {_count(found['changes'])}")
        show_broken(found["broken_promises"], hint=False)
        show_levels(levels_of(found), hint=False)
        show_skipped(found)
    else:
        print_line(f"Nothing to change: version {applied['version']} is just so.")


@app.command()
def rollback(
    ctx: typer.Context,
    version: Annotated[int, typer.Argument(min=1, help="The version whose content is wanted.")],
    *,
    note: Note = "",
    expect: Expect = None,
    force: Force = False,
    because: Because = "",
    as_json: AsJson = False,
) -> None:
    """Put the content of an earlier version in force again, as a new version."""
    reason = forcing(because, force=force)
    control = context_of(ctx).api("control")
    seen = control.get(PATH)["version"] if expect is None else expect
    body = {"version": version, "note": note, **reason}
    applied = _put(control, "POST", f"{PATH}/rollback", body, seen=seen)
    if as_json:
        print_json(_applied_json(applied, None))
        return
    if applied["is_new"]:
        number = applied["version"]
        print_line(f"Version {number} is in force, with the content of version {version}.")
    else:
        print_line(f"Nothing to change: version {applied['version']} is just so.")


@app.command()
def show(
    ctx: typer.Context,
    section: Annotated[str | None, typer.Argument(help="One section, such as desks.")] = None,
    *,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="An earlier version.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the configuration in force, or an earlier version, as YAML."""
    found = _version(context_of(ctx), version)
    sections: dict[str, Any] = found["sections"]
    if section is not None:
        if section not in sections:
            known = ", ".join(sorted(sections))
            raise CliError(f"Version {found['version']} has no section {section}; it has {known}.")
        sections = {section: sections[section]}
    if as_json:
        print_json({**found, "sections": sections})
        return
    by = f"version {found['version']}, applied {found['applied_at']} by {found['actor']}"
    print_text(f"# {by}{': ' + found['note'] if found['note'] else ''}\n")
    if found["forced_because"]:
        reason = " ".join(found["forced_because"].split())
        print_text(f"# forced, although a promise is not kept: {reason}\n")
    # Through the model, which knows the order in which people write the fields.
    ordered = Configuration.from_sections(found["sections"]).sections()
    for name in sorted(sections):
        content = ordered.get(name, sections[name])
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
        print_text(f"\n# {name}.yaml\n{text}")


@app.command()
def history(
    ctx: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """List the versions, the newest first."""
    found = context_of(ctx).api("control").get(f"{PATH}/versions", limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (str(v["version"]), v["applied_at"], v["actor"], v["note"], v["forced_because"])
        for v in found
    ]
    print_table(("version", "applied", "by", "why", "forced because"), rows)


def configuration_of(folder: Path) -> Configuration:
    """Return the configuration of a directory.

    Raises:
        CliError: it is wrong, with each place and reason.
    """
    try:
        return parse_sections(read_directory(folder))
    except ConfigurationInvalid as error:
        raise _invalid(folder, error) from error


def _sections(folder: Path) -> dict[str, Any]:
    return configuration_of(folder).sections()


def _invalid(folder: Path, error: ConfigurationInvalid) -> CliError:
    count = len(error.problems)
    what = "one problem" if count == 1 else f"{count} problems"
    lines = [str(problem) for problem in error.problems]
    return CliError(f"{folder} has {what}:", code=Exit.BAD_INPUT, lines=lines)


def _problems_json(error: ConfigurationInvalid) -> list[dict[str, Any]]:
    return [
        {"file": p.file, "line": p.line or None, "path": p.path, "reason": p.reason}
        for p in error.problems
    ]


def _compared(control: Api, sections: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = control.call("POST", f"{PATH}/diff", {"sections": sections})
    return found


def _put(control: Api, method: str, path: str, body: Any, *, seen: int) -> dict[str, Any]:
    """Apply, and say what to do where somebody else was faster."""
    try:
        applied: dict[str, Any] = control.call(
            method, path, body, headers={"If-Match": f'"{seen}"'}
        )
    except CliError as error:
        if error.problem in {"promises-uncovered", "chain-too-late"}:
            raise CliError(error.message, code=error.code, lines=(*error.lines, HINT)) from error
        if error.code is not Exit.CONFLICT:
            raise
        current = control.get(PATH)
        message = (
            f"Nothing was applied: you saw version {seen}, and {current['actor'] or 'somebody'} has "
            f"applied version {current['version']} meanwhile. Compare again with "
            "`heliodesk config diff`, then apply."
        )
        raise CliError(message, code=Exit.CONFLICT) from error
    return applied


def _version(context: Context, version: int | None) -> dict[str, Any]:
    control = context.api("control")
    number = version or control.get(PATH)["version"]
    if not number:
        raise CliError("No configuration has been applied yet: `heliodesk config apply DIR`.")
    found: dict[str, Any] = control.get(f"{PATH}/versions/{number}")
    return found


def _applied_json(
    applied: Mapping[str, Any], changes: Sequence[Mapping[str, Any]] | None
) -> dict[str, Any]:
    kept = ("version", "is_new", "applied_at", "actor", "note", "forced_because")
    answer = {name: applied[name] for name in kept}
    return answer if changes is None else {**answer, "changes": list(changes)}


def _show_changes(changes: Sequence[Mapping[str, Any]]) -> None:
    out = console()
    for change in changes:
        sign, style = _SIGNS[change["kind"]]
        place = f"{change['section']}: {change['path']}".rstrip(": ")
        out.print(
            Text.assemble((f"{sign} ", style), place, (_values(change), "dim")), soft_wrap=True
        )


def _values(change: Mapping[str, Any]) -> str:
    match change["kind"]:
        case "added":
            return f" = {_short(change['after'])}"
        case "removed":
            return f" (was {_short(change['before'])})"
        case _:
            return f": {_short(change['before'])} → {_short(change['after'])}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}…"


def _count(changes: Sequence[Any], against: str = "") -> str:
    match len(changes):
        case 0:
            text = "Nothing changes"
        case 1:
            text = "1 change"
        case count:
            text = f"{count} changes"
    return f"{text} {against}".rstrip() + "."


def _size(found: Configuration) -> str:
    return (
        f"{len(found.desks.desks)} desks, {len(found.all_agents())} agents, "
        f"{len(found.calendars.calendars)} calendars, {len(found.topologies.topologies)} "
        f"topologies, {len(found.sla.policies)} policies, "
        f"{len(found.integrations.integrations)} integrations"
    )
