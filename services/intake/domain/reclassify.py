"""Correcting what a ticket is: an agent's word, with what was said before and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.intake.domain.catalogue import configuration_item, criticality_of, service_of
from services.intake.domain.priority import AGENT, SAID, Weighed, prioritised
from services.intake.domain.ticket import Ticket
from shared.contracts.envelope import Body
from shared.contracts.facts import Kind, Level, Priority, TicketFacts
from shared.contracts.intake import FactChange, PriorityPoints, PriorityReason, RequestReclassified
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.tags import TAGS_MAX, tag_set

CORRECTIONS_MAX = 200
"""A ticket that is corrected more often than that is quarrelled over, not corrected."""

WEIGHED = frozenset({"kind", "impact", "urgency", "category", "service", "configuration_item"})


@dataclass(frozen=True, slots=True)
class Correcting:
    """What an agent says that a ticket is. None: as it was."""

    kind: Kind | None = None
    category: str | None = None
    impact: Level | None = None
    urgency: Level | None = None
    service: str | None = None
    configuration_item: str | None = None
    priority: Priority | None = None
    """Set by hand; None: as the configured method finds it, where something that it looks at
    changes."""
    tags_add: tuple[str, ...] = ()
    tags_remove: tuple[str, ...] = ()
    """Said apart, so that two agents who add at the same time lose nothing of each other."""

    def said(self) -> Mapping[str, str]:
        """Return the fields that are said, by name."""
        named = {
            "kind": self.kind,
            "category": self.category,
            "impact": self.impact,
            "urgency": self.urgency,
            "service": self.service,
            "configuration_item": self.configuration_item,
            "priority": self.priority,
        }
        return {field: value for field, value in named.items() if value is not None}


def decide_reclassified(
    state: Ticket | None, wanted: Correcting, *, by: str, configuration: Configuration
) -> list[Body]:
    """Correct a ticket's facts; nothing where they are so already.

    Raises:
        CommandRejected: there is no such ticket or service, or it was corrected too often.
    """
    if state is None:
        raise CommandRejected("not-found", "there is no such ticket", status=404)
    _require_known(wanted, configuration)
    _require_room_for_tags(state, wanted)
    after, because = _corrected(state, wanted, configuration)
    changes = _changes(state, after)
    if not changes:
        return []
    if len(state.corrections) + len(changes) > CORRECTIONS_MAX:
        raise CommandRejected("too-many", f"a ticket is corrected {CORRECTIONS_MAX} times at most")
    return [RequestReclassified(facts=after, changes=changes, by=by, priority_because=because)]


def _corrected(
    state: Ticket, wanted: Correcting, configuration: Configuration
) -> tuple[TicketFacts, PriorityReason | None]:
    """Return the facts after a correction, and why the priority is what it is, if that is new."""
    before = state.facts
    said: dict[str, object] = dict(wanted.said())
    said["tags"] = tag_set({*before.tags, *wanted.tags_add} - set(wanted.tags_remove))
    if wanted.configuration_item is not None:
        item = configuration_item(wanted.configuration_item, configuration)
        said["configuration_item"] = item or wanted.configuration_item
        service = service_of(item, configuration)
        if wanted.service is None and service is not None:
            said["service"] = service
    facts = before.model_copy(update=said)
    if wanted.priority is not None:
        return facts, PriorityReason(
            method=AGENT,
            priority=wanted.priority,
            dimensions=(PriorityPoints(field="priority", value=wanted.priority.value),),
        )
    said_so = state.priority_because is not None and state.priority_because.method in SAID
    moved = any(getattr(facts, field) != getattr(before, field) for field in WEIGHED)
    if said_so or not moved:
        return facts, None
    because = prioritised(
        Weighed(
            kind=facts.kind,
            channel=facts.channel,
            impact=facts.impact,
            urgency=facts.urgency,
            contact_level=facts.contact_level,
            criticality=criticality_of(facts.configuration_item, facts.service, configuration),
            category=facts.category,
        ),
        configuration,
    )
    return facts.model_copy(update={"priority": because.priority}), because


def _changes(state: Ticket, after: TicketFacts) -> tuple[FactChange, ...]:
    fields = (
        "kind",
        "category",
        "impact",
        "urgency",
        "service",
        "configuration_item",
        "priority",
    )
    found = []
    for field in fields:
        was, now = getattr(state.facts, field), getattr(after, field)
        if was != now:
            found.append(FactChange(field=field, was=was, now=now, was_by=said_by(state, field)))
    was_tags, now_tags = state.facts.tags, after.tags
    found += [FactChange(field="tags", was=tag) for tag in was_tags if tag not in now_tags]
    found += [FactChange(field="tags", now=tag) for tag in now_tags if tag not in was_tags]
    return tuple(found)


def said_by(state: Ticket, field: str) -> str | None:
    """Return who said a kind or a category last; None where nobody did, or it is not known."""
    for correction in reversed(state.corrections):
        if correction.field == field:
            return f"agent:{correction.by}"
    if state.classification is None:
        return None
    if field == "kind":
        return state.classification.kind_by
    return state.classification.category_by if field == "category" else None


def _require_room_for_tags(state: Ticket, wanted: Correcting) -> None:
    both = sorted({*wanted.tags_add} & {*wanted.tags_remove})
    if both:
        raise CommandRejected(
            "invalid",
            f"tags_remove: {both[0]!r} is in tags_add as well",
            field="tags_remove",
            status=422,
        )
    kept = {*state.facts.tags, *wanted.tags_add} - set(wanted.tags_remove)
    if len(kept) > TAGS_MAX:
        raise CommandRejected(
            "invalid",
            f"tags_add: the ticket would have {len(kept)} tags; at most {TAGS_MAX}",
            field="tags_add",
            status=422,
        )


def _require_known(wanted: Correcting, configuration: Configuration) -> None:
    policy = configuration.intake.classification
    checks = (
        ("service", wanted.service, configuration.services_by_name),
        ("category", wanted.category, policy.categories),
    )
    for field, value, known in checks:
        if value is not None and known and value not in known:
            raise CommandRejected(
                "invalid", f"the organisation has no {field} {value!r}", field=field, status=422
            )
