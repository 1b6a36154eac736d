"""Events of intake about contacts: how to serve them, and which of them are one person.

Names and addresses stay in intake: an address is an id that says nothing of it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant


class ContactRecorded(Body):
    """A contact is known, or what is known of how to serve them has changed.

    Stream: one per contact. Names and addresses stay in intake.
    """

    type: ClassVar[str] = "heliodesk.contact.recorded.v1"

    language: Code = "en"
    time_zone: Code | None = None
    region: Code | None = None
    site: Code | None = None
    vip: bool = False
    reachable_by_mail: bool = False
    level: Code | None = None
    """How the organisation ranks them: staff, manager, vip."""
    organisation: Code | None = None
    """The part of the organisation, or the customer, that they belong to, as people write it."""
    business: Code | None = None
    """The same by its name in the configuration, where it has one."""
    verified: Annotated[int, Field(ge=0)] = 0
    """How many of their addresses are proven."""


class ContactLinked(Body):
    """An address was put to a contact on proof. The address itself stays in intake."""

    type: ClassVar[str] = "heliodesk.contact.linked.v1"

    address: Id
    """Names the address; it says nothing of it."""
    reason: Code
    """``door``: one call proved several addresses; ``agent``; ``import``; ``code``."""
    by: Id
    """The integration, the service or the agent."""
    was: Id | None = None
    """The contact that had it before."""


class ContactUnlinked(Body):
    """A link was taken back: the address is again whose it was before."""

    type: ClassVar[str] = "heliodesk.contact.unlinked.v1"

    address: Id
    by: Id
    back_to: Id | None = None
    """None where nobody had it before."""


class ContactCodeAsked(Body):
    """A code goes to an address that a contact claims: who has it can read the address's mail.

    Neither the address nor the code is part of any event.
    """

    type: ClassVar[str] = "heliodesk.contact.code_asked.v1"

    code: Id
    """Names the code; it says nothing of it."""
    address: Id
    by: Id
    """The agent or the integration that asked for it."""
    language: Code = "en"
    expires_at: Instant


class ContactCodeTried(Body):
    """A code was entered. With the right one its address is linked; after too many it is void."""

    type: ClassVar[str] = "heliodesk.contact.code_tried.v1"

    code: Id
    right: bool
    left: Annotated[int, Field(ge=0)]
    """Tries that are left."""
    by: Id


class ContactMerged(Body):
    """The contact is the same person as another: what comes for it is the other's."""

    type: ClassVar[str] = "heliodesk.contact.merged.v1"

    into: Id
    by: Id


class ContactAbsorbed(Body):
    """Another contact was found to be this person. The other half of a merge."""

    type: ClassVar[str] = "heliodesk.contact.absorbed.v1"

    contact: Id
    by: Id


class ContactUnmerged(Body):
    """A merge was taken back: the contact stands for itself again."""

    type: ClassVar[str] = "heliodesk.contact.unmerged.v1"

    out_of: Id
    by: Id


class ContactReleased(Body):
    """Another contact is not this person after all. The other half of an undone merge."""

    type: ClassVar[str] = "heliodesk.contact.released.v1"

    contact: Id
    by: Id
