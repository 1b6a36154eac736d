"""`heliodesk status`: what runs, where, and how it does."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final

import httpx
import typer
from pydantic import BaseModel, ConfigDict
from rich.text import Text

from deploy.local.errors import StackError
from deploy.local.launcher import find_launcher
from deploy.local.process import ProcessState
from deploy.local.stack import COMPONENTS, Stack
from deploy.local.status import ComponentStatus
from heliodesk.cli.context import Context, context_of
from heliodesk.cli.output import note, print_json, print_table
from heliodesk.errors import CliError, Exit
from heliodesk.product.addresses import SERVICES, Addresses

PROBE_SECONDS_MAX: Final = 3.0
MEGABYTE: Final = 1_000_000
LAG_METRIC: Final = "heliodesk_lag"
_SAMPLE: Final = re.compile(r"^(?P<name>[a-z_]+)(?:\{[^}]*\})? (?P<value>\S+)$")

app = typer.Typer()


class Part(BaseModel):
    """One component or service, as `status` shows it."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    state: str
    """running, stopped, died, or external for what somebody else runs."""
    ready: bool
    problems: tuple[str, ...]
    pid: int | None
    address: str
    rss_bytes: int
    lag: int | None
    """Events that a service has still to take in; None for what consumes nothing."""


@app.command()
def status(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every component and service; exit code 1 where one is not ready."""
    context = context_of(ctx)
    parts = look(context)
    ready = all(part.ready for part in parts)
    launcher = find_launcher(context.home)
    if as_json:
        print_json(
            {
                "ready": ready,
                "home": str(context.home),
                "launcher_pid": launcher,
                "components": [part.model_dump(mode="json") for part in parts],
            }
        )
    else:
        _show(context, parts, launcher)
    if not ready:
        raise typer.Exit(Exit.FAILED)


def look(context: Context) -> list[Part]:
    """Return the state of everything: components first, then services.

    Raises:
        CliError: a variable of the environment is not a port.
    """
    try:
        found = {s.name: s for s in Stack(context.home, environ=context.environ).status()}
    except StackError as error:
        raise CliError(str(error), code=Exit.BAD_INPUT) from error
    addresses = context.addresses
    names = [*COMPONENTS, *SERVICES, *sorted(set(found) - {*COMPONENTS, *SERVICES})]
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: _part(name, found.get(name), addresses), names))


def _part(name: str, status: ComponentStatus | None, addresses: Addresses) -> Part:
    state = status.state if status else ProcessState.STOPPED
    problems: tuple[str, ...] = ()
    lag = None
    if name in SERVICES and state is ProcessState.RUNNING:
        problems = _unready(addresses.services[name])
        lag = _lag(addresses.metrics.get(name))
    elif state is not ProcessState.RUNNING and state is not ProcessState.EXTERNAL:
        problems = ("it is not running" if state is ProcessState.STOPPED else "it ended unasked",)
    elif status is not None and status.healthy is False:
        problems = ("it does not answer",)
    return Part(
        name=name,
        kind=status.kind if status else "",
        state=state.value,
        ready=not problems,
        problems=problems,
        pid=status.pid if status else None,
        address=status.address if status else "",
        rss_bytes=status.rss_bytes if status else 0,
        lag=lag,
    )


def _unready(url: str) -> tuple[str, ...]:
    """Return why a service cannot work now, in its own words."""
    try:
        response = httpx.get(f"{url}/readyz", timeout=PROBE_SECONDS_MAX, trust_env=False)
        problems: list[Any] = response.json().get("problems", [])
    except (httpx.HTTPError, ValueError, AttributeError):
        return ("it does not answer",)
    if response.is_success:
        return ()
    return tuple(str(problem) for problem in problems) or ("it is not ready",)


def _lag(port: int | None) -> int | None:
    """Return how many events a service has still to take in, by its metrics."""
    if port is None:
        return None
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        text = httpx.get(url, timeout=PROBE_SECONDS_MAX, trust_env=False).text
    except httpx.HTTPError:
        return None
    found = [_SAMPLE.match(line) for line in text.splitlines()]
    lags = [float(m["value"]) for m in found if m and m["name"] == LAG_METRIC]
    return int(sum(lags)) if lags else None


def _show(context: Context, parts: list[Part], launcher: int | None) -> None:
    rows = [
        (
            part.name,
            _state(part),
            str(part.pid or ""),
            f"{part.rss_bytes / MEGABYTE:.0f} MB" if part.rss_bytes else "",
            "" if part.lag is None else str(part.lag),
            part.address,
            "; ".join(part.problems) or ("" if part.kind == "service" else part.kind),
        )
        for part in parts
    ]
    print_table(("name", "state", "pid", "memory", "lag", "address", "remarks"), rows)
    total = sum(part.rss_bytes for part in parts) / MEGABYTE
    by = f"launcher pid {launcher}" if launcher else "no launcher: `heliodesk up` starts it"
    note(f"{context.home}: {by}, {total:.0f} MB in all")


def _state(part: Part) -> Text:
    if part.ready:
        return Text("ready" if part.state == "running" else part.state, style="green")
    return Text("not ready" if part.state == "running" else part.state, style="red")
