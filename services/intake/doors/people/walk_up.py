"""Door ``walk-up``: what an agent records of somebody who stands before them, or who calls."""

from __future__ import annotations

from typing import Literal

from services.intake.domain.normal import Request
from services.intake.doors.people.contacts import PeopleSettings, Word
from services.intake.doors.people.requests import JSON, RequestBody, read_request
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
from shared.contracts.facts import Channel


class WalkUpSettings(PeopleSettings):
    """Settings of an integration, such as a desk's own device at one site."""

    site: Word | None = None
    """Where the device is: it counts where a record names no site."""


class WalkUpBody(RequestBody):
    """A record. Where somebody stood before the agent, it says at which site.

    ``fields.call`` names the telephone call that it is about, where it is about one.
    """

    channel: Literal["walk-up", "phone"] = "walk-up"


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read a record. An agent's word for who the contact is proves it.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    body = read_json(raw, WalkUpBody)
    if body.site is None and isinstance(setup.settings, WalkUpSettings):
        body = body.model_copy(update={"site": setup.settings.site})
    if body.site is None and body.channel == "walk-up":
        reason = "where did they come? A walk-up record names its site"
        raise Refused(Fault4xx.INVALID, [Fault("site", reason)])
    # Whoever comes in without an integration is an agent who signed in by themselves.
    return [read_request(body, raw, setup, verified=not setup.name)]


DOOR = Door(
    name="walk-up",
    title="What an agent records on site, or on the telephone",
    parse=parse,
    channel=Channel.WALK_UP,
    settings=WalkUpSettings,
    people="an agent records what somebody asks in person",
    entrances=(HttpEntrance(path="/v1/walk-ups", media_types=(JSON,), model=WalkUpBody),),
)
