"""`heliodesk up`: start everything, keep it running, stop it cleanly."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated

import typer

from deploy.local.errors import StackBusyError, StackError
from deploy.local.launcher import find_launcher
from deploy.local.progress import Progress, to_stderr
from heliodesk.api import Api
from heliodesk.cli import detach
from heliodesk.cli.board import Board
from heliodesk.cli.context import Context, context_of
from heliodesk.cli.output import note, print_json
from heliodesk.cli.welcome import Greeting, greeting_json, show_greeting
from heliodesk.errors import CliError, Exit
from heliodesk.product.addresses import AddressInvalid
from heliodesk.product.first_start import FirstStart, Welcome
from heliodesk.product.launch import Product, Stopped, leave_now, start_unless_stopped
from heliodesk.product.secrets import BOOTSTRAP_TOKEN, COMMAND_LINE_TOKEN
from shared.clock import Clock

ACCEPT_SECONDS_MAX = 30.0
_STOPPED_BY_SIGNAL = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

app = typer.Typer()


@app.command()
def up(
    ctx: typer.Context,
    *,
    detached: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once everything is ready.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    report: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start Kafka, the store, mail and every service; Ctrl-C stops all of it.

    The first start also applies the sample organisation and makes accounts. State is kept in
    .heliodesk (or HELIODESK_HOME), so that the next start finds every ticket again.
    """
    context = context_of(ctx)
    if pid := find_launcher(context.home):
        _already(context, pid, as_json=as_json)
        return
    if detached:
        greeting = detach.start(context)
        print_json(greeting_json(greeting)) if as_json else show_greeting(greeting, detached=True)
        return
    if report is not None:
        _run(context, shown=detach.Reporter(os.fdopen(report, "w", encoding="utf-8")))
        return
    _run(context, shown=Terminal(as_json=as_json))


def _already(context: Context, pid: int, *, as_json: bool) -> None:
    console = context.addresses.services["console"]
    if as_json:
        print_json({"already_running": True, "pid": pid, "console": console})
        return
    note(f"Heliodesk already runs in {context.home} (pid {pid}): {console}")


class Terminal:
    """Shows a start to the person who typed `heliodesk up`."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._board: Board | None = None

    def open(self) -> ExitStack:
        """Show steps on a board while the returned context lasts, and as lines afterwards."""
        stack = ExitStack()
        self._board = stack.enter_context(Board())
        stack.callback(self._close)
        return stack

    def _close(self) -> None:
        self._board = None

    def step(self, progress: Progress) -> None:
        """Show a step."""
        (self._board or to_stderr)(progress)

    def greet(self, greeting: Greeting) -> None:
        """Show what there is to open and to try."""
        if self._as_json:
            print_json(greeting_json(greeting))
            sys.stdout.flush()
        else:
            show_greeting(greeting, detached=False)

    def fail(self, error: CliError) -> None:
        """Leave the error to the root command."""


Shown = Terminal | detach.Reporter


def _run(context: Context, *, shown: Shown) -> None:
    """Start, greet, watch, stop."""
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    begun = context.clock.monotonic()
    try:
        product = Product.describe(
            context.home, environ=context.environ, clock=context.clock, progress=shown.step
        )
        with product.stack.hold():
            _keep(context, product, shown, stop, begun=begun)
    except AddressInvalid as error:
        raise _told(shown, CliError(str(error), code=Exit.BAD_INPUT)) from error
    except StackBusyError as error:
        raise _told(shown, CliError(str(error), code=Exit.CONFLICT)) from error
    except StackError as error:
        notes = "\n".join(getattr(error, "__notes__", ())).splitlines()
        raise _told(shown, CliError(str(error), lines=notes)) from error
    except CliError as error:
        raise _told(shown, error) from error


def _told(shown: Shown, error: CliError) -> CliError:
    shown.fail(error)
    return error


def _keep(
    context: Context, product: Product, shown: Shown, stop: threading.Event, *, begun: float
) -> None:
    try:
        with shown.open():
            greeting, first = _start(context, product, shown, stop, begun=begun)
        shown.greet(greeting)
        first.finish()
        product.stack.watch(stop)
    except Stopped:
        note("Stopped before everything had started.")
        sys.stderr.flush()
        leave_now(_STOPPED_BY_SIGNAL)
    finally:
        with shown.open():
            product.stack.stop()
    note("Heliodesk has stopped. Everything is kept.")


def _start(
    context: Context, product: Product, shown: Shown, stop: threading.Event, *, begun: float
) -> tuple[Greeting, FirstStart]:
    found: list[tuple[Welcome, FirstStart]] = []

    def start() -> None:
        product.start(shown.step)
        first = _first_start(product, context, shown.step)
        welcome = first.run()
        _await_token(product, context.clock)
        shown.step(Progress("setup", f"ready: version {welcome.configuration_version}"))
        found.append((welcome, first))

    start_unless_stopped(start, stop=stop, stack=product.stack)
    (welcome, first), *_ = found
    seconds = context.clock.monotonic() - begun
    return Greeting.of(product, welcome, seconds=seconds, pid=os.getpid()), first


def _first_start(
    product: Product, context: Context, step: Callable[[Progress], None]
) -> FirstStart:
    services, secrets = product.addresses.services, product.secrets
    return FirstStart(
        control=Api("control", services["control"], token=secrets.ensure(BOOTSTRAP_TOKEN)),
        knowledge=lambda: Api(
            "knowledge", services["knowledge"], token=secrets.find(COMMAND_LINE_TOKEN) or ""
        ),
        home=context.home,
        secrets=secrets,
        clock=context.clock,
        say=lambda text: step(Progress("setup", text)),
    )


def _await_token(product: Product, clock: Clock) -> None:
    """Wait until every service knows the command line's token: it travels by the bus."""
    token = product.secrets.find(COMMAND_LINE_TOKEN) or ""
    deadline = clock.monotonic() + ACCEPT_SECONDS_MAX
    for service, url in product.addresses.services.items():
        api = Api(service, url, token=token)
        while True:
            try:
                api.get("/v1/parked")
                break
            except CliError as error:
                if error.code is not Exit.REFUSED or clock.monotonic() > deadline:
                    raise
            threading.Event().wait(0.1)
