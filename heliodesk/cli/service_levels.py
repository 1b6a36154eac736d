"""`heliodesk sla check`, `agreements` and `targets`: what is promised, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_line, print_table, print_text
from heliodesk.cli.promises import show_levels
from heliodesk.cli.sources import Directory, configuration_from
from heliodesk.errors import CliError, Exit
from shared.organisation.agreements import Parties
from shared.organisation.words import duration_text
from shared.service_levels import (
    AgreementView,
    NoTargets,
    Proposal,
    agreement_views,
    propose_targets,
    service_levels,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def check(ctx: typer.Context, directory: Directory = None, *, as_json: AsJson = False) -> None:
    """Check the service levels of a configuration, 400 days ahead.

    `heliodesk sla check` and `heliodesk policy check` are the same command.

    Policies that apply to the same ticket by accident, tickets without a promised resolution,
    promises that are later than the targets of desks and suppliers allow, and agreements that
    need somebody. Calendars that end or open too little for a target, and targets in the wrong
    order, are warned of. Exit code 1 where policies overlap, are missing, or are too late.
    """
    context = context_of(ctx)
    configuration, source = configuration_from(context, directory)
    found = service_levels(configuration, context.clock.now())
    if as_json:
        print_json({"source": source, **found.model_dump(mode="json")})
    else:
        show_levels(found)
        policies = configuration.sla.policies
        chains = sum(1 for policy in policies if policy.backed_by)
        size = f"{len(policies)} policies, {chains} of them with a chain"
        wrong = found.accidents or found.refused
        print_line(f"{source}: {size}; {'see above' if wrong else 'they fit each other'}.")
    if found.accidents or found.refused:
        raise typer.Exit(Exit.FAILED)


def agreements(ctx: typer.Context, directory: Directory = None, *, as_json: AsJson = False) -> None:
    """List the agreements: state, parties, who is accountable, and what is to be done."""
    context = context_of(ctx)
    configuration, source = configuration_from(context, directory)
    found = agreement_views(configuration, context.clock.now())
    if as_json:
        print_json({"source": source, "agreements": [v.model_dump(mode="json") for v in found]})
        return
    if not found:
        print_line(f"{source} has no agreements: see `heliodesk sla template list`.")
        return
    print_table(
        ("agreement", "kind", "state", "binds", "until", "review due", "manager", "with"),
        [_row(view) for view in found],
    )
    for view in found:
        for warning in view.warnings:
            print_line(f"warning: {warning.words()}")


def _row(view: AgreementView) -> Sequence[str]:
    until = f"{view.valid_until} ({view.days_left} d)" if view.valid_until else "–"
    return (
        view.name,
        view.kind,
        view.state,
        "yes" if view.binds else "no",
        until,
        str(view.review_due_on or "–"),
        view.manager or "–",
        _other_side(view.parties),
    )


def _other_side(parties: Parties) -> str:
    named = (parties.customer, parties.internal_supplier, parties.external_supplier)
    return ", ".join(name for name in named if name) or "–"


def targets(
    ctx: typer.Context,
    policy: Annotated[str, typer.Argument(help="A policy that names its chain in backed_by.")],
    directory: Directory = None,
    *,
    share: Annotated[
        list[str] | None,
        typer.Option("--share", help="POLICY=2: twice the part of those not named. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose the largest targets for desks and suppliers that still keep a policy's promise.

    Checked as every chain is: over each start instant of 400 days. Exit code 1 where not even a
    minute each keeps the promise of some priority.
    """
    context = context_of(ctx)
    configuration, source = configuration_from(context, directory)
    start = context.clock.now().replace(second=0, microsecond=0)
    try:
        found = propose_targets(configuration, policy, start, shares=_shares(share or ()))
    except NoTargets as error:
        raise CliError(f"{source}: {error}", code=Exit.BAD_INPUT) from error
    if as_json:
        print_json(
            {
                "policy": found.policy,
                "targets": {name: dict(each) for name, each in found.targets.items()},
                "impossible": list(found.impossible),
            }
        )
    else:
        print_text(_yaml(found))
    if found.impossible:
        raise typer.Exit(Exit.FAILED)


def _shares(given: Sequence[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            shares[name] = float(number)
        except ValueError as error:
            message = f"--share {text}: write it as POLICY=2"
            raise CliError(message, code=Exit.BAD_INPUT) from error
    return shares


def _yaml(found: Proposal) -> str:
    lines = [f"# The largest targets whose chain keeps {found.policy} for 400 days.", "policies:"]
    for name, each in found.targets.items():
        figures = ", ".join(f"{p}: {duration_text(seconds)}" for p, seconds in each.items())
        lines += [f"  - name: {name}", f"    targets: {{{figures}}}"]
    if found.impossible:
        lines.append(f"# No targets keep it for {', '.join(found.impossible)}.")
    return "\n".join(lines) + "\n"
