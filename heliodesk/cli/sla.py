"""`heliodesk sla`: how a ticket's clocks came to stand as they do, and the report of a month."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.output import note, print_json, print_text
from heliodesk.errors import CliError, Exit

app = typer.Typer(no_args_is_help=True, help="Clocks of tickets.")


class Language(StrEnum):
    """Languages in which sla explains."""

    EN = "en"
    ZH = "zh"


class Format(StrEnum):
    """Forms of a report."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


class Table(StrEnum):
    """Tables of a report as CSV."""

    SUMMARY = "summary"
    BREACHES = "breaches"
    CAUSES = "causes"
    CLOCKS = "clocks"
    CORRECTIONS = "corrections"


Name = Annotated[str | None, typer.Option(help="Only of this one; - for those without one.")]


@app.callback()
def sla() -> None:
    """Clocks of tickets."""


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


@app.command()
def report(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(help="Such as 2026-10.")],
    *,
    form: Annotated[Format, typer.Option("--format", help="Form of the report.")] = Format.JSON,
    table: Annotated[Table, typer.Option("--table", help="With --format csv.")] = Table.SUMMARY,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file.")] = None,
    customer: Name = None,
    desk: Name = None,
    agreement: Name = None,
    priority: Name = None,
    time_zone: Annotated[str, typer.Option("--time-zone", help="Bounds the month.")] = "UTC",
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="As it was known then, such as 2026-11-02T00:00Z.")
    ] = None,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the page.")] = Language.EN,
) -> None:
    """Report what was promised in a month, what was kept of it, and who spent the time."""
    asked = {
        "format": form.value,
        "table": table.value,
        "customer": customer,
        "desk": desk,
        "agreement": agreement,
        "priority": priority,
        "time_zone": time_zone,
        "as_of": as_of,
        "lang": lang.value,
    }
    params = {name: value for name, value in asked.items() if value is not None}
    api = context_of(ctx).api("sla")
    content = api.send("GET", f"/v1/reports/{quote(month, safe='')}", params=params).content
    if out is None:
        print_text(content.decode("utf-8"))
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        message = f"--out {out}: {error.strerror or error}"
        raise CliError(message, code=Exit.BAD_INPUT) from error
    note(f"The report is in {out}.")
