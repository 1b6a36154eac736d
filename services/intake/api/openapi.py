"""The doors in the OpenAPI document: plain routes do not describe themselves."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI

from services.intake.doors import DOORS, Door, HttpEntrance, Signature

ACCEPTED_SCHEMA: dict[str, Any] = {
    "title": "Accepted",
    "type": "object",
    "required": ["ticket", "number", "link", "receipt"],
    "properties": {
        "ticket": {"type": ["string", "null"], "description": "None for alerts that are no news."},
        "number": {"type": ["string", "null"]},
        "link": {"type": "string"},
        "receipt": {"type": "string"},
    },
}
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457 problem details; `errors` names each field and the reason.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
PROBLEMS = {
    "400": "The body cannot be read",
    "401": "No valid token",
    "403": "This door is not the caller's",
    "413": "The body is too large",
    "415": "Another content type is taken here",
    "422": "A field does not fit, or the key was used with another body",
    "503": "Not now: nothing was accepted, ask again after Retry-After seconds",
}


_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_CONVERTER = re.compile(r":\w+\}")
_KEY_HEADER: tuple[dict[str, Any], ...] = (
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 1000},
    },
)


def describe_doors(app: FastAPI) -> None:
    """Add the doors to the application's OpenAPI document."""
    plain = app.openapi

    def with_doors() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            components = document.setdefault("components", {}).setdefault("schemas", {})
            components["Accepted"] = ACCEPTED_SCHEMA
            components["Problem"] = PROBLEM_SCHEMA
            for door in DOORS.values():
                for number, entrance in enumerate(door.entrances):
                    shown = _CONVERTER.sub("}", entrance.path)
                    path = document["paths"].setdefault(shown, {})
                    for method in entrance.methods:
                        path[method.lower()] = _operation(
                            door, entrance, components, number=number, method=method
                        )
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = with_doors  # type: ignore[method-assign]


def _operation(
    door: Door, entrance: HttpEntrance, components: dict[str, Any], *, number: int, method: str
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "202": {
            "description": "Accepted durably",
            "headers": {"Location": {"schema": {"type": "string"}}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}},
        }
    }
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, description in PROBLEMS.items():
        responses[status] = {"description": description, "content": problem}
    if door.answer is not None:
        responses.pop("202")
        responses["2XX"] = {"description": "Accepted durably, said as this caller expects it"}
    suffix = f"_{number}" if number else ""
    operation: dict[str, Any] = {
        "tags": ["doors"],
        "summary": entrance.summary or f"{door.title} (door {door.name})",
        "operationId": f"{method.lower()}_{door.name}{suffix}",
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _PARAMETER.findall(entrance.path)
            ),
            *_KEY_HEADER,
        ],
        "responses": responses,
    }
    if method != "GET" and entrance.media_types:
        operation["requestBody"] = {
            "required": True,
            "content": dict.fromkeys(entrance.media_types, _body(door, entrance, components)),
        }
    if isinstance(door.credentials, Signature):
        operation["security"] = []
        operation["description"] = "Open to whoever signs as the integration's secret says."
    return operation


def _body(door: Door, entrance: HttpEntrance, components: dict[str, Any]) -> dict[str, Any]:
    if entrance.model is None:
        return {}
    # Two doors may call different things alike: each has names of its own.
    own = f"{door.name}."
    schema = entrance.model.model_json_schema(ref_template=f"#/components/schemas/{own}{{model}}")
    components.update({own + name: part for name, part in schema.pop("$defs", {}).items()})
    name = own + entrance.model.__name__
    components[name] = schema
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}
