"""`heliodesk intake`: what doors make of payloads, without a running product."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
import yaml
from pydantic import ValidationError

from services.intake.domain.evaluation import report
from services.intake.doors import DOORS, Door, Raw, Refused, Setup, Unauthenticated
from services.intake.doors.examples import content_type_of, read_as_json
from services.intake.doors.shape import UNKNOWN_TIME, faults_of
from services.intake.handlers.callers import default_setup
from services.intake.handlers.training import Trained, TrainingImpossible
from services.intake.handlers.training import train as train_model
from services.intake.store import MongoModels
from shared.clock import SystemClock
from shared.mongo import connect, database
from shared.organisation.integrations import IntegrationsSection
from shared.settings import ServiceSettings

app = typer.Typer(no_args_is_help=True, help="What comes in: doors and their payloads.")

BAD_INPUT = 2
T = TypeVar("T")


@app.callback()
def intake() -> None:
    """Show what comes in: doors and their payloads."""


@app.command()
def doors(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the doors."""
    rows = [
        {
            "door": door.name,
            "takes": door.title,
            "routes": [f"{' '.join(e.methods)} {e.path}" for e in door.entrances],
        }
        for door in DOORS.values()
    ]
    if as_json:
        _print_json(rows)
        return
    width = max(len(door) for door in DOORS)
    for row in rows:
        sys.stdout.write(f"{row['door']:<{width}}  {row['takes']}\n")


@app.command()
def parse(  # noqa: PLR0917 - each is an option of the command line
    door: Annotated[str, typer.Argument(help="Its name, see `heliodesk intake doors`.")],
    file: Annotated[Path, typer.Argument(help="The payload; - for standard input.")],
    header: Annotated[list[str] | None, typer.Option("--header", help="NAME=VALUE.")] = None,
    query: Annotated[list[str] | None, typer.Option("--query", help="NAME=VALUE.")] = None,
    path: Annotated[list[str] | None, typer.Option("--path", help="NAME=VALUE.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--setting", help="NAME=VALUE; the value is YAML.")
    ] = None,
    secret: Annotated[list[str] | None, typer.Option("--secret", help="NAME=VALUE.")] = None,
    integrations: Annotated[
        Path | None,
        typer.Option(help="A file such as integrations.yaml: the settings are those of its row."),
    ] = None,
    integration: Annotated[
        str, typer.Option(help="The row's name, where the file has several of the door.")
    ] = "",
    route: Annotated[str, typer.Option(help="The route's pattern, where a door has several.")] = "",
    received_at: Annotated[
        datetime | None, typer.Option(help="When it came in, for payloads without a time.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the normal forms that a door makes of a payload, or why it makes none.

    Credentials are not checked. Exit code 0: it can be read; 2: it cannot.
    """
    found = DOORS.get(door)
    if found is None:
        _fail(f"there is no door {door!r}; there are {', '.join(DOORS)}", as_json=as_json)
    routes = [entrance.path for entrance in found.entrances]
    if route and route not in routes:
        known = ", ".join(routes) or "none"
        _fail(f"--route {route!r}: the door {door} has {known}", as_json=as_json)
    headers = {name.lower(): value for name, value in _pairs(header, "--header")}
    body = _body(file)
    headers.setdefault("content-type", _content_type(found, file, body, route=route))
    raw = Raw(
        body=body,
        headers=headers,
        query=dict(_pairs(query, "--query")),
        path=dict(_pairs(path, "--path")),
        route=route or next(iter(routes), ""),
        received_at=received_at.replace(tzinfo=UTC) if received_at else UNKNOWN_TIME,
    )
    given = _settings(_pairs(setting, "--setting"), as_json=as_json)
    if integrations is not None:
        given = {**_row(integrations, found, integration, as_json=as_json), **given}
    setup = _setup(found, given, _pairs(secret, "--secret"), as_json=as_json)
    try:
        greeting = found.greet(raw, setup) if found.greet else None
        reads = () if greeting else found.parse(raw, setup)
    except Refused as error:
        faults = [{"field": f.field, "reason": f.reason} for f in error.faults]
        _fail(str(error), faults, status=error.kind.value, as_json=as_json)
    except Unauthenticated as error:
        # Credentials are not checked, but what is encrypted cannot be read without its key.
        _fail(f"{error}; give it by --secret NAME=VALUE", as_json=as_json)
    shown = [read_as_json(read) for read in reads]
    if as_json:
        answered = {"answer": greeting.content} if greeting else {}
        _print_json({"reads": shown, **answered})
        return
    if greeting:
        sys.stdout.write(f"a handshake; it is answered with {greeting.content}\n")
        return
    if not shown:
        sys.stdout.write("nothing: the door takes it, and there is nothing to do\n")
    for number, read in enumerate(shown, 1):
        sys.stdout.write(f"# {number} of {len(shown)}\n")
        sys.stdout.write(yaml.safe_dump(read, allow_unicode=True, sort_keys=False))


@app.command()
def train(
    tenant: Annotated[str, typer.Option(help="Whose closed tickets are learned from.")] = "main",
    *,
    apply_from: Annotated[
        float, typer.Option(min=0, max=1, help="The probability that the report counts from.")
    ] = 0.8,
) -> None:
    """Train the model of kinds and categories from closed tickets, and say how good it is.

    Reads and writes intake's store (HELIODESK_MONGO). Every process takes the new model up within
    a minute. Needs the extra `training`.
    """

    async def run(store: MongoModels) -> Trained:
        now = SystemClock().now()
        return await train_model(store, tenant=tenant, at=now, apply_from=apply_from)

    try:
        trained = asyncio.run(_with_models(run))
    except TrainingImpossible as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(BAD_INPUT) from error
    lines = [
        f"Model {trained.version} of {tenant}, from {trained.samples} closed tickets.",
        "",
        *report("Kinds", trained.kind),
        "",
        *report("Categories", trained.category),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


@app.command()
def drop_model(
    version: Annotated[int, typer.Argument(help="Of the model; the one before counts again.")],
    tenant: Annotated[str, typer.Option(help="Whose model.")] = "main",
) -> None:
    """Drop a version of the model, as if it had never been trained."""

    async def run(store: MongoModels) -> bool:
        return await store.drop_model(tenant=tenant, version=version)

    if not asyncio.run(_with_models(run)):
        sys.stderr.write(f"{tenant} has no model {version}\n")
        raise typer.Exit(1)


async def _with_models(run: Callable[[MongoModels], Awaitable[T]]) -> T:
    settings = ServiceSettings.from_environment()
    client = connect(settings.mongo, name="heliodesk intake")
    try:
        return await run(MongoModels(database(client, settings.database_prefix + "intake")))
    finally:
        client.close()


def _body(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        sys.stderr.write(f"{file}: {error.strerror}\n")
        raise typer.Exit(BAD_INPUT) from error


def _content_type(door: Door, file: Path, body: bytes, *, route: str) -> str:
    """Return what a file is: as its name says, else the first of the door's types that it fits."""
    named = content_type_of(file.name)
    entrances = [e for e in door.entrances if not route or e.path == route]
    taken = [kind for entrance in entrances for kind in entrance.media_types]
    if not taken or named in taken or file.suffix in {".json", ".xml", ".form", ".csv"}:
        return named
    first = body.lstrip()[:1]
    fits = {b"{": "json", b"[": "json", b"<": "xml"}.get(first, "form")
    return next((kind for kind in taken if fits in kind), named)


def _pairs(given: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    pairs = []
    for text in given or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            sys.stderr.write(f"{option} {text!r}: write NAME=VALUE\n")
            raise typer.Exit(BAD_INPUT)
        pairs.append((name, value))
    return pairs


def _settings(pairs: Sequence[tuple[str, str]], *, as_json: bool) -> dict[str, Any]:
    try:
        return {name: yaml.safe_load(value) for name, value in pairs}
    except yaml.YAMLError as error:
        _fail(f"--setting: {error}", as_json=as_json)


def _row(file: Path, door: Door, name: str, *, as_json: bool) -> dict[str, Any]:
    """Return the settings of an integration of the door."""
    try:
        section = IntegrationsSection.model_validate(yaml.safe_load(_body(file)))
    except yaml.YAMLError as error:
        _fail(f"{file}: {error}", as_json=as_json)
    except ValidationError as error:
        faults = [{"field": f.field, "reason": f.reason} for f in faults_of(error)]
        _fail(f"{file} does not fit", faults, as_json=as_json)
    rows = [row for row in section.integrations if row.door == door.configured_as]
    wanted = [row for row in rows if name in {"", row.name}]
    if len(wanted) != 1:
        known = ", ".join(row.name for row in rows) or "none"
        reason = f"{file} has of the door {door.configured_as}: {known}; name one: --integration"
        _fail(reason, as_json=as_json)
    return wanted[0].settings


def _setup(
    door: Door, given: dict[str, Any], secrets: Sequence[tuple[str, str]], *, as_json: bool
) -> Setup:
    if not given:
        # Without settings a door reads as well as it can: a mailbox's host says nothing of mail.
        return replace(default_setup(door), secrets=dict(secrets), name="dry-run")
    try:
        return Setup(
            settings=door.settings.model_validate(given), secrets=dict(secrets), name="dry-run"
        )
    except ValidationError as error:
        faults = [{"field": f"settings.{f.field}", "reason": f.reason} for f in faults_of(error)]
        _fail("the settings do not fit the door", faults, as_json=as_json)


def _fail(
    reason: str,
    faults: Sequence[dict[str, str]] = (),
    *,
    status: int | None = None,
    as_json: bool,
) -> NoReturn:
    if as_json:
        _print_json({"refused": {"status": status, "reason": reason, "errors": list(faults)}})
    else:
        sys.stderr.write(f"{reason}\n")
        for fault in faults:
            sys.stderr.write(f"  {fault['field'] or '(whole)'}: {fault['reason']}\n")
    raise typer.Exit(BAD_INPUT)


def _print_json(content: object) -> None:
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
