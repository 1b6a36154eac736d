"""Door ``web-form``: the form of a page that anybody may open, posted by the browser itself.

A page has no place for a secret, so there is none: the integration names the pages' origins, and
a browser tells from which one it posts (the ``Origin`` header, Fetch standard, section 3.1). That
keeps other sites' pages out, and no program; the integration's limit does, and whoever fills in
such a form has proven nothing. The fields are those of the door ``forms``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field

from services.intake.domain.normal import Request
from services.intake.doors.people.contacts import PeopleSettings
from services.intake.doors.people.form_data import MULTIPART, URLENCODED, read_form
from services.intake.doors.people.forms import FormBody, filled_in
from services.intake.doors.shape import (
    Answer,
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Signature,
    Taken,
    Unauthenticated,
    signed_path,
)
from shared.contracts.facts import Channel

ORIGIN: Final = r"^https?://[a-z0-9.-]{1,253}(:\d{1,5})?$"
THANKS: Final = "thanks"
THANKS_MAX: Final = 2_000
NUMBER: Final = "{number}"


class WebFormSettings(PeopleSettings):
    """Settings of an integration, such as the pages of one site."""

    origins: Annotated[
        tuple[Annotated[str, Field(pattern=ORIGIN)], ...], Field(min_length=1, max_length=50)
    ]
    """Where the pages are, such as ``https://www.example.org``: scheme, host and port."""


class WebFormBody(FormBody):
    """The fields of the form, and where the browser goes next."""

    thanks: Annotated[str, Field(max_length=THANKS_MAX)] | None = None
    """A hidden field: the page that thanks, of the same origin. It may have ``{number}`` in it."""


def verify(raw: Raw, setup: Setup, _now: datetime) -> None:
    """Check from which page the form comes.

    Raises:
        Unauthenticated: it does not say, or says another than the integration names.
    """
    known = setup.settings.origins if isinstance(setup.settings, WebFormSettings) else ()
    origin = _origin(raw)
    if origin not in known:
        message = f"Origin: {origin[:300]!r} is none of the integration's"
        raise Unauthenticated(message)


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read a form.

    Raises:
        Refused: 415, 400 or 422.
    """
    form = read_form(raw)
    page = form.fields.get(THANKS)
    if page and not _is_of(page, _origin(raw)):
        reason = "a page of the form's own origin is needed"
        raise Refused(Fault4xx.INVALID, [Fault(THANKS, reason)])
    own = {name: value for name, value in form.fields.items() if name != THANKS}
    return [filled_in(replace(form, fields=own), raw, setup)]


def answer(raw: Raw, taken: Sequence[Taken]) -> Answer:
    """Send the browser to the page that thanks; without one, answer with the ticket's number."""
    page = read_form(raw).fields.get(THANKS)
    number = taken[0].number or ""
    if page:
        return Answer(status=303, headers={"Location": page.replace(NUMBER, number)})
    return Answer({"number": number}, status=202, headers=_shared(raw))


def refuse(raw: Raw, error: Refused) -> Answer:
    """Say what does not fit, field by field, so that the page's own script may read it."""
    errors = [{"field": fault.field, "reason": fault.reason} for fault in error.faults]
    content = {
        "type": "urn:heliodesk:problem:invalid",
        "title": "invalid",
        "status": error.kind.value,
        "detail": str(error),
        "errors": errors,
    }
    return Answer(
        content,
        status=error.kind.value,
        media_type="application/problem+json",
        headers=_shared(raw),
    )


def _origin(raw: Raw) -> str:
    return raw.headers.get("origin", "").lower()


def _is_of(page: str, origin: str) -> bool:
    """Return whether a page is of an origin: nobody is sent elsewhere."""
    if len(page) > THANKS_MAX or not page.isprintable() or "\\" in page:
        return False
    try:
        parts = urlsplit(page)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}".lower() == origin


def _shared(raw: Raw) -> Mapping[str, str]:
    """Return the headers with which a script of that origin may read the answer."""
    return {"Access-Control-Allow-Origin": _origin(raw), "Vary": "Origin"}


DOOR = Door(
    name="web-form",
    title="The form of a public page, posted by the browser",
    parse=parse,
    channel=Channel.WEB,
    credentials=Signature(verify=verify, secrets=()),
    settings=WebFormSettings,
    answer=answer,
    refuse=refuse,
    entrances=(
        HttpEntrance(
            path=signed_path("web-form"), media_types=(URLENCODED, MULTIPART), model=WebFormBody
        ),
    ),
    source="https://fetch.spec.whatwg.org/#origin-header",
)
