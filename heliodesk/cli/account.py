"""`heliodesk account`: who can sign in, and another password for who has lost theirs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliodesk.api import Api
from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_line, print_table
from heliodesk.errors import CliError, Exit
from heliodesk.product.first_start import new_password

PATH = "/v1/identities"
PAGE = 1_000

app = typer.Typer(no_args_is_help=True, help="Accounts of people and tokens of integrations.")


@app.command(name="list")
def list_accounts(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List people and integrations that may call."""
    found = context_of(ctx).api("control").get(PATH, limit=PAGE)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            account["name"],
            account["kind"],
            ", ".join(account["roles"]),
            str(len(account["tokens"])),
            "" if account["enabled"] else "switched off",
        )
        for account in found
    ]
    print_table(("name", "kind", "roles", "tokens", ""), rows)


@app.command()
def password(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The account, such as admin.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Give an account a new password, and print it this once."""
    context = context_of(ctx)
    control = context.api("control")
    account = _account(control, name)
    chosen = new_password(context.clock)
    control.send("PUT", f"{PATH}/{account['id']}/password", json={"password": chosen})
    _told(name, chosen, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="The integration's name in the configuration, or the agent's id.")
    ],
    *,
    agent: Annotated[bool, typer.Option("--agent", help="It is a person, who signs in.")] = False,
    admin: Annotated[
        bool, typer.Option("--admin", help="A person who administers as well.")
    ] = False,
    label: Annotated[str, typer.Option("--label", help="What an integration's token is for.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make an account, and print its token, or the password of a person, this once."""
    context = context_of(ctx)
    control = context.api("control")
    if agent or admin:
        if label:
            raise CliError("--label: it is an integration that has a token.", code=Exit.BAD_INPUT)
        roles = ["admin", "agent"] if admin else ["agent"]
        chosen = new_password(context.clock)
        person = {"kind": "agent", "name": name, "roles": roles, "password": chosen}
        control.call("POST", PATH, person)
        _told(name, chosen, as_json=as_json)
        return
    body = {"kind": "integration", "name": name, "roles": ["integration"]}
    account = control.call("POST", PATH, body)
    issued = control.call("POST", f"{PATH}/{account['id']}/tokens", {"label": label})
    if as_json:
        print_json(issued)
        return
    print_line(issued["token"])


@app.command()
def token(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The account, such as requests-demo.")],
    *,
    label: Annotated[str, typer.Option("--label", help="What it is for.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a token for an account, and print it this once."""
    control = context_of(ctx).api("control")
    account = _account(control, name)
    issued = control.call("POST", f"{PATH}/{account['id']}/tokens", {"label": label})
    if as_json:
        print_json(issued)
        return
    print_line(issued["token"])


def _told(name: str, password: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "password": password})
        return
    print_line(f"{name} signs in with the password {password} from now on.")


def _account(control: Api, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = control.get(PATH, name=name)
    if not found:
        message = (
            f"There is no account {name}: `heliodesk account list` shows them, "
            "`heliodesk account add` makes one."
        )
        raise CliError(message)
    return found[0]
