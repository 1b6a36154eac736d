"""What is noted of mails and files beside receipts: rows that no event carries."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.facts import Code, Id, Instant
from shared.kernel import digest


class Delivery(BaseModel):
    """One mailbox of ours that a mail came to. A mail to several has several of them."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(min_length=64, max_length=64)]
    tenant: Code
    receipt: str
    integration: Code
    recipient: Annotated[str, Field(max_length=254)]
    at: Instant
    sender: Annotated[str, Field(max_length=254)] = ""
    """As it is compared; empty where nobody can be recognised."""
    ticket: Id | None = None
    opened: bool = False
    """The mail opened its ticket, so that its sender may have been answered automatically."""


def delivery_id(*, receipt: str, integration: str, recipient: str) -> str:
    """Return the id of a delivery: a repetition is the same one."""
    return digest(receipt.encode(), integration.encode(), recipient.encode())


class Frequency(BaseModel):
    """How often a sender has written of late."""

    model_config = ConfigDict(frozen=True)

    mails: int = 0
    """Within an hour."""
    in_conversation: int = 0
    """Within an hour, in the conversation that has most of them."""
    opened: int = 0
    """Tickets within a day."""
