"""`heliodesk down`: stop what runs of this state directory."""

from __future__ import annotations

import typer

from deploy.local.__main__ import down as stop_stack
from deploy.local.errors import StackError
from deploy.local.launcher import find_launcher
from deploy.local.process import ProcessState
from deploy.local.stack import Stack
from heliodesk.cli.board import Board
from heliodesk.cli.context import context_of
from heliodesk.cli.output import note
from heliodesk.errors import CliError

app = typer.Typer()


@app.command()
def down(ctx: typer.Context) -> None:
    """Stop everything that runs: services first, then mail, Kafka and the store."""
    context = context_of(ctx)
    home = context.home
    with Board() as board:
        stack = Stack(home, progress=board, environ=context.environ)
        running = [s.name for s in stack.status() if s.state is ProcessState.RUNNING]
        try:
            stop_stack(stack)
        except StackError as error:
            raise CliError(str(error)) from error
    if running or find_launcher(home):
        note(f"Stopped {', '.join(running)}. Everything is kept in {home}.")
    else:
        note(f"Nothing of {home} was running.")
