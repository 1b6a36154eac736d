"""Door ``sipgate``: calls as sipgate.io pushes them.

Source: sipgate/docs, "Push-API: API reference" and its FAQ on transfers and forwards. Events
are forms: ``newCall``, ``answer``, ``hangup`` with a cause, ``dtmf``. The answer to ``newCall``
is XML that asks for the further events; other answers are discarded.

sipgate can be given a URL and nothing else, so the token is in its query: use one that is for
this integration alone. Its events have no time of their own: the time of arrival counts.

A transferred call is a new call with another ``origCallId``: its events are the transfer of the
first.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import quoteattr

from services.intake.domain.normal import CallMoment, CallProgress
from services.intake.domain.telephone import EXTENSION_DIGITS_MAX, caller_party
from services.intake.domain.text import clean_line
from services.intake.doors.people.form_data import URLENCODED, pairs_of
from services.intake.doors.phone.moments import moment_read
from services.intake.doors.phone.settings import PhoneSettings, phone_settings
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
    Taken,
    Token,
    bearer_token,
    require_media_type,
)
from shared.contracts.facts import Channel

EVENTS = ("newCall", "answer", "hangup", "dtmf")
FIELDS_MAX = 500
"""A call to a group names each of its users three times."""
CALL_MAX = 300
CODE_MAX = 80
CAUSES = {
    "normalClearing": (CallMoment.ENDED, None),
    "cancel": (CallMoment.ABANDONED, None),
    "busy": (CallMoment.REFUSED, "busy"),
    "noAnswer": (CallMoment.REFUSED, "rejected"),
    "congestion": (CallMoment.REFUSED, "unreachable"),
    "notFound": (CallMoment.REFUSED, "nobody"),
    "forwarded": (CallMoment.ENDED, "forwarded"),
}
"""What a hang-up's cause says. Whether a call was answered is seen from its other moments."""


def find_token(raw: Raw) -> str | None:
    """Return the token of the query, or of Basic or Bearer."""
    return raw.query.get("token") or bearer_token(raw)


def parse(raw: Raw, setup: Setup) -> list[Read[CallProgress]]:
    """Read an event; one of another kind is empty.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (URLENCODED,))
    fields: dict[str, list[str]] = {}
    for name, value in pairs_of(raw.body, fields_max=FIELDS_MAX):
        fields.setdefault(name.removesuffix("[]"), []).append(clean_line(value))
    event = _needed(fields, "event")
    if event not in EVENTS:
        # Events are added over time: one that is not known says nothing of a call.
        return []
    call = _needed(fields, "callId")
    if len(call) > CALL_MAX:
        raise Refused(Fault4xx.INVALID, [Fault("callId", f"more than {CALL_MAX} characters")])
    # A call that nobody transferred is its own origin, where sipgate names one.
    origin = _first(fields, "origCallId")[:CALL_MAX] or call
    return _moments(event, fields, raw, setup, call=origin, transferred=origin != call)


def _moments(
    event: str,
    fields: dict[str, list[str]],
    raw: Raw,
    setup: Setup,
    *,
    call: str,
    transferred: bool,
) -> list[Read[CallProgress]]:
    outbound = _first(fields, "direction") == "out"
    # Numbers come in E.164 without its plus; what is shorter is an extension.
    other = _international(_first(fields, "to" if outbound else "from"))
    agent = (_first(fields, "fullUserId") or _first(fields, "user"))[:CODE_MAX] or None
    users = fields.get("fullUserId") or fields.get("user") or []
    base = CallProgress(
        call=call,
        moment=CallMoment.OFFERED,
        at=raw.received_at,
        contact=caller_party(other, country=phone_settings(setup).country),
        dialled=_international(_first(fields, "diversion") or _first(fields, "to"))[:40],
        outbound=outbound,
    )

    def read(moment: CallMoment, *names: str, **more: object) -> Read[CallProgress]:
        return moment_read(base.model_copy(update={"moment": moment, **more}), *names)

    leg = _first(fields, "callId")
    match event:
        case "newCall" if transferred:
            return [read(CallMoment.TRANSFER_STARTED, leg)]
        case "newCall":
            rung = agent if len(users) == 1 else None
            if outbound:
                return [read(CallMoment.OFFERED, agent=rung)]
            return [read(CallMoment.OFFERED), read(CallMoment.RINGING, agent=rung)]
        case "answer":
            moment = CallMoment.TRANSFER_ANSWERED if transferred else CallMoment.ANSWERED
            return [read(moment, leg, agent=agent)]
        case "hangup":
            cause = _needed(fields, "cause")
            unknown = (CallMoment.ENDED, cause[:CODE_MAX])
            moment, reason = CAUSES.get(cause, unknown)
            if transferred:
                # The second leg's end: the caller was spoken to before.
                moment = CallMoment.ENDED
            return [read(moment, leg, reason=reason)]
        case _:
            digits = _first(fields, "dtmf")[:40]
            # The same digits may be asked for, and pressed, twice: no key tells the two apart.
            pressed = read(CallMoment.MENU, digits=digits)
            return [Read(form=pressed.form, content=raw.body)] if digits else []


def _needed(fields: dict[str, list[str]], name: str) -> str:
    value = _first(fields, name)
    if not value:
        raise Refused(Fault4xx.INVALID, [Fault(name, "the field is missing")])
    return value


def _first(fields: dict[str, list[str]], name: str) -> str:
    return next((value for value in fields.get(name, ()) if value), "")


def _international(number: str) -> str:
    """Return a number with its plus, where it is one that has a country's code."""
    bare = number.isascii() and number.isdigit() and len(number) > EXTENSION_DIGITS_MAX
    return f"+{number}" if bare and not number.startswith("0") else number


def answer(raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Ask for the call's further events, at the URL that this one came to."""
    if b"event=newCall" not in raw.body:
        return Answer(content="<Response/>", media_type="application/xml")
    url = quoteattr(public_url(raw))
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n<Response onAnswer={url} onHangup={url}/>'
    return Answer(content=content, media_type="application/xml")


def public_url(raw: Raw) -> str:
    """Return the URL as the caller wrote it, also where a proxy stands between."""
    parts = urlsplit(raw.url)
    scheme = raw.headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    host = raw.headers.get("x-forwarded-host", "").partition(",")[0].strip()
    return urlunsplit(
        parts._replace(
            scheme=scheme if scheme in {"http", "https"} else parts.scheme,
            netloc=host or parts.netloc,
        )
    )


DOOR = Door(
    name="sipgate",
    title="Calls of sipgate.io",
    parse=parse,
    channel=Channel.PHONE,
    credentials=Token(find=find_token),
    settings=PhoneSettings,
    entrances=(
        HttpEntrance(
            path="/v1/phone/sipgate",
            media_types=(URLENCODED,),
            summary="A call event of sipgate.io; the token is in the query",
        ),
    ),
    answer=answer,
    answers_at_once=True,
    source="https://github.com/sipgate/docs/blob/master/docs/push-api/api-reference.md",
)
