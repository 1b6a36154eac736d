"""`heliodesk sla`: how clocks stand, which are at risk, what is promised, and a month's report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.languages import Language
from heliodesk.cli.output import note, print_json, print_text
from heliodesk.cli.service_levels import agreements, check, targets
from heliodesk.cli.sla_replay import replay
from heliodesk.cli.sla_rerate import rerate
from heliodesk.cli.sla_templates import app as templates
from heliodesk.errors import CliError, Exit

app = typer.Typer(no_args_is_help=True, help="Clocks of tickets, policies and agreements.")


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
    SCORECARD = "scorecard"
    RESOLUTION_CHANGES = "resolution-changes"


Name = Annotated[str | None, typer.Option(help="Only of this one; - for those without one.")]


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


@app.command()
def risks(
    ctx: typer.Context,
    *,
    desk: Annotated[str | None, typer.Option("--desk", help="Of this desk only.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many.")] = 100,
    lang: Annotated[Language, typer.Option("--lang", help="Language of the reason.")] = Language.EN,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List tickets that are likely to pass a target, with the reason; the first due come first."""
    api = context_of(ctx).api("sla")
    page = api.get("/v1/clocks", at_risk="true", limit=limit, desk=desk)
    if as_json:
        print_json(page)
        return
    lines = [
        (
            f"{item['number']}  {prediction['clock']}  {prediction['probability']:.0%}  "
            f"{prediction['because'][lang.value]}"
        )
        for item in page["items"]
        for prediction in item["predictions"]
        if prediction["at_risk"]
    ]
    none = {"en": "No ticket is at risk.", "zh": "没有面临超时风险的工单。"}[lang.value]
    print_text("".join(f"{line}\n" for line in lines) or f"{none}\n")
    if page["next"]:
        print_text(f"... ({limit})\n")


@app.command()
def calibration(
    ctx: typer.Context,
    *,
    months: Annotated[
        int, typer.Option("--months", min=1, max=24, help="Clocks that ended in so many months.")
    ] = 3,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Draw the reliability into this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how good predictions were: what was said, what came, and the Brier score."""
    api = context_of(ctx).api("sla")
    path = "/v1/predictions/calibration"
    if svg is not None:
        picture = api.send("GET", path, params={"months": months, "format": "svg"}).text
        svg.write_text(picture, encoding="utf-8")
    found = api.get(path, months=months)
    if as_json:
        print_json(found)
        return
    lines = []
    for row in found["rows"]:
        lines.append(
            f"{row['metric']} at {row['share']:.0%} of the target: {row['n']} scored, "
            f"Brier {row['brier']:.4f} (base rate {row['base_brier']:.4f})"
        )
        lines += [
            f"  {band['low']:.0%}-{band['high']:.0%}: {band['n']} predictions, "
            f"said {band['said']:.1%}, came {band['came']:.1%}"
            for band in row["bands"]
        ]
    print_text("\n".join(lines or ["No prediction has been scored yet."]) + "\n")


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


app.command()(rerate)
app.command()(replay)
app.command()(check)
app.command()(agreements)
app.command()(targets)
app.add_typer(templates, name="template")
