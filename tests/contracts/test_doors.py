"""Every door by its examples: golden payloads, and the bad twins of each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.routing import Match, Route

from heliodesk import documents
from services.intake.app import create_app
from services.intake.doors import DOORS, Raw, Refused, Setup, Signature, Unauthenticated
from services.intake.doors.examples import Example, examples, read_as_json
from services.intake.doors.shape import NoSettings
from services.intake.settings import IntakeSettings
from shared.organisation.doors import known_doors

EXAMPLES = list(examples())
REFUSALS_MIN = 2
HUGE = b'{"a":' * 100_000


def outcome(example: Example) -> dict[str, Any]:
    """Return what becomes of an example's payload."""
    door, raw, setup = example.door, example.raw, example.setup
    try:
        if example.now is not None and isinstance(door.credentials, Signature):
            door.credentials.verify(raw, setup, example.now)
        greeting = door.greet(raw, setup) if door.greet else None
        if greeting is not None:
            return {"answer": {"status": greeting.status, "content": greeting.content}}
        reads = door.parse(raw, setup)
    except Unauthenticated:
        return {"unauthenticated": True}
    except Refused as error:
        fields = sorted(fault.field for fault in error.faults)
        return {"refused": {"status": error.kind.value, "fields": fields}}
    return {"reads": [read_as_json(read) for read in reads]}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.door.name}-{e.case}")
def test_an_example_becomes_what_is_expected(example: Example) -> None:
    """A payload of a vendor's documentation has the normal form that was written down by hand."""
    assert outcome(example) == example.expected


@pytest.mark.parametrize("door", DOORS)
def test_every_door_has_good_examples_and_bad_ones(door: str) -> None:
    """At least one payload is read; a door that can refuse shows what it refuses."""
    mine = [example.expected for example in EXAMPLES if example.door.name == door]
    assert any("reads" in expected for expected in mine)
    bad = [e for e in mine if "refused" in e or "unauthenticated" in e]
    assert len(bad) >= REFUSALS_MIN or DOORS[door].name in {"smtp", "imap"}


@pytest.mark.parametrize("door", DOORS)
def test_a_hostile_body_is_refused_or_read_as_nothing_much(door: str) -> None:
    """Deep JSON, no bytes at all, bytes of no meaning: never another error than a refusal."""
    settings = next((e.setup for e in EXAMPLES if e.door.name == door), Setup(NoSettings()))
    for body in (HUGE, b"", b"\xff\xfe\x00", b"null", b"[]", b'{"a":1e999}', b'"\\ud800"'):
        for media_type in ("application/json", "application/x-www-form-urlencoded", "text/xml", ""):
            raw = Raw(body=body, headers={"content-type": media_type})
            try:
                DOORS[door].parse(raw, settings)
            except (Refused, Unauthenticated):
                continue


def test_doors_have_names_and_routes_of_their_own() -> None:
    """No two doors share a route; who uses another's integrations names a door that there is."""
    routes = [
        (method, entrance.path)
        for door in DOORS.values()
        for entrance in door.entrances
        for method in entrance.methods
    ]
    assert len(routes) == len(set(routes))
    assert {door.configured_as for door in DOORS.values()} <= set(DOORS)


def test_the_configuration_knows_the_doors() -> None:
    """What control checks integrations against is what the registry says."""
    assert set(known_doors()) == set(documents.doors())


@pytest.mark.parametrize("door", DOORS)
def test_no_other_route_hides_a_door(door: str) -> None:
    """Routes of people are asked first: who calls a door comes to the door."""
    routes = create_app(IntakeSettings()).routes
    for entrance in DOORS[door].entrances:
        for method in entrance.methods:
            path = re.sub(r"\{[^}]+\}", "x", entrance.path)
            scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": []}
            first = next(route for route in routes if route.matches(scope)[0] is Match.FULL)
            assert isinstance(first, Route), f"{method} {path}"
            assert first.name == door
