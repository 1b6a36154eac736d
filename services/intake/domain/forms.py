"""Forms of the organisation: whether what was filled in fits. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import assert_never

from services.intake.domain.normal import Request
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Form, FormField

TEMPLATE = "template"
BOOLEANS = frozenset({"true", "false"})


def form_of(request: Request, configuration: Configuration) -> Form | None:
    """Return the form that a request is of; None where it is of none, or the organisation has none.

    Raises:
        CommandRejected: 422; there is no such form, a field that is required is empty, or one
            does not fit its type. Fields that the form does not have are kept as they are.
    """
    forms = configuration.forms_by_name
    if request.template is None or not forms:
        return None
    form = forms.get(request.template)
    if form is None:
        raise _refused(TEMPLATE, f"the organisation has no form {request.template!r}")
    for field in form.fields:
        _require_fitting(field, request.fields)
    return form


def _require_fitting(field: FormField, given: Mapping[str, str]) -> None:
    text = given.get(field.name, "").strip()
    if not text:
        if field.required:
            raise _refused(f"fields.{field.name}", f"{field.title!r} is required")
        return
    reason = _why_not(field, text)
    if reason is not None:
        raise _refused(f"fields.{field.name}", reason)


def _why_not(field: FormField, text: str) -> str | None:
    """Return why a text does not fit a field; None where it does."""
    match field.type:
        case "text":
            return None
        case "number":
            return None if _is_number(text) else "a number is needed, such as 12 or 0.5"
        case "date":
            return None if _is_date(text) else "a date is needed, as 2026-03-31"
        case "boolean":
            return None if text in BOOLEANS else "true or false is needed"
        case "choice":
            shown = ", ".join(field.choices[:10])
            return None if text in field.choices else f"one of these is needed: {shown}"[:300]
    assert_never(field.type)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _refused(field: str, reason: str) -> CommandRejected:
    return CommandRejected("invalid", f"{field}: {reason}", field=field, status=422)
