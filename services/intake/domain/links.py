"""Links between tickets: merged, split off, parent and child. Pure decisions on each one's side.

A deed on two tickets is two events, each on its own stream, under one ``link``; the target comes
first. The deed's receipt is durable before, so that a crash between the two is mended by doing
it again; a side that knows the link already has nothing more to say.

No merge leads back to where it began. A target must not be merged itself, and a source may only
be merged once all that it has absorbed is merged into it: so of merges that would close a ring
each would have to be done before the other. What is merged is looked up before the source is
written; so it is named merge by merge, and one that began after the look does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, TicketFacts
from shared.contracts.links import (
    LINKED_MAX,
    CauseLinked,
    CauseUnlinked,
    EffectLinked,
    EffectUnlinked,
    LinkEvent,
    LinkKind,
    LinkSuggested,
    ParentLinked,
    ParentSolved,
    ParentUnlinked,
    RequestAbsorbed,
    RequestMerged,
    RequestReleased,
    RequestsLinked,
    RequestSplit,
    RequestsUnlinked,
    RequestUnmerged,
    RequestUnsplit,
)
from shared.kernel import CommandRejected

LINKS_KEPT_MAX = 50
"""Deeds that a ticket remembers, so that one that is done again changes nothing."""
SUGGESTIONS_KEPT_MAX = 20


class Links(BaseModel):
    """How a ticket hangs together with others.

    ``absorbed`` are the tickets that were merged into it, with the link of each; ``done`` and
    ``suggested`` are the newest deeds and suggestions that it has told of.
    """

    model_config = ConfigDict(frozen=True)

    merged_into: Id | None = None
    merge: Id | None = None
    """The link of that merge."""
    absorbed: dict[str, Id] = {}
    split: dict[str, Id] = {}
    """The tickets that were split off from it, with the link of each."""
    split_from: Id | None = None
    parent: Id | None = None
    children: tuple[Id, ...] = ()
    causes: tuple[Id, ...] = ()
    """The tickets that caused it."""
    effects: tuple[Id, ...] = ()
    """The tickets that it caused."""
    done: tuple[Id, ...] = ()
    suggested: tuple[Id, ...] = ()

    def after(self, body: Body) -> Links | None:
        """Return the links after an event; None where it is none of theirs."""
        if isinstance(body, LinkSuggested):
            kept = (*self.suggested, body.suggestion)[-SUGGESTIONS_KEPT_MAX:]
            return self.model_copy(update={"suggested": kept})
        if not isinstance(body, LinkEvent):
            return None
        return self._done(
            body.link,
            **self._merged(body),
            **self._parted(body),
            **self._related(body),
            **self._caused(body),
        )

    def _merged(self, body: LinkEvent) -> dict[str, object]:
        """Return what a merge or its undoing changes."""
        match body:
            case RequestAbsorbed():
                return {"absorbed": {**self.absorbed, body.source: body.link}}
            case RequestReleased():
                left = {s: link for s, link in self.absorbed.items() if s != body.source}
                return {"absorbed": left}
            case RequestMerged():
                return {"merged_into": body.into, "merge": body.link}
            case RequestUnmerged() if body.merge == self.merge:
                return {"merged_into": None, "merge": None}
            case _:
                return {}

    def _parted(self, body: LinkEvent) -> dict[str, object]:
        """Return what a split or its undoing changes."""
        match body:
            case RequestSplit():
                return {"split": {**self.split, body.into: body.link}}
            case RequestUnsplit():
                left = {into: link for into, link in self.split.items() if into != body.into}
                return {"split": left}
            case _:
                return {}

    def _related(self, body: LinkEvent) -> dict[str, object]:
        """Return what becoming a parent or a child changes, or ceasing to be one."""
        match body:
            case RequestsLinked():
                return {"children": tuple(dict.fromkeys((*self.children, *body.children)))}
            case RequestsUnlinked():
                return {"children": tuple(c for c in self.children if c not in body.children)}
            case ParentLinked():
                return {"parent": body.parent}
            case ParentUnlinked():
                return {"parent": None}
            case _:
                return {}

    def _caused(self, body: LinkEvent) -> dict[str, object]:
        """Return what having a cause or an effect changes, or having it no more."""
        match body:
            case EffectLinked():
                return {"effects": tuple(dict.fromkeys((*self.effects, body.effect)))}
            case EffectUnlinked():
                return {"effects": tuple(e for e in self.effects if e != body.effect)}
            case CauseLinked():
                return {"causes": tuple(dict.fromkeys((*self.causes, body.cause)))}
            case CauseUnlinked():
                return {"causes": tuple(c for c in self.causes if c != body.cause)}
            case _:
                return {}

    def _done(self, link: str, **changes: object) -> Links:
        done = (*self.done, link)[-LINKS_KEPT_MAX:]
        return self.model_copy(update={**changes, "done": done})


class Linked(Protocol):
    """What of a ticket's state links look at."""

    @property
    def facts(self) -> TicketFacts:
        """What the ticket is."""
        ...

    @property
    def closed(self) -> bool:
        """Whether it takes no messages."""
        ...

    @property
    def alert_key(self) -> Code | None:
        """Names the alerts that it is about."""
        ...

    @property
    def links(self) -> Links:
        """How it hangs together with others."""
        ...


def _refused(code: str, reason: str, *, field: str | None = None) -> CommandRejected:
    return CommandRejected(code, reason, field=field)


def require_mergeable(source: Linked | None, *, settled: Collection[str]) -> None:
    """Refuse to merge a ticket that cannot go into another.

    Args:
        source: the ticket that would be merged.
        settled: the links of the merges into it of which both halves are done.

    Raises:
        CommandRejected: with the reason.
    """
    found = _required(source)
    number = found.facts.number
    if found.links.merged_into is not None:
        raise _refused("already-merged", f"{number} is merged already")
    if found.closed:
        raise _refused("closed", f"{number} is closed")
    if found.alert_key is not None:
        reason = f"{number} is about alerts, which go on with it: merge the other into it, or link"
        raise _refused("about-alerts", reason)
    if found.links.parent is not None or found.links.children:
        raise _refused("linked", f"{number} has a parent or children: unlink it first")
    if not set(found.links.absorbed.values()) <= set(settled):
        raise _refused("under-way", f"another ticket is being merged into {number}: ask again")


def require_target(target: Linked | None) -> None:
    """Refuse to merge into a ticket that cannot take another.

    Raises:
        CommandRejected: with the reason.
    """
    found = _required(target, field="into")
    number = found.facts.number
    if found.links.merged_into is not None:
        raise _refused("already-merged", f"{number} is merged into another", field="into")
    if found.closed:
        raise _refused("closed", f"{number} is closed", field="into")
    if len(found.links.absorbed) >= LINKED_MAX:
        raise _refused("too-many", f"{number} has absorbed {LINKED_MAX} tickets", field="into")


def _required(state: Linked | None, *, field: str | None = None) -> Linked:
    if state is None:
        status = 422 if field else 404
        raise CommandRejected("not-found", "there is no such ticket", field=field, status=status)
    return state


def decide_absorbed(target: Linked | None, *, source: str, link: str, by: str) -> Sequence[Body]:
    """Take in another ticket: the first half of a merge.

    Raises:
        CommandRejected: the target cannot take it any more.
    """
    if target is not None and link in target.links.done:
        return []
    require_target(target)
    found = _required(target)
    if source in found.links.absorbed:
        raise _refused("under-way", "another merge of the same two is under way")
    return [RequestAbsorbed(facts=found.facts, source=source, link=link, by=by)]


def decide_merged(
    source: Linked | None, *, into: str, link: str, by: str, settled: Collection[str]
) -> Sequence[Body]:
    """Go into another ticket: the second half of a merge.

    Where that cannot be any more, the source says so for good: a repetition of this half, of
    which the first may be undone by then, must not find that it can be again.

    Raises:
        CommandRejected: there is no such ticket.
    """
    found = _required(source)
    if link in found.links.done:
        return []
    try:
        require_mergeable(found, settled=settled)
    except CommandRejected:
        return [RequestUnmerged(facts=found.facts, into=into, merge=link, link=link, by=by)]
    return [RequestMerged(facts=found.facts, into=into, link=link, by=by)]


def decide_not_absorbed(
    target: Linked | None, *, source: str, link: str, undo: str, by: str
) -> Sequence[Body]:
    """Undo the first half of a merge whose second came to nothing, and of no other merge."""
    if target is None or target.links.absorbed.get(source) != link:
        return []
    return [RequestReleased(facts=target.facts, source=source, link=undo, by=by)]


def decide_released(target: Linked | None, *, source: str, link: str, by: str) -> Sequence[Body]:
    """Give an absorbed ticket back."""
    if target is None or link in target.links.done or source not in target.links.absorbed:
        return []
    return [RequestReleased(facts=target.facts, source=source, link=link, by=by)]


def decide_unmerged(source: Linked | None, *, into: str, link: str, by: str) -> Sequence[Body]:
    """Be on one's own again."""
    if source is None or link in source.links.done or source.links.merged_into != into:
        return []
    merge = source.links.merge or link
    return [RequestUnmerged(facts=source.facts, into=into, merge=merge, link=link, by=by)]


def require_parent(parent: Linked | None, *, children: Sequence[str]) -> None:
    """Refuse a ticket as the parent of others.

    Raises:
        CommandRejected: it is closed, merged, a child itself, or would have too many.
    """
    found = _required(parent)
    number = found.facts.number
    if found.closed or found.links.merged_into is not None:
        raise _refused("closed", f"{number} is closed or merged")
    if found.links.parent is not None:
        raise _refused("is-child", f"{number} has a parent itself")
    if len({*found.links.children, *children}) > LINKED_MAX:
        raise _refused("too-many", f"{number} would have more than {LINKED_MAX} children")


def require_child(child: Linked | None, *, parent: str) -> None:
    """Refuse a ticket as the child of another.

    Raises:
        CommandRejected: it is merged, a parent itself, or has another parent.
    """
    found = _required(child, field="children")
    number = found.facts.number
    if found.links.merged_into is not None:
        raise _refused("already-merged", f"{number} is merged into another", field="children")
    if found.links.children:
        raise _refused("is-parent", f"{number} has children itself", field="children")
    if found.links.parent not in {None, parent}:
        raise _refused("has-parent", f"{number} has another parent", field="children")


def decide_children(
    parent: Linked | None, *, children: Sequence[str], link: str, by: str
) -> Sequence[Body]:
    """Be the parent of others: the first half.

    Raises:
        CommandRejected: it cannot be.
    """
    if parent is not None and link in parent.links.done:
        return []
    require_parent(parent, children=children)
    found = _required(parent)
    new = tuple(c for c in children if c not in found.links.children)
    return [RequestsLinked(facts=found.facts, children=new, link=link, by=by)] if new else []


def decide_parent(child: Linked | None, *, parent: str, link: str, by: str) -> Sequence[Body]:
    """Have a parent: the second half.

    Raises:
        CommandRejected: it cannot have this one; the first half is to be undone for it.
    """
    if child is not None and link in child.links.done:
        return []
    require_child(child, parent=parent)
    found = _required(child)
    if found.links.parent == parent:
        return []
    return [ParentLinked(facts=found.facts, parent=parent, link=link, by=by)]


def decide_orphaned(
    parent: Linked | None, *, children: Sequence[str], link: str, by: str
) -> Sequence[Body]:
    """Have no such children any more."""
    if parent is None or link in parent.links.done:
        return []
    gone = tuple(c for c in children if c in parent.links.children)
    return [RequestsUnlinked(facts=parent.facts, children=gone, link=link, by=by)] if gone else []


def decide_independent(child: Linked | None, *, parent: str, link: str, by: str) -> Sequence[Body]:
    """Have this parent no more."""
    if child is None or link in child.links.done or child.links.parent != parent:
        return []
    return [ParentUnlinked(facts=child.facts, parent=parent, link=link, by=by)]


def decide_parent_solved(
    child: Linked | None, *, parent: str, link: str, code: str
) -> Sequence[Body]:
    """Be solved with the parent, once for each of its resolutions."""
    if child is None or link in child.links.done or child.links.parent != parent:
        return []
    return [ParentSolved(facts=child.facts, parent=parent, link=link, code=code)]


def decide_suggested(
    state: Linked | None,
    *,
    proposal: str,
    kind: LinkKind,
    others: tuple[str, ...],
    similarity: float,
) -> list[LinkSuggested]:
    """Tell of a proposal once."""
    if state is None or not others or proposal in state.links.suggested:
        return []
    return [
        LinkSuggested(
            facts=state.facts,
            suggestion=proposal,
            kind=kind,
            others=others,
            similarity=similarity,
        )
    ]
