"""`heliodesk sla template`: service levels to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.languages import Language
from heliodesk.cli.output import print_json, print_line, print_table, print_text
from heliodesk.cli.promises import show_levels
from heliodesk.errors import CliError, Exit
from heliodesk.product.directory import read_directory
from heliodesk.sla_templates import (
    FilesThere,
    Template,
    TemplateInvalid,
    figures_of,
    figures_there,
    files_with,
    load_template,
    template_names,
    with_own_figures,
)
from heliodesk.yaml_lists import NotAppendable
from shared.organisation import ConfigurationInvalid, parse_sections
from shared.service_levels import service_levels

Name = Annotated[str, typer.Argument(help="A name of `heliodesk sla template list`.")]
Lang = Annotated[Language, typer.Option("--lang", help="Language of the template.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Response = Annotated[
    str, typer.Option("--response", help="First response of each level, such as P1=15m,P2=30m.")
]
Handling = Annotated[
    str, typer.Option("--handling", help="Resolution of each level, such as P1=4h,P2=8h.")
]

app = typer.Typer(no_args_is_help=True, help="Service levels and services to start from.")


@app.command("list")
def list_templates(*, lang: Lang = Language.EN, as_json: AsJson = False) -> None:
    """List the templates."""
    found = [load_template(name, lang.value) for name in template_names()]
    if as_json:
        print_json([{"name": t.name, "title": t.title, "about": t.about} for t in found])
        return
    print_table(("template", "title", "about"), [(t.name, t.title, t.about) for t in found])


@app.command()
def show(
    name: Name,
    *,
    lang: Lang = Language.EN,
    response: Response = "",
    handling: Handling = "",
) -> None:
    """Print the files that an import into an empty directory would write."""
    for file, text in files_with(_template(name, lang, response, handling), {}).items():
        print_text(f"# --- {file}\n{text}\n")


@app.command("import")
def import_template(
    ctx: typer.Context,
    name: Name,
    directory: Annotated[Path, typer.Argument(help="The configuration's directory; may be new.")],
    *,
    lang: Lang = Language.EN,
    response: Response = "",
    handling: Handling = "",
    add: Annotated[
        bool,
        typer.Option("--add", help="Add to files that are there; what has the same name stays."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files that are there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what is written.")] = False,
) -> None:
    """Write a template's files into a configuration directory, which is then right.

    Two figures a level are enough: --response and --handling. Nothing is written where the whole
    would be wrong. Exit code 3 where files are there already, and neither --add nor --overwrite.
    """
    if add and overwrite:
        raise CliError("--add or --overwrite: not both.", code=Exit.BAD_INPUT)
    template = _template(name, lang, response, handling)
    present = read_directory(directory) if _has_files(directory) else {}
    try:
        written = files_with(template, present, add=add, overwrite=overwrite)
        there = figures_there(template, present)
    except FilesThere as error:
        message = (
            f"{directory} has {', '.join(error.files)} already: --add puts in what is missing, "
            "--overwrite replaces the files. Nothing was written."
        )
        raise CliError(message, code=Exit.CONFLICT) from error
    except NotAppendable as error:
        message = f"{error}; add it by hand from `heliodesk sla template show {name}`."
        raise CliError(message, code=Exit.CONFLICT) from error
    except ConfigurationInvalid as error:
        message = f"With the template {directory} would be wrong. Nothing was written:"
        lines = [str(problem) for problem in error.problems]
        raise CliError(message, code=Exit.BAD_INPUT, lines=lines) from error
    if (response or handling) and there is not None and not overwrite:
        message = f"{directory / there} has {name} already: change its targets there."
        raise CliError(message, code=Exit.CONFLICT)
    for file, text in written.items():
        if dry_run:
            print_text(f"# --- {file}\n{text}\n")
        else:
            _write(directory / file, text)
            print_line(f"Wrote {directory / file}.")
    if not written:
        print_line(f"{directory} has all of {name} already.")
    now = context_of(ctx).clock.now()
    show_levels(service_levels(parse_sections({**present, **written}), now))


def _has_files(directory: Path) -> bool:
    return directory.is_file() or (directory.is_dir() and any(directory.rglob("*.y*ml")))


def _template(name: str, lang: Language, response: str, handling: str) -> Template:
    try:
        given = {
            kind: figures
            for kind, text in (("response", response), ("handling", handling))
            if (figures := figures_of(text))
        }
        return with_own_figures(load_template(name, lang.value), given)
    except TemplateInvalid as error:
        raise CliError(f"{error}.", code=Exit.BAD_INPUT) from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise CliError(message, code=Exit.BAD_INPUT) from error
