"""The root command: knows the names of all commands, and imports only the one that is called."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

import typer
from typer.core import TyperGroup

from heliodesk.cli.context import Context
from heliodesk.cli.output import note
from heliodesk.errors import CliError, Exit
from heliodesk.product.addresses import SERVICES
from shared.kernel import HeliodeskError, Infrastructure

COMMANDS: Final[Mapping[str, str]] = {
    "up": "heliodesk.cli.up",
    "down": "heliodesk.cli.down",
    "status": "heliodesk.cli.status",
    "logs": "heliodesk.cli.logs",
    "demo": "heliodesk.cli.demo",
    "config": "heliodesk.cli.config",
    "coverage": "heliodesk.cli.coverage",
    "calendar": "heliodesk.cli.calendar",
    "account": "heliodesk.cli.account",
    "ticket": "heliodesk.cli.tickets",
    "tail": "heliodesk.cli.tail",
    "parked": "heliodesk.cli.parked",
    "agent": "heliodesk.cli.agent",
    "desk": "heliodesk.cli.desk",
    "route": "heliodesk.cli.route",
    "handover": "heliodesk.cli.handover",
    "sla": "heliodesk.cli.sla",
    "policy": "heliodesk.cli.policy",
    "topics": "heliodesk.cli.topics",
}
"""Command to the module whose ``app`` it is, in the order of the help."""


def _service_module(name: str) -> str | None:
    """Return the module with a service's own commands, where it has some."""
    module = f"services.{name}.cli"
    try:
        return module if importlib.util.find_spec(module) else None
    except ModuleNotFoundError:
        return None


class Commands(TyperGroup):
    """Loads a command when it is called, and turns the errors of commands into exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands: our own first, then those of the services."""
        del ctx
        extra = [name for name in SERVICES if name not in COMMANDS and _service_module(name)]
        return [*COMMANDS, *extra]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None where there is none of that name."""
        module = COMMANDS.get(cmd_name)
        if module is None and cmd_name in SERVICES:
            module = _service_module(cmd_name)
        if module is None:
            return None
        loaded = importlib.import_module(module)
        command = typer.main.get_command(loaded.app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error that was foreseen is one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except CliError as error:
            note("\n".join([error.message, *(f"  {line}" for line in error.lines)]))
            raise typer.Exit(error.code) from error
        except Infrastructure as error:
            note(str(error))
            raise typer.Exit(Exit.UNREACHABLE) from error
        except HeliodeskError as error:
            note(str(error))
            raise typer.Exit(Exit.FAILED) from error
        except BrokenPipeError as error:
            # The reader of a pipe has seen enough (`| head`): no fault of anybody.
            sys.stderr.close()
            raise typer.Exit(Exit.DONE) from error


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run Heliodesk, configure it, look into it.",
    epilog=(
        "Exit codes: 0 done, 1 not found or failed, 2 bad input, 3 conflict, "
        "4 something does not answer, 5 not allowed, 6 an audit has findings."
    ),
)


@app.callback()
def root(ctx: typer.Context) -> None:
    """Run Heliodesk, configure it, look into it."""
    # Libraries warn on standard error of what a command says itself, in one sentence.
    logging.getLogger().addHandler(logging.NullHandler())
    if ctx.obj is None:
        ctx.obj = Context()


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
