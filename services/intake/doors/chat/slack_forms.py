"""What Slack sends as forms: slash commands, and shortcuts on a message.

Sources: docs.slack.dev, "Implementing slash commands", "Reference: interaction payloads"
(``message_action``), "SSL check". Slack does not repeat a command: its ``trigger_id`` names it.

A shortcut on a message is that message: it has the message's own key, so that one which was
heard before, or is heard again, stays one request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from services.intake.domain.normal import NormalForm
from services.intake.doors.chat.reading import (
    Body,
    Ident,
    LongIdent,
    answer_empty,
    conversation_of,
    fit,
    key_of,
    malformed,
    party_of,
    said,
)
from services.intake.doors.chat.slack_text import plain_text
from services.intake.doors.people.form_data import URLENCODED, pairs_of
from services.intake.doors.shape import Answer, Raw, Read, Taken

VENDOR = "slack"
FORM_FIELDS_MAX = 100


class Command(Body):
    """A slash command."""

    command: str
    team: Annotated[Ident, Field(alias="team_id")]
    channel: Annotated[LongIdent, Field(alias="channel_id")]
    user: Annotated[Ident, Field(alias="user_id")]
    trigger: Annotated[LongIdent, Field(alias="trigger_id")]
    text: str = ""


class Named(Body):
    """A workspace, a channel or a user of an interaction."""

    id: LongIdent


class Actor(Named):
    """Who did something; of an app that a whole organisation has, only this names a workspace."""

    team_id: Ident | None = None


class Kind(Body):
    """What every interaction has."""

    type: str


class MessageAction(Body):
    """A shortcut on a message was chosen. Of an organisation's app the workspace is left out."""

    team: Named | None = None
    enterprise: Named | None = None
    channel: Named
    user: Actor
    message: dict[str, Any]

    @property
    def workspace(self) -> str | None:
        """The workspace where it was chosen, or else the organisation."""
        place = self.team or self.enterprise
        return (self.team.id if self.team else self.user.team_id) or (place.id if place else None)


def fields_of(raw: Raw) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        Refused: 400 where it is none.
    """
    return dict(pairs_of(raw.body, fields_max=FORM_FIELDS_MAX))


def parse_command(fields: Mapping[str, str]) -> Sequence[Read[NormalForm]]:
    """Read a slash command; one without words asks how it is used, and nothing of a desk.

    Raises:
        Refused: 422.
    """
    command = fit(Command, {name: value for name, value in fields.items() if value})
    text = plain_text(command.text, ())
    if not text:
        return ()
    key = key_of("command", command.team, command.trigger)
    return (
        said(
            key=key,
            contact=party_of(VENDOR, command.team, command.user),
            # Nobody else sees a command: what follows it in the channel belongs to others.
            conversation=conversation_of(VENDOR, command.team, command.channel, key),
            text=text,
            title="Slack",
        ),
    )


def message_action(fields: Mapping[str, str]) -> MessageAction | None:
    """Return the shortcut that was chosen on a message; None for every other interaction.

    Raises:
        Refused: 400 or 422.
    """
    try:
        payload = json.loads(fields.get("payload", ""))
    except (ValueError, RecursionError) as error:
        raise malformed("payload", "not JSON") from error
    if fit(Kind, payload, at="payload").type != "message_action":
        return None
    return fit(MessageAction, payload, at="payload")


def answer(raw: Raw, taken: Sequence[Taken]) -> Answer:
    """Return what Slack expects: of a command, the ticket's number for who wrote it alone."""
    if raw.media_type != URLENCODED:
        return answer_empty(raw, taken)
    fields = fields_of(raw)
    command = fields.get("command")
    if command is None:
        return answer_empty(raw, taken)
    numbers = " ".join(t.number for t in taken if t.number)
    usage = f"Write what you need behind the command: {command[:80]} my printer is broken"
    return Answer(content={"response_type": "ephemeral", "text": numbers or usage})
