"""Texts that belong to a command of routing's: kept as internal notes, where texts live."""

from __future__ import annotations

import httpx
from pydantic import TypeAdapter

from services.console.adapters.sending import Addresses, name, read, send
from services.console.ports import Caller
from services.console.ports.owners import Answer
from shared.contracts.facts import Id


class _Note(Answer):
    message: Id


def keyed(key: str) -> dict[str, str]:
    """Return the header by which a repetition does no harm."""
    return {"Idempotency-Key": key}


async def write_note(
    client: httpx.AsyncClient, at: Addresses, caller: Caller, ticket: str, *, text: str, key: str
) -> str:
    """Add an internal note to a ticket; return its id."""
    url = f"{at.intake}/v1/tickets/{name(ticket)}/messages"
    answer = await send(
        client,
        "intake",
        "POST",
        url,
        token=caller.token,
        json={"text": text, "visibility": "internal"},
        headers=keyed(f"{key}-note"),
    )
    return read("intake", TypeAdapter(_Note), answer).message
