"""Contacts over HTTP: import, search, links and merges. For agents; callers learn nothing here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import ValidationError

from services.intake.api.contact_bodies import (
    AddressBody,
    CodeAskedBody,
    CodeBody,
    CodeShown,
    ConfirmationBody,
    Confirmed,
    ContactDetail,
    ImportBody,
    MergeBody,
    PeopleShown,
    PersonShown,
    WhyBody,
)
from services.intake.domain.importing import ContactRow, Fault, read_csv
from services.intake.doors import Refused
from services.intake.handlers.contacts import FOUND_MAX, REASON_MAX, Agent, Contacts
from services.intake.handlers.importing import Importing, ImportRefused
from services.intake.handlers.proving import Proving
from shared.auth import Action, Actor
from shared.http import Problem, allowed, invalid, malformed, media_type_refused

Contact = Annotated[str, Path(min_length=1, max_length=64)]
CSV_TYPE = "text/csv"
JSON_TYPE = "application/json"


def contact_router(*, contacts: Contacts, importing: Importing, proving: Proving) -> APIRouter:
    """Return the routes under ``/v1/contacts``."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"])
    _reading(router, contacts)
    _importing(router, importing)
    _linking(router, contacts)
    _merging(router, contacts)
    _proving(router, proving)
    return router


def confirmation_router(proving: Proving) -> APIRouter:
    """Return the routes under ``/v1/confirmations``: for people, through their own portal."""
    router = APIRouter(prefix="/v1/confirmations", tags=["contacts"])
    submit: Any = allowed(Action.SUBMIT)

    @router.post("", status_code=202)
    async def ask_confirmation(body: ConfirmationBody, actor: Actor = submit) -> CodeShown:
        """Have a code sent to an address that somebody claims whom the integration signed in.

        The answer is the same whoever the address belongs to, or whether it is known.
        """
        setup = proving.vouching(tenant=actor.tenant, name=actor.name)
        try:
            party = body.contact.party(setup, verified=True)
        except Refused as error:
            raise _refused([Fault(f.field, f.reason) for f in error.faults]) from error
        sent = await proving.ask_for(party, body.mail, by=Agent(actor.tenant, actor.name))
        return CodeShown(id=sent.id, expires_at=sent.expires_at)

    @router.post("/{code}")
    async def confirm(code: Contact, body: CodeBody, actor: Actor = submit) -> Confirmed:
        """Enter a code; what is wrong with one that is refused is not told."""
        proving.vouching(tenant=actor.tenant, name=actor.name)
        await proving.confirm_for(code, body.digits, by=Agent(actor.tenant, actor.name))
        return Confirmed()

    return router


def _proving(router: APIRouter, proving: Proving) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/{contact}/codes", status_code=202)
    async def ask_code(contact: Contact, body: CodeAskedBody, actor: Actor = work) -> CodeShown:
        """Have a code sent to an address that a contact claims: they say it, and it is linked."""
        by = Agent(actor.tenant, actor.name, body.reason)
        sent = await proving.ask(contact, body.mail, by=by)
        return CodeShown(id=sent.id, expires_at=sent.expires_at)

    @router.post("/{contact}/codes/{code}")
    async def enter_code(
        contact: Contact, code: Contact, body: CodeBody, actor: Actor = work
    ) -> ContactDetail:
        """Enter the digits that a contact says: the right ones link the address, on that proof."""
        by = Agent(actor.tenant, actor.name)
        return ContactDetail.of(await proving.confirm(code, body.digits, by=by, contact=contact))


def _reading(router: APIRouter, contacts: Contacts) -> None:
    read: Any = allowed(Action.READ)

    @router.get("")
    async def search_contacts(
        q: Annotated[str, Query(min_length=1, max_length=200)],
        limit: Annotated[int, Query(ge=1, le=FOUND_MAX)] = 20,
        actor: Actor = read,
    ) -> PeopleShown:
        """Find people by the start of a name, address or number, by pinyin or by initials."""
        found = await contacts.search(q, tenant=actor.tenant, limit=limit)
        return PeopleShown(contacts=tuple(PersonShown.of(p) for p in found))

    @router.get("/{contact}")
    async def show_contact(contact: Contact, actor: Actor = read) -> ContactDetail:
        """Show a contact with its addresses, and who linked them when and why."""
        return ContactDetail.of(await contacts.show(contact, tenant=actor.tenant))


def _importing(router: APIRouter, importing: Importing) -> None:
    work: Any = allowed(Action.WORK)

    @router.put("", openapi_extra={"requestBody": _import_schema()})
    async def put_contacts(request: Request, actor: Actor = work) -> PeopleShown:
        """Import people, as JSON or CSV: all rows or, where one is wrong, none.

        A row is the person of its employee number, or else of its first known address. Putting
        the same rows again changes nothing.
        """
        rows = _rows(request.headers.get("content-type", ""), await request.body())
        try:
            people = await importing.put(rows, by=Agent(actor.tenant, actor.name))
        except ImportRefused as error:
            raise _refused(list(error.faults)) from error
        return PeopleShown(contacts=tuple(PersonShown.of(p) for p in people))


def _linking(router: APIRouter, contacts: Contacts) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/{contact}/addresses")
    async def link_address(
        contact: Contact, body: AddressBody, actor: Actor = work
    ) -> ContactDetail:
        """Put an address to a contact, whoever had it: the agent vouches for it."""
        try:
            address = body.address()
        except ValidationError as error:
            reason = "telephone numbers are written as E.164, such as +49301234567"
            raise _refused([Fault("value", reason)]) from error
        except ValueError as error:
            raise _refused([Fault("value", str(error))]) from error
        by = Agent(actor.tenant, actor.name, body.reason)
        return ContactDetail.of(await contacts.link(contact, address, by=by))

    @router.delete("/{contact}/addresses/{address}")
    async def unlink_address(
        contact: Contact,
        address: Contact,
        reason: Annotated[str, Query(max_length=REASON_MAX)] = "",
        actor: Actor = work,
    ) -> ContactDetail:
        """Take a link back: the address is whose it was before; tickets keep their contact."""
        by = Agent(actor.tenant, actor.name, reason)
        return ContactDetail.of(await contacts.unlink(contact, address, by=by))


def _merging(router: APIRouter, contacts: Contacts) -> None:
    work: Any = allowed(Action.WORK)

    @router.post("/{contact}/merge")
    async def merge_contact(
        contact: Contact, body: MergeBody, actor: Actor = work
    ) -> ContactDetail:
        """Say that a contact is the same person as another."""
        by = Agent(actor.tenant, actor.name, body.reason)
        return ContactDetail.of(await contacts.merge(contact, into=body.into, by=by))

    @router.post("/{contact}/unmerge")
    async def unmerge_contact(
        contact: Contact, body: WhyBody | None = None, actor: Actor = work
    ) -> ContactDetail:
        """Take a merge back."""
        by = Agent(actor.tenant, actor.name, body.reason if body else "")
        return ContactDetail.of(await contacts.unmerge(contact, by=by))


def _rows(content_type: str, content: bytes) -> list[dict[str, Any]]:
    """Return the rows of a body.

    Raises:
        Problem: 400, 415 or 422.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == CSV_TYPE:
        rows, faults = read_csv(content)
        if faults:
            raise _refused(faults)
        return rows
    if media_type != JSON_TYPE:
        raise media_type_refused(f"{JSON_TYPE} or {CSV_TYPE}", media_type)
    try:
        return ImportBody.model_validate_json(content).contacts
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise malformed(str(error.errors()[0]["msg"])) from error
        raise invalid(error) from error


def _refused(faults: list[Fault]) -> Problem:
    first = faults[0]
    detail = f"{first.field}: {first.reason}" if first.field else first.reason
    errors = [{"field": fault.field, "reason": fault.reason} for fault in faults]
    return Problem(422, "invalid", detail, errors=errors)


def _import_schema() -> dict[str, Any]:
    row = ContactRow.model_json_schema()
    body = {
        "type": "object",
        "required": ["contacts"],
        "additionalProperties": False,
        "properties": {"contacts": {"type": "array", "minItems": 1, "items": row}},
    }
    return {
        "required": True,
        "content": {JSON_TYPE: {"schema": body}, CSV_TYPE: {"schema": {"type": "string"}}},
    }
