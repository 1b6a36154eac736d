"""What `up` shows when everything runs: what to open, what to try."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table

from heliodesk.cli.output import console
from heliodesk.product.first_start import Welcome
from heliodesk.product.launch import Product
from heliodesk.product.secrets import integration_token

AGENTS_SHOWN_MAX: Final = 4
COMMANDS: Final = (
    ("make demo", "real requests through every door, and what becomes of them"),
    ("heliodesk tail", "events as they happen"),
    ("heliodesk ticket list", "the tickets"),
    ("heliodesk status", "what runs, and how it does"),
)


class Greeting(BaseModel):
    """All that is told after a start; also what the detached launcher hands to its parent."""

    model_config = ConfigDict(frozen=True)

    home: str
    console: str
    mailbox: str | None
    kafka: str
    store: str
    services: dict[str, str]
    mail_in: str
    configuration_version: int
    admin: str
    admin_password: str | None
    agents: tuple[str, ...]
    agents_password: str | None
    requests_token_file: str
    articles: int
    seconds: float
    pid: int

    @classmethod
    def of(cls, product: Product, welcome: Welcome, *, seconds: float, pid: int) -> Greeting:
        """Return what there is to tell of a product that has just started."""
        store = next((s for s in product.stack.status() if s.name == "store"), None)
        addresses = product.addresses
        return cls(
            home=str(product.stack.state_dir),
            console=addresses.services["console"],
            mailbox=addresses.mailbox,
            kafka=addresses.kafka,
            store=store.kind if store else "",
            services=addresses.services,
            mail_in=addresses.mail_in,
            configuration_version=welcome.configuration_version,
            admin=welcome.admin.name,
            admin_password=welcome.admin.password,
            agents=welcome.agents,
            agents_password=welcome.agents_password,
            requests_token_file=str(product.secrets.path(integration_token("requests-demo"))),
            articles=welcome.articles,
            seconds=round(seconds, 1),
            pid=pid,
        )


def curl_example(greeting: Greeting) -> str:
    """Return a command that hands in a request, to be pasted into a shell."""
    url = f"{greeting.services['intake']}/v1/requests"
    body = '{"contact": {"mail": "you@example.org"}, "subject": "My screen stays dark"}'
    token = f'"Authorization: Bearer $(cat {shlex.quote(greeting.requests_token_file)})"'
    return (
        f"curl -sS {url} \\\n"
        f"      -H {token} \\\n"
        f"      -H 'Content-Type: application/json' \\\n"
        f"      -d '{body}'"
    )


def show_greeting(greeting: Greeting, *, detached: bool) -> None:
    """Print the greeting; secrets that it has are shown this once."""
    out = console()
    out.print(f"\n[bold green]Heliodesk is running[/] after {greeting.seconds:g} s.\n")
    out.print(_grid([("Open", greeting.console), ("", _sign_in(greeting)), *_agents(greeting)]))
    out.print()
    commands = Table.grid(padding=(0, 3))
    commands.add_column(no_wrap=True, style="bold")
    commands.add_column()
    for command, what in COMMANDS:
        commands.add_row(command, what)
    out.print(_grid([("Try", "in another terminal:"), ("", commands)]))
    out.print("\n  [bold]Hand in a request:[/]\n")
    # As it is, so that it can be copied: lines that are too long are the terminal's to wrap.
    out.print(f"    {curl_example(greeting)}\n", soft_wrap=True, markup=False)
    end = "`heliodesk down` stops it" if detached else "Ctrl-C stops it"
    out.print(f"  {end}; the next start finds every ticket again.\n")


def _grid(rows: Sequence[tuple[str, RenderableType]]) -> Padding:
    """Return labels and texts beside each other; long texts wrap in their own column."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, text)
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _sign_in(greeting: Greeting) -> str:
    if greeting.admin_password:
        return f"sign in as [bold]{greeting.admin}[/], password [bold]{greeting.admin_password}[/]"
    return (
        f"sign in as [bold]{greeting.admin}[/] with the password of the first start "
        "(lost: heliodesk account password admin)"
    )


def _agents(greeting: Greeting) -> list[tuple[str, RenderableType]]:
    if not greeting.agents:
        return []
    shown = ", ".join(greeting.agents[:AGENTS_SHOWN_MAX])
    more = len(greeting.agents) - AGENTS_SHOWN_MAX
    names = f"{shown} and {more} more" if more > 0 else shown
    if not greeting.agents_password:
        return [("", f"or as an agent: {names}")]
    return [
        ("", f"or as an agent: {names}; password [bold]{greeting.agents_password}[/]"),
        ("", "Passwords are shown this once; control keeps only their hashes."),
    ]


def greeting_json(greeting: Greeting) -> dict[str, Any]:
    """Return the greeting for programs."""
    return greeting.model_dump(mode="json")
