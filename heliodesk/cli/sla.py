"""`heliodesk sla`: how clocks came to stand as they do, and what is promised."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_text
from heliodesk.cli.service_levels import agreements, check, targets
from heliodesk.cli.sla_templates import app as templates

app = typer.Typer(no_args_is_help=True, help="Clocks of tickets, policies and agreements.")


class Language(StrEnum):
    """Languages in which sla explains."""

    EN = "en"
    ZH = "zh"


@app.callback()
def sla() -> None:
    """Clocks of tickets, policies and agreements."""


@app.command()
def explain(
    ctx: typer.Context,
    ticket: Annotated[str, typer.Argument(help="Its number or its id.")],
    *,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the text.")] = Language.EN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every window, pause and desk that a clock was counted by, and its due time."""
    api = context_of(ctx).api("sla")
    path = f"/v1/clocks/{ticket}/explain"
    if as_json:
        print_json(api.get(path))
        return
    text = api.send("GET", path, params={"lang": lang.value}).text
    print_text(text if text.endswith("\n") else f"{text}\n")


app.command()(check)
app.command()(agreements)
app.command()(targets)
app.add_typer(templates, name="template")
