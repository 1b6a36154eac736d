"""Events of intake about tickets that belong together: merged, split, parent and child."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, TicketFacts, Word

LINKED_MAX = 200
"""Tickets or messages of one deed, and children of one parent."""
SUGGESTED_MAX = 20


class LinkEvent(Body):
    """What every event about two tickets carries."""

    facts: TicketFacts
    link: Id
    """Names the deed: both tickets' events of one deed have the same."""
    by: Code = "system"


class _WithSource(LinkEvent):
    """About the ticket that is merged into this one."""

    source: Id


class RequestAbsorbed(_WithSource):
    """Another ticket is about to be merged into this one: the first half, on the target."""

    type: ClassVar[str] = "heliodesk.request.absorbed.v1"


class RequestMerged(LinkEvent):
    """This ticket is merged into another, where its conversation goes on: the second half."""

    type: ClassVar[str] = "heliodesk.request.merged.v1"

    into: Id


class RequestReleased(_WithSource):
    """A merge is undone, or came to nothing: the target gives the ticket back."""

    type: ClassVar[str] = "heliodesk.request.released.v1"


class RequestUnmerged(LinkEvent):
    """This ticket is on its own again, or its merge came to nothing."""

    type: ClassVar[str] = "heliodesk.request.unmerged.v1"

    into: Id
    """The ticket that it was merged into."""
    merge: Id
    """The link of the merge that is undone; its own where that merge came to nothing."""


class RequestSplit(LinkEvent):
    """Messages of this ticket became a ticket of their own."""

    type: ClassVar[str] = "heliodesk.request.split.v1"

    into: Id
    messages: Annotated[tuple[Id, ...], Field(min_length=1, max_length=LINKED_MAX)]


class RequestUnsplit(LinkEvent):
    """A split is undone: the messages are this ticket's again, and the other is merged into it."""

    type: ClassVar[str] = "heliodesk.request.unsplit.v1"

    into: Id
    """The ticket that they had become."""
    split: Id
    """The link of the split that is undone."""


class _WithChildren(LinkEvent):
    """About the tickets that have this one as their parent."""

    children: Annotated[tuple[Id, ...], Field(min_length=1, max_length=LINKED_MAX)]


class RequestsLinked(_WithChildren):
    """This ticket is the parent of others: they have one cause."""

    type: ClassVar[str] = "heliodesk.request.children_linked.v1"


class RequestsUnlinked(_WithChildren):
    """Tickets are no children of this one any more."""

    type: ClassVar[str] = "heliodesk.request.children_unlinked.v1"


class _WithParent(LinkEvent):
    """About the parent of this ticket."""

    parent: Id


class ParentLinked(_WithParent):
    """This ticket has a parent."""

    type: ClassVar[str] = "heliodesk.request.parent_linked.v1"


class ParentUnlinked(_WithParent):
    """This ticket has its parent no more."""

    type: ClassVar[str] = "heliodesk.request.parent_unlinked.v1"


class ParentSolved(_WithParent):
    """The parent is resolved, and by policy that resolves this ticket too."""

    type: ClassVar[str] = "heliodesk.request.parent_solved.v1"

    code: Code = "solved"


class _WithEffect(LinkEvent):
    """About a ticket that this one has caused."""

    effect: Id


class EffectLinked(_WithEffect):
    """This ticket has caused another, as a change may: the first half, on the cause."""

    type: ClassVar[str] = "heliodesk.request.effect_linked.v1"


class EffectUnlinked(_WithEffect):
    """This ticket has not caused the other."""

    type: ClassVar[str] = "heliodesk.request.effect_unlinked.v1"


class _WithCause(LinkEvent):
    """About the ticket that caused this one."""

    cause: Id


class CauseLinked(_WithCause):
    """This ticket was caused by another: the second half."""

    type: ClassVar[str] = "heliodesk.request.cause_linked.v1"


class CauseUnlinked(_WithCause):
    """This ticket was not caused by the other."""

    type: ClassVar[str] = "heliodesk.request.cause_unlinked.v1"


class LinkKind(Word):
    """What tickets are proposed to be to each other."""

    DUPLICATE = "duplicate"
    MASS = "mass"
    REFERENCE = "reference"
    """A mail of one answers the other's, and came first, from somebody who did not have it."""
    UNKNOWN = "unknown"


class LinkSuggested(Body):
    """This ticket looks like others; an agent decides, nothing is joined by itself."""

    type: ClassVar[str] = "heliodesk.request.link_suggested.v1"

    facts: TicketFacts
    suggestion: Id
    kind: LinkKind
    others: Annotated[tuple[Id, ...], Field(min_length=1, max_length=SUGGESTED_MAX)]
    similarity: Annotated[float, Field(ge=0, le=1)]
