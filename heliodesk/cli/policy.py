"""`heliodesk policy check`: a second name of `heliodesk sla check`."""

from __future__ import annotations

from typing import Final

import typer

from heliodesk.cli.service_levels import check

HELP: Final = "Check policies: `policy check` is a second name of `sla check`."

app = typer.Typer(no_args_is_help=True, help=HELP)
app.command(short_help="The same as `heliodesk sla check`.")(check)


@app.callback(help=HELP)
def policy() -> None:
    """Keep ``check`` a command of its own, although it is the only one."""
