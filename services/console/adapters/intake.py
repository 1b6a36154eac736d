"""Intake's API for agents, over HTTP, under the caller's own token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from services.console.adapters.sending import (
    FILE_BYTES_MAX,
    Addresses,
    name,
    read,
    saved,
    send,
)
from services.console.ports import (
    AlertGroup,
    Caller,
    ContactDetail,
    Heartbeat,
    Person,
    Review,
    Saved,
    Suggestion,
    Window,
)
from services.console.ports.intake import GROUPS_SHOWN_MAX, PEOPLE_SHOWN_MAX, People, Placed, Split

WINDOW_DAYS = 30
SERVICE = "intake"

M = TypeVar("M")


class HttpIntake:
    """`Intake` over one HTTP client."""

    def __init__(self, addresses: Addresses, client: httpx.AsyncClient) -> None:
        self._base = f"{addresses.intake}/v1"
        self._client = client

    async def reviews(self, caller: Caller) -> Sequence[Review]:
        """List what waits for people to look at, the newest first."""
        return await self._get(caller, "/reviews", TypeAdapter(tuple[Review, ...]))

    async def review(self, caller: Caller, review: str) -> Review:
        """Read one, or what became of it."""
        return await self._get(caller, f"/reviews/{name(review)}", TypeAdapter(Review))

    async def original(self, caller: Caller, review: str) -> Saved:
        """Read what was handed in: a review has its receipt's id."""
        url = f"{self._base}/requests/{name(review)}/original"
        return saved(
            await send(
                self._client, SERVICE, "GET", url, token=caller.token, bytes_max=FILE_BYTES_MAX
            )
        )

    async def accept_review(self, caller: Caller, review: str, *, ticket: str | None) -> Placed:
        """Put it into a ticket, or make a new one of it."""
        body: dict[str, Any] = {"new": True} if ticket is None else {"ticket": ticket}
        answer = await self._post(caller, f"/reviews/{name(review)}/accept", body)
        return read(SERVICE, TypeAdapter(Placed), answer)

    async def dismiss_review(self, caller: Caller, review: str, *, reason: str) -> None:
        """Say that nothing comes of it."""
        await self._post(caller, f"/reviews/{name(review)}/dismiss", {"reason": reason})

    async def suggestions(self, caller: Caller) -> Sequence[Suggestion]:
        """List suggestions that nobody has decided on, the newest first."""
        return await self._get(caller, "/suggestions", TypeAdapter(tuple[Suggestion, ...]))

    async def suggestion(self, caller: Caller, suggestion: str) -> Suggestion:
        """Read one, or what became of it."""
        return await self._get(caller, f"/suggestions/{name(suggestion)}", TypeAdapter(Suggestion))

    async def accept_suggestion(
        self, caller: Caller, suggestion: str, *, parent: str | None
    ) -> Suggestion:
        """Merge a duplicate, or put look-alikes under a parent."""
        body = {} if parent is None else {"parent": parent}
        answer = await self._post(caller, f"/suggestions/{name(suggestion)}/accept", body)
        return read(SERVICE, TypeAdapter(Suggestion), answer)

    async def dismiss_suggestion(
        self, caller: Caller, suggestion: str, *, reason: str
    ) -> Suggestion:
        """Say that they do not belong together."""
        path = f"/suggestions/{name(suggestion)}/dismiss"
        answer = await self._post(caller, path, {"reason": reason})
        return read(SERVICE, TypeAdapter(Suggestion), answer)

    async def change_ticket(
        self,
        caller: Caller,
        ticket: str,
        verb: str,
        body: Mapping[str, Any],
        *,
        revision: int | None = None,
        key: str = "",
    ) -> None:
        """Send a command about a ticket's links, or a correction of what it is."""
        await self._guarded(caller, ticket, verb, body, revision=revision, key=key)

    async def split(
        self,
        caller: Caller,
        ticket: str,
        *,
        messages: Sequence[str],
        subject: str,
        revision: int | None,
        key: str,
    ) -> Split:
        """Make a ticket of messages."""
        body = {"messages": list(messages), "subject": subject}
        answer = await self._guarded(caller, ticket, "split", body, revision=revision, key=key)
        return read(SERVICE, TypeAdapter(Split), answer)

    async def contacts(self, caller: Caller, query: str) -> Sequence[Person]:
        """Find people."""
        found = await self._get(
            caller, "/contacts", TypeAdapter(People), q=query, limit=str(PEOPLE_SHOWN_MAX)
        )
        return found.contacts

    async def contact(self, caller: Caller, contact: str) -> ContactDetail:
        """Read a contact with its addresses."""
        return await self._get(caller, f"/contacts/{name(contact)}", TypeAdapter(ContactDetail))

    async def link_address(
        self, caller: Caller, contact: str, *, kind: str, value: str, reason: str
    ) -> ContactDetail:
        """Put an address to a contact."""
        body = {"kind": kind, "value": value, "reason": reason}
        return await self._contact(caller, f"/contacts/{name(contact)}/addresses", body)

    async def unlink_address(
        self, caller: Caller, contact: str, address: str, *, reason: str
    ) -> ContactDetail:
        """Take a link back."""
        url = f"{self._base}/contacts/{name(contact)}/addresses/{name(address)}"
        params = {"reason": reason} if reason else {}
        answer = await send(self._client, SERVICE, "DELETE", url, token=caller.token, params=params)
        return read(SERVICE, TypeAdapter(ContactDetail), answer)

    async def merge_contact(
        self, caller: Caller, contact: str, *, into: str, reason: str
    ) -> ContactDetail:
        """Say that a contact is the same person as another."""
        body = {"into": into, "reason": reason}
        return await self._contact(caller, f"/contacts/{name(contact)}/merge", body)

    async def unmerge_contact(self, caller: Caller, contact: str, *, reason: str) -> ContactDetail:
        """Take a merge back."""
        return await self._contact(caller, f"/contacts/{name(contact)}/unmerge", {"reason": reason})

    async def alert_groups(self, caller: Caller, *, firing: bool | None) -> Sequence[AlertGroup]:
        """List groups of alerts, the last changed first."""
        wanted = {} if firing is None else {"firing": "true" if firing else "false"}
        shape = TypeAdapter(tuple[AlertGroup, ...])
        return await self._get(
            caller, "/alert-groups", shape, limit=str(GROUPS_SHOWN_MAX), **wanted
        )

    async def alert_group(self, caller: Caller, key: str) -> AlertGroup:
        """Read a group of alerts."""
        return await self._get(caller, f"/alert-groups/{name(key)}", TypeAdapter(AlertGroup))

    async def windows(self, caller: Caller) -> Sequence[Window]:
        """List maintenance windows that are open or come soon."""
        shape = TypeAdapter(tuple[Window, ...])
        return await self._get(caller, "/maintenance", shape, days=str(WINDOW_DAYS))

    async def heartbeats(self, caller: Caller) -> Sequence[Heartbeat]:
        """List heartbeats."""
        return await self._get(caller, "/heartbeats", TypeAdapter(tuple[Heartbeat, ...]))

    async def _get(self, caller: Caller, path: str, shape: TypeAdapter[M], **params: str) -> M:
        url = f"{self._base}{path}"
        answer = await send(
            self._client, SERVICE, "GET", url, token=caller.token, params=params or None
        )
        return read(SERVICE, shape, answer)

    async def _post(
        self,
        caller: Caller,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        url = f"{self._base}{path}"
        return await send(
            self._client, SERVICE, "POST", url, token=caller.token, json=dict(body), headers=headers
        )

    async def _guarded(
        self,
        caller: Caller,
        ticket: str,
        verb: str,
        body: Mapping[str, Any],
        *,
        revision: int | None,
        key: str,
    ) -> httpx.Response:
        """Send a command; a revision guards it, a key makes its repetition harmless."""
        headers = {"Idempotency-Key": key} if key else {}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        return await self._post(caller, f"/tickets/{name(ticket)}/{verb}", body, headers)

    async def _contact(self, caller: Caller, path: str, body: Mapping[str, Any]) -> ContactDetail:
        return read(SERVICE, TypeAdapter(ContactDetail), await self._post(caller, path, body))
