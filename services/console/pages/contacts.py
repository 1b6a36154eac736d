"""Contacts: who they are, by which proof an address is theirs, and their tickets."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.handlers.asking import DOWN, Refusal, ask
from services.console.pages.faults import Fault, fault_of, told
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame, is_partial
from services.console.ports import Caller, ContactDetail, Person
from services.console.ports.intake import PEOPLE_SHOWN_MAX
from shared.auth import Action

QUERY_CHARACTERS_MAX: Final = 200
INVALID: Final = 422
KINDS: Final = ("mail", "phone", "chat", "id")
"""The kinds of address, as intake names them."""


def contact_router(frame: Frame) -> APIRouter:
    """Return the routes of contacts."""
    router = APIRouter(include_in_schema=False, prefix="/contacts")
    pages = _ContactPages(frame)
    intake = frame.console.intake

    @router.get("")
    async def search(request: Request) -> Response:
        """Search, where something is asked."""
        caller = frame.caller(request)
        query = _query(request, "q")
        found = await ask(intake.contacts(caller, query)) if query else ()
        return frame.page(
            request,
            "contacts.html",
            caller,
            query=query,
            limit=PEOPLE_SHOWN_MAX,
            found=() if isinstance(found, Refusal) else found,
            problem=told(found, frame.words(request)) if isinstance(found, Refusal) else None,
        )

    @router.get("/{contact}")
    async def show(request: Request, contact: str) -> Response:
        """Show a contact."""
        return await pages.show(request, frame.caller(request), contact)

    @router.post("/{contact}/link")
    async def link(request: Request, contact: str) -> Response:
        """Put an address to the contact: the agent vouches for it."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        if not fields.get("value"):
            fault = Fault("link", frame.words(request)("contact.value_missing"), "value")
            return await pages.show(
                request, caller, contact, fault=fault, given=fields, status=INVALID
            )
        command = intake.link_address(
            caller,
            contact,
            kind=fields.get("kind", KINDS[0]),
            value=fields["value"],
            reason=fields.get("reason", ""),
        )
        return await pages.sent(request, caller, contact, command, form="link", fields=fields)

    @router.post("/{contact}/unlink")
    async def unlink(request: Request, contact: str) -> Response:
        """Take a link back."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        command = intake.unlink_address(
            caller, contact, fields.get("address", ""), reason=fields.get("reason", "")
        )
        return await pages.sent(request, caller, contact, command, form="unlink", fields=fields)

    @router.post("/{contact}/merge")
    async def merge(request: Request, contact: str) -> Response:
        """Say that the contact is the same person as another."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        command = intake.merge_contact(
            caller, contact, into=fields.get("into", ""), reason=fields.get("reason", "")
        )
        return await pages.sent(request, caller, contact, command, form="merge", fields=fields)

    @router.post("/{contact}/unmerge")
    async def unmerge(request: Request, contact: str) -> Response:
        """Take a merge back: of this contact, or of one that was merged into it."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        source = fields.get("source") or contact
        command = intake.unmerge_contact(caller, source, reason=fields.get("reason", ""))
        return await pages.sent(request, caller, contact, command, form="unmerge", fields=fields)

    return router


class _ContactPages:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def sent(
        self,
        request: Request,
        caller: Caller,
        contact: str,
        command: Awaitable[ContactDetail],
        *,
        form: str,
        fields: Mapping[str, str],
    ) -> Response:
        """Send a command and show what became of it."""
        words, done = self._frame.words(request), await ask(command)
        if isinstance(done, Refusal):
            return await self.show(
                request,
                caller,
                contact,
                said=told(done, words),
                status=done.status,
                fault=fault_of(done, words, form=form, fields=("value", "kind", "reason", "into")),
                given=fields,
            )
        return await self.show(request, caller, contact, said=words(f"contact.done.{form}"))

    async def show(
        self,
        request: Request,
        caller: Caller,
        contact: str,
        *,
        said: str | None = None,
        status: int = 200,
        fault: Fault | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        frame, words = self._frame, self._frame.words(request)
        intake = frame.console.intake
        found = await ask(intake.contact(caller, contact))
        if isinstance(found, Refusal):
            key = "contact.not_found" if found.is_missing else "intake.down"
            tone = "quiet" if found.is_missing else "bad"
            status = found.status if found.is_missing else DOWN
            return frame.page(
                request, "error.html", caller, status=status, text=words(key), tone=tone
            )
        same = _query(request, "same")
        alike: Sequence[Person] | Refusal = await ask(intake.contacts(caller, same)) if same else ()
        merged = [i for i in (found.contact.merged_into, *found.absorbed) if i]
        return frame.page(
            request,
            "contact_live.html" if is_partial(request) else "contact.html",
            caller,
            # htmx swaps every status; a browser without it should keep the true one.
            status=200 if is_partial(request) else status,
            at=f"/contacts/{contact}",
            detail=found,
            tickets=await frame.console.relating.of_contacts(
                caller, [found.contact.id, *found.absorbed]
            ),
            people=await self._people(caller, merged),
            kinds=KINDS,
            here_now={address.address for address in found.addresses},
            same=same,
            alike=_others(alike, found),
            fault=fault,
            given=given or {},
            said=said,
            said_tone="good" if status < 300 else "bad",  # noqa: PLR2004
        )

    async def _people(self, caller: Caller, ids: Sequence[str]) -> dict[str, Person]:
        """Return the people whom the contact is, or who are it; few, for merges are."""
        people = {}
        for identifier in ids:
            found = await ask(self._frame.console.intake.contact(caller, identifier))
            if not isinstance(found, Refusal):
                people[identifier] = found.contact
        return people


def _others(alike: Sequence[Person] | Refusal, detail: ContactDetail) -> list[Person]:
    """Return those who could be the same person, and are not said to be so already."""
    if isinstance(alike, Refusal):
        return []
    own = {detail.contact.id, *detail.absorbed}
    return [person for person in alike if person.id not in own]


def _query(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()[:QUERY_CHARACTERS_MAX]
