"""Door ``cti``: moments of telephone calls as JSON, for any exchange that can be taught to send.

The format is ours. A moment may be told late, twice, and in any order.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, RootModel

from services.intake.domain.normal import NAME_MAX, CallMoment, CallProgress
from services.intake.domain.telephone import caller_party
from services.intake.domain.text import clean_line
from services.intake.doors.phone.moments import moment_read
from services.intake.doors.phone.settings import PhoneSettings, phone_settings
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel, Instant
from shared.kernel import rfc3339

JSON = "application/json"
MOMENTS_MAX = 1_000
"""Moments of one call of the door."""


def _line(value: object) -> object:
    return clean_line(value) if isinstance(value, str) else value


Line = BeforeValidator(_line)
Number = Annotated[str, Field(max_length=100), Line]
Short = Annotated[str, Field(min_length=1, max_length=80), Line]


class MomentBody(BaseModel):
    """One moment of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    call: Annotated[str, Field(min_length=1, max_length=300), Line]
    """The exchange's own name of the call, the same for all of its moments."""
    moment: CallMoment
    at: Instant
    """When it happened: it is part of the moment's name."""
    sender: Annotated[Number | None, Field(alias="from")] = None
    """The caller's number; empty or ``anonymous`` where it is withheld."""
    name: Annotated[str, Field(max_length=NAME_MAX), Line] = ""
    """What the exchange calls the other party."""
    to: Number = ""
    """The number that was dialled."""
    agent: Short | None = None
    digits: Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Da-d*#,]*$"), Line] = ""
    menu: Annotated[str, Field(max_length=200), Line] = ""
    queue: Short | None = None
    reason: Short | None = None
    recording: Annotated[str, Field(max_length=2_000), Line] | None = None
    outbound: bool = False


class Moments(RootModel[Annotated[tuple[MomentBody, ...], FailFast(), Field(min_length=1)]]):
    """Several moments, of one call or of many."""


def parse(raw: Raw, setup: Setup) -> list[Read[CallProgress]]:
    """Read one moment, or a list of them.

    Raises:
        Refused: 415, 400 or 422; of a list, nothing is taken where one moment does not fit.
    """
    require_media_type(raw, (JSON,))
    several = raw.body.lstrip()[:1] == b"["
    moments = read_json(raw, Moments).root if several else (read_json(raw, MomentBody),)
    if len(moments) > MOMENTS_MAX:
        raise Refused(Fault4xx.TOO_LARGE, [Fault("", f"more than {MOMENTS_MAX} moments")])
    country = phone_settings(setup).country
    return [_read(moment, country) for moment in moments]


def _read(moment: MomentBody, country: str | None) -> Read[CallProgress]:
    other = moment.to if moment.outbound else moment.sender
    form = CallProgress(
        call=moment.call,
        moment=moment.moment,
        at=moment.at,
        contact=caller_party(other, country=country, name=moment.name),
        dialled=moment.to[:40],
        agent=moment.agent,
        digits=moment.digits,
        menu=moment.menu,
        queue=moment.queue,
        reason=moment.reason,
        recording=moment.recording,
        outbound=moment.outbound,
    )
    # Two agents may be rung at one instant, and two digits pressed.
    return moment_read(form, rfc3339(moment.at), moment.agent or "", moment.digits)


DOOR = Door(
    name="cti",
    title="Moments of telephone calls as JSON",
    parse=parse,
    channel=Channel.PHONE,
    settings=PhoneSettings,
    answers_at_once=True,
    entrances=(
        HttpEntrance(
            path="/v1/phone/moments",
            media_types=(JSON,),
            model=MomentBody,
            summary="One moment of a call, or a list of them",
        ),
    ),
)
