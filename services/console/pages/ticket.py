"""A ticket's page, and what an agent does there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.actions import Verb
from services.console.domain.names import Names
from services.console.domain.words import Words
from services.console.handlers.commands import Outcome, Result
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame
from services.console.pages.ticket_page import TicketPages
from services.console.ports import Caller
from shared.auth import Action
from shared.http import Problem
from shared.kernel import CommandRejected, Infrastructure, instant

INVALID = 422


class FormWrong(Exception):
    """A form's field does not fit; the text is a key of the catalogue."""


def ticket_router(frame: Frame) -> APIRouter:
    """Return the routes of a ticket."""
    router = APIRouter(include_in_schema=False, prefix="/tickets")
    pages = TicketPages(frame)
    console = frame.console
    router.add_api_route("/files/{file}", pages.save)

    @router.get("/{name}")
    async def show(request: Request, name: str) -> Response:
        """Show a ticket by id or number; to htmx only its live part."""
        return await pages.show(request, frame.caller(request), name)

    @router.get("/{ticket}/explain")
    async def explain(request: Request, ticket: str) -> Response:
        """Show how the clocks came to stand as they do."""
        caller = frame.caller(request)
        language = frame.words(request).language.value
        try:
            text = await console.owners.explain(caller, ticket, language=language)
        except (CommandRejected, Infrastructure):
            text = frame.words(request)("ticket.explain_down")
        return frame.page(request, "explain.html", caller, text=text)

    @router.post("/{ticket}/do/{verb}")
    async def act(request: Request, ticket: str, verb: Verb) -> Response:
        """Send a command to routing, and show what became of it."""
        caller = frame.caller(request, Action.WORK)
        fields = await fields_of(request)
        words, names = frame.words(request), console.views.names(caller.tenant)
        revision = fields.get("revision", "")
        if not revision.isdecimal():
            raise Problem(INVALID, "invalid", "revision: a whole number is needed")
        try:
            body = _body(verb, fields, caller, frame.zone(request), console.clock.now())
        except FormWrong as error:
            return await pages.show(request, caller, ticket, said=words(str(error)), status=INVALID)
        outcome = await console.commands.act(caller, ticket, verb, body, revision=int(revision))
        done = words(f"act.done.{verb.value}", desk=names.group(_group(fields.get("desk"))))
        said = done if outcome.result is Result.DONE else refusal(outcome, words, names)
        return await pages.show(request, caller, ticket, said=said, status=_status(outcome.result))

    @router.post("/{ticket}/messages")
    async def say(request: Request, ticket: str) -> Response:
        """Add a reply or a note."""
        caller = frame.caller(request, Action.WORK)
        fields = await fields_of(request)
        words, names = frame.words(request), console.views.names(caller.tenant)
        visibility = fields.get("visibility")
        if visibility not in {"public", "internal"}:
            # Never guessed: a note for colleagues must not reach the contact.
            raise Problem(INVALID, "invalid", "visibility: public or internal is needed")
        internal = visibility == "internal"
        if not fields.get("text"):
            said = words("act.text_missing")
            return await pages.show(request, caller, ticket, said=said, status=INVALID)
        outcome = await console.commands.say(
            caller,
            ticket,
            text=fields["text"],
            visibility="internal" if internal else "public",
            key=fields.get("key") or console.clock.unique(),
        )
        done = words("act.done.note" if internal else "act.done.reply")
        ok = outcome.result is Result.DONE
        said = done if ok else refusal(outcome, words, names)
        return await pages.show(
            request, caller, ticket, said=said, status=_status(outcome.result), clear=ok
        )

    return router


def _body(
    verb: Verb, fields: Mapping[str, str], caller: Caller, zone: tzinfo | None, now: datetime
) -> dict[str, Any]:
    """Return the command's body as routing takes it."""
    body: dict[str, Any] = {}
    match verb:
        case Verb.ASSIGN:
            body = {"agent": caller.name}
        case Verb.REJECT:
            body = {"reason": fields.get("reason", "")}
        case Verb.TRANSFER:
            body = _destination(fields)
        case Verb.PEND:
            until = _until(fields, zone, now)
            body = {"reason": fields.get("reason", "customer"), **_named_supplier(fields), **until}
        case Verb.RESOLVE:
            body = _given(fields, "code", "article", "resolver", "tasks")
        case Verb.CONFIRM:
            body = {"satisfied": _satisfied(fields)}
        case Verb.ESCALATE:
            body = {"kind": fields.get("kind", ""), "reason": fields.get("reason", "")}
            body |= _given(fields, "to")
        case Verb.CLOSE:
            # Nobody said that it is solved: that is not to be counted as if they had.
            body = {"reason": "agent"}
        case Verb.REFER:
            body = _given(fields, "desk")
        case _:
            pass
    return body


def _destination(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the desk, and the queue where one of its queues was chosen."""
    desk, _, queue = fields.get("desk", "").partition("/")
    return {"desk": desk, "queue": queue} if queue else {"desk": desk}


def _given(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return what was not left empty."""
    return {name: fields[name] for name in names if fields.get(name)}


def _named_supplier(fields: Mapping[str, str]) -> dict[str, str]:
    named = fields.get("reason") == "supplier" and fields.get("supplier")
    return {"supplier": fields["supplier"]} if named else {}


def _satisfied(fields: Mapping[str, str]) -> bool:
    """Return what the contact said; never guessed, since it closes the ticket.

    Raises:
        FormWrong: neither was chosen.
    """
    said = fields.get("satisfied")
    if said not in {"yes", "no"}:
        raise FormWrong("act.satisfied")
    return said == "yes"


def _group(chosen: str | None) -> str | None:
    """Return the queue that was chosen, or the desk where its own was."""
    return chosen.rpartition("/")[2] if chosen else None


def _until(fields: Mapping[str, str], zone: tzinfo | None, now: datetime) -> dict[str, str]:
    """Return the instant of a field in the viewer's local time; nothing where it may be empty.

    Raises:
        FormWrong: it is none, lies behind, or is missing where the reason needs it.
    """
    text = fields.get("until", "")
    if not text:
        if fields.get("reason") == "until":
            raise FormWrong("act.until_wrong")
        return {}
    try:
        until = instant(datetime.fromisoformat(text).replace(tzinfo=zone or UTC))
    except ValueError as error:
        raise FormWrong("act.until_wrong") from error
    if until <= now:
        raise FormWrong("act.until_wrong")
    return {"until": until.isoformat()}


def _status(result: Result) -> int:
    match result:
        case Result.DONE:
            return 200
        case Result.STALE | Result.REFUSED:
            return 409
        case Result.DOWN:
            return 503


def refusal(outcome: Outcome, words: Words, names: Names) -> str:
    """Return the sentence for a command that changed nothing, and who has the ticket."""
    if outcome.result is Result.DOWN:
        return words("act.down", service=outcome.service)
    key = f"refusal.{outcome.code}"
    reason = words(key) if words.has(key) else outcome.reason
    if outcome.now is None:
        return words("act.refused", reason=reason)
    standing = {
        "status": words.code("status", outcome.now.status),
        "desk": names.desk(outcome.now.desk),
        "agent": names.agent(outcome.now.agent) if outcome.now.agent else words("act.nobody"),
    }
    if outcome.result is Result.STALE:
        return words("act.stale", **standing)
    return words("act.refused_who", reason=reason, **standing)
