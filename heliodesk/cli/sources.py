"""Where a command has its configuration from: a directory, or the version in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heliodesk.cli.config import PATH, configuration_of
from heliodesk.context import Context
from heliodesk.errors import CliError
from shared.organisation import Configuration

Directory = Annotated[
    Path | None,
    typer.Argument(help="The configuration's directory; without it the version in force."),
]


def configuration_from(context: Context, directory: Path | None) -> tuple[Configuration, str]:
    """Return the configuration of a directory, or else the one in force, and what it is called.

    Raises:
        CliError: the directory is wrong, or none is in force.
    """
    if directory is not None:
        return configuration_of(directory), str(directory)
    control = context.api("control")
    version = control.get(PATH)["version"]
    if not version:
        message = (
            "No configuration has been applied yet: name a directory, such as deploy/sample, or "
            "apply one with `heliodesk config apply DIR`."
        )
        raise CliError(message)
    sections = control.get(f"{PATH}/versions/{version}")["sections"]
    return Configuration.from_sections(sections), f"version {version}"
