"""Bodies of requests, read after the caller is known and never beyond their limit.

Also the one shape in which services take and refuse a configuration.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.http import Problem, invalid, malformed, media_type_refused
from shared.organisation import ConfigurationInvalid

SMALL_BYTES_MAX: Final = 16 * 1024

M = TypeVar("M", bound=BaseModel)


class Input(BaseModel):
    """Base of the bodies: a field that is not known is refused, as a typing error would be."""

    model_config = ConfigDict(frozen=True, extra="forbid")


async def read_body(request: Request, model: type[M], *, bytes_max: int | None) -> M:
    """Return the body of a request as a model.

    ``bytes_max`` of None leaves it at the limit of the application.

    Raises:
        Problem: 415 for another media type, 413 beyond the limit, 400 for what is no JSON, 422
            for what does not fit, with each field and reason.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise media_type_refused("application/json", media_type)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if bytes_max is not None and len(content) > bytes_max:
            raise Problem(413, "too-large", f"the body exceeds {bytes_max} bytes")
    try:
        return model.model_validate_json(bytes(content))
    except ValidationError as error:
        if any(problem["type"] == "json_invalid" for problem in error.errors()):
            raise malformed(str(error.errors()[0]["msg"])) from error
        raise invalid(error) from error


def body_of(model: type[M], *, bytes_max: int | None = SMALL_BYTES_MAX) -> Any:
    """Return the FastAPI dependency that yields a body.

    FastAPI itself would read and parse it before it asks who calls. List this dependency after
    the one that does.
    """

    async def dependency(request: Request) -> M:
        return await read_body(request, model, bytes_max=bytes_max)

    return Depends(dependency)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI is told about a body that `body_of` reads."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


SECTIONS_MAX: Final = 2_000
"""The manifest of a version is one event."""
FAULTS_MAX: Final = 200
"""A file of the wrong kind can be wrong in every line."""


class SectionsBody(Input):
    """A configuration: each of its sections."""

    sections: Annotated[dict[str, Any], Field(min_length=1, max_length=SECTIONS_MAX)]


def refused(error: ConfigurationInvalid) -> Problem:
    """Return the answer to a configuration that cannot be applied."""
    errors = []
    for fault in error.problems[:FAULTS_MAX]:
        place = {"file": fault.file, "path": fault.path, "reason": fault.reason}
        if fault.line:
            place["line"] = str(fault.line)
        errors.append(place)
    count = len(error.problems)
    more = f" (and {count - 1} more)" if count > 1 else ""
    return Problem(422, "configuration-invalid", f"{error.problems[0]}{more}", errors=errors)
