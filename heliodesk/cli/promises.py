"""What commands say of promises that a configuration may not keep, and how it is forced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from heliodesk.cli.output import print_line
from heliodesk.errors import CliError, Exit
from shared.service_levels import ServiceLevels, StateChange

HINT: Final = 'Such a version is applied only with --force --because "…".'

Force = Annotated[
    bool,
    typer.Option("--force", help="Also where a promise is not kept; needs --because."),
]
Because = Annotated[
    str, typer.Option("--because", help="Why that may be so; kept with the version.")
]


def forcing(because: str, *, force: bool) -> dict[str, str]:
    """Return the field of a body that forces; nothing where nobody wants that.

    Raises:
        CliError: one was given without the other.
    """
    given = because.strip()
    if force and not given:
        raise CliError('--force needs a reason: --because "…".', code=Exit.BAD_INPUT)
    if given and not force:
        raise CliError("--because is the reason of --force: give both.", code=Exit.BAD_INPUT)
    return {"forced_because": given} if force else {}


def show_broken(broken: Sequence[Mapping[str, Any]], *, hint: bool = True) -> None:
    """Print what is broken, and what can be done where that still helps."""
    for one in broken:
        text = str(one["text"])
        print_line(Text(f"{text[:1].upper()}{text[1:]}.", style="bold red"))
    if broken and hint:
        print_line(HINT)


def levels_of(answer: Mapping[str, Any]) -> ServiceLevels:
    """Return what control says of service levels; nothing where it is older and says nothing."""
    return ServiceLevels.model_validate(answer.get("service_levels", {}))


def show_levels(levels: ServiceLevels, *, hint: bool = True) -> None:
    """Print what service levels are not kept, and what is to be looked at."""
    for chain in levels.refused:
        print_line(Text(f"Too late: {chain.words()}.", style="bold red"))
    if levels.refused and hint:
        print_line(HINT)
    for warning in levels.warnings():
        print_line(f"warning: {warning}")


def show_skipped(answer: Mapping[str, Any]) -> None:
    """Print agreements whose state changes without the steps between."""
    for change in answer.get("skipped_states", ()):
        print_line(f"warning: agreements: {StateChange.model_validate(change).words()}")
