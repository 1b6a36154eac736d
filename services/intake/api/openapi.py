"""The doors in the OpenAPI document: plain routes do not describe themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from services.intake.doors import DOORS, Door, HttpEntrance

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
                if door.http is not None:
                    operation = _operation(door, door.http, components)
                    document["paths"][door.http.path] = {"post": operation}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = with_doors  # type: ignore[method-assign]


def _operation(door: Door, entrance: HttpEntrance, components: dict[str, Any]) -> dict[str, Any]:
    schema = entrance.model.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(schema.pop("$defs", {}))
    name = entrance.model.__name__
    components[name] = schema
    body = {"schema": {"$ref": f"#/components/schemas/{name}"}}
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
    return {
        "tags": ["doors"],
        "summary": f"Door {door.name}",
        "operationId": f"submit_{door.name}",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 200},
            }
        ],
        "requestBody": {
            "required": True,
            "content": dict.fromkeys(entrance.media_types, body),
        },
        "responses": responses,
    }
