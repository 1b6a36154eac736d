"""What each kind of event says: the key of a sentence, and what fills it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.console.domain.life_sayings import LIFE_SAYINGS
from services.console.domain.names import Names
from services.console.domain.saying import (
    ACTORS,
    Details,
    Said,
    Scope,
    Tone,
    link_said,
    stand,
)
from shared.contracts import intake, knowledge, links, notify, offering, routing, sla
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts

__all__ = ["ACTORS", "Details", "Names", "Said", "Scope", "Tone", "say"]


def say(scope: Scope, body: Body) -> Said | None:
    """Return what an event says; None for a kind without a sentence."""
    make = _SAYINGS.get(type(body))
    return make(scope, body) if make is not None else None


# Intake


def _accepted(scope: Scope, body: intake.RequestAccepted) -> Said:
    details: Details = [("say.firing", {"count": body.firing})] if body.firing else []
    key = "say.accepted_follow" if body.follows else "say.accepted"
    return Said(key, "inbox", Tone.PLAIN, _facts(scope, body.facts), details)


def _facts(scope: Scope, facts: TicketFacts) -> dict[str, Any]:
    return {
        "number": facts.number,
        "channel": scope.word("channel", facts.channel),
        "kind": scope.word("kind", facts.kind),
        "priority": facts.priority.value,
    }


def _message(scope: Scope, body: intake.MessageAdded) -> Said:
    key = f"say.message.{body.direction.value}"
    icon = "note" if body.direction is intake.Direction.INTERNAL else "mail"
    details: Details = [("say.message.asked", {})] if body.contact_was is not None else []
    fields = {"author": scope.actor(body.author)}
    return Said(key, icon, fields=fields, details=details, message=body.message)


def _reclassified(scope: Scope, body: intake.RequestReclassified) -> Said:
    details: Details = [
        (
            "say.reclassified.change",
            {
                "fact": scope.word("fact", change.field),
                "was": _fact_word(scope, change.field, change.was),
                "now": _fact_word(scope, change.field, change.now),
            },
        )
        for change in body.changes
    ]
    return Said("say.reclassified", "note", fields={"by": scope.actor(body.by)}, details=details)


def _fact_word(scope: Scope, field: str, code: str | None) -> str:
    if code is None:
        return "–"
    group = {"kind": "kind", "impact": "level", "urgency": "level"}.get(field)
    return code if group is None else scope.word(group, code)


def _alerts(_scope: Scope, body: intake.AlertsChanged) -> Said:
    if body.firing == 0:
        return Said("say.alerts.quiet", "bell", Tone.GOOD)
    return Said("say.alerts", "bell", Tone.WARN, {"count": body.firing})


def _conversation_closed(_scope: Scope, _body: Body) -> Said:
    return Said("say.conversation.closed", "check", Tone.QUIET)


def _conversation_reopened(_scope: Scope, _body: Body) -> Said:
    return Said("say.conversation.reopened", "undo", Tone.QUIET)


def _queued(scope: Scope, body: routing.TicketQueued) -> Said:
    fields = {**stand(scope, body), "released": scope.names.agent(body.released)}
    details: Details = []
    if body.queue is not None:
        fields["desk"] = f"{scope.names.group(body.queue)} ({fields['desk']})"
    if body.unrouted:
        details.append(("say.unrouted", {}))
    if body.code:
        details.append(("say.why", {"why": scope.word("reject", body.code)}))
    if body.note:
        details.append(("say.note", {"note": body.note}))
    if body.opens_at is not None:
        details.append(("say.opens_at", {**fields, "opens_at": body.opens_at}))
    raised = body.reason is routing.QueueReason.ESCALATION or body.unrouted
    return Said(
        f"say.queued.{body.reason.value}",
        "up" if body.reason is routing.QueueReason.ESCALATION else "queue",
        Tone.WARN if raised else Tone.PLAIN,
        fields,
        details,
        body.explanation,
    )


def _offered(scope: Scope, body: offering.TicketOffered) -> Said:
    details: Details = [("say.answer_by", {"at": body.answer_by})]
    return Said("say.offered", "user", Tone.PLAIN, stand(scope, body), details, body.explanation)


def _assigned(scope: Scope, body: routing.TicketAssigned) -> Said:
    taken = body.by == body.agent
    key = "say.taken" if taken else "say.assigned"
    return Said(key, "user", fields=stand(scope, body), explanation=body.explanation)


def _begun(scope: Scope, body: routing.TicketAccepted) -> Said:
    return Said("say.begun", "play", Tone.GOOD, stand(scope, body))


def _pended(scope: Scope, body: routing.TicketPended) -> Said:
    details: Details = [("say.until", {"until": body.until})] if body.until else []
    key, fields = f"say.pended.{body.reason.value}", stand(scope, body)
    if body.handover is not None:
        details.append(("say.pended.moved", fields))
    if body.supplier is not None:
        key, fields = f"{key}.named", {**fields, "supplier": scope.names.supplier(body.supplier)}
    return Said(key, "pause", Tone.QUIET, fields, details)


def _resumed(scope: Scope, body: routing.TicketResumed) -> Said:
    return Said("say.resumed", "play", fields=stand(scope, body))


def _resolved(scope: Scope, body: routing.TicketResolved) -> Said:
    fields = {**stand(scope, body), "code": scope.word("resolution", body.code)}
    details: Details = [("say.article", {"article": body.article})] if body.article else []
    if body.resolver is not None and body.resolver_tier is not None:
        resolver = scope.word("resolver", body.resolver)
        details.append(("say.resolver", {"resolver": resolver, "tier": body.resolver_tier}))
    if body.close_at is not None:
        details.append(("say.closes", {"close_at": body.close_at}))
    return Said("say.resolved", "check", Tone.GOOD, fields, details)


def _reopened(scope: Scope, body: routing.TicketReopened) -> Said:
    fields = {**stand(scope, body), "reason": scope.word("reason", body.reason)}
    details: Details = []
    if body.said is not None:
        details.append(("say.said", {"said": scope.word("said", body.said)}))
    return Said("say.reopened", "undo", Tone.WARN, fields, details)


def _closed(scope: Scope, body: routing.TicketClosed) -> Said:
    fields = {**stand(scope, body), "reason": scope.word("reason", body.reason)}
    return Said("say.closed", "lock", Tone.QUIET, fields)


def _regarded(scope: Scope, body: routing.TicketRegarded) -> Said:
    if body.fresh:
        fields = {**stand(scope, body), "count": body.fresh, "firing": body.firing}
        return Said("say.regarded.fresh", "eye", Tone.WARN, fields)
    key = "say.regarded.firing" if body.firing else "say.regarded"
    if body.by == body.agent:
        key = "say.regarded.touched"
    return Said(key, "eye", Tone.QUIET, {**stand(scope, body), "count": body.firing})


def _followup(_scope: Scope, _body: routing.FollowupRequested) -> Said:
    return Said("say.followup", "link")


def _deferred(_scope: Scope, body: routing.EscalationDeferred) -> Said:
    return Said("say.deferred", "up", Tone.QUIET, {"tier": body.tier})


def _metric(scope: Scope, body: Any) -> str:
    return scope.word("metric", body.metric)


def _started(scope: Scope, body: sla.ClocksStarted) -> Said:
    if not body.clocks:
        return Said("say.clocks.none", "clock", Tone.QUIET)
    details: Details = [
        ("say.clocks.due", {"metric": _metric(scope, clock), "due_at": clock.due_at})
        for clock in body.clocks
        if clock.due_at is not None
    ]
    if not details:
        return Said("say.clocks.started.waiting", "clock")
    return Said("say.clocks.started", "clock", Tone.PLAIN, {"count": len(details)}, details)


def _changed(scope: Scope, body: sla.ClocksChanged) -> Said:
    fields = {"desk": scope.names.desk(body.desk), "change": body.change}
    # That clocks were started is another sentence than that an agent began.
    key = "say.clocks.begun" if body.change == "started" else f"say.clocks.{body.change}"
    known = scope.words.has(key)
    return Said(key if known else "say.clocks.changed", "clock", Tone.QUIET, fields)


def _warned(scope: Scope, body: sla.ClockWarned) -> Said:
    fields = {"metric": _metric(scope, body), "due_at": body.due_at}
    return Said("say.clock.warned", "clock", Tone.WARN, fields)


def _breached(scope: Scope, body: sla.ClockBreached) -> Said:
    fields = {"metric": _metric(scope, body), "due_at": body.due_at}
    return Said("say.clock.breached", "alert", Tone.BAD, fields)


def _withdrawn(scope: Scope, body: sla.ClockBreachWithdrawn) -> Said:
    return Said("say.clock.withdrawn", "clock", Tone.GOOD, {"metric": _metric(scope, body)})


def _rerated(_scope: Scope, body: sla.ClocksRerated) -> Said:
    fields = {
        "version": body.configversion,
        "before": body.from_version,
        "because": body.because,
    }
    return Said("say.clocks.rerated", "clock", Tone.QUIET, fields)


def _escalated(scope: Scope, body: sla.ClockEscalated) -> Said:
    details: Details = []
    if body.cause != "unmet":
        details.append(("say.clock.cause", {"cause": scope.word("cause", body.cause)}))
    if body.repetition:
        details.append(("say.clock.repeated", {"count": body.repetition}))
    if body.proposed:
        details.append(("say.clock.proposed", {"desk": scope.names.desk(body.to_desk)}))
    elif body.tier is not None:
        details.append(("say.clock.tier", {"tier": body.tier}))
    elif body.not_raised:
        details.append(("say.clock.not_raised", {"why": scope.word("unraised", body.not_raised)}))
    if body.tell:
        told = ", ".join(scope.names.agent(agent) for agent in body.tell)
        details.append(("say.clock.tell", {"agents": told}))
    for one in body.told:
        if one.why is not None:
            name, why = scope.names.agent(one.name), scope.word("absence", one.why)
            other = scope.names.agent(one.instead_of) if one.instead_of else None
            key = "say.clock.instead" if other else "say.clock.for_nobody"
            details.append((key, {"agent": name, "other": other or "", "why": why}))
    fields = {"metric": _metric(scope, body), "step": body.step}
    return Said("say.clock.escalated", "up", Tone.WARN, fields, details)


def _planned(scope: Scope, body: notify.NoticePlanned) -> Said:
    scope.notices[body.notice] = body
    return Said("say.notice.planned", "mail", Tone.QUIET, _notice(scope, body))


def _notice(scope: Scope, planned: notify.NoticePlanned | None) -> dict[str, Any]:
    if planned is None:
        unknown = scope.word("notice", "unknown")
        return {"notice": unknown, "recipient": scope.word("recipient", "unknown")}
    contact = planned.recipient_kind is notify.RecipientKind.CONTACT
    name = scope.word("recipient", "contact") if contact else None
    return {
        "notice": scope.word("notice", planned.kind),
        "recipient": name or scope.names.agent(planned.recipient),
    }


def _sent(scope: Scope, body: notify.NoticeSent) -> Said:
    fields = _notice(scope, scope.notices.get(body.notice))
    details: Details = [("say.attempts", {"count": body.attempts})] if body.attempts > 1 else []
    return Said("say.notice.sent", "send", Tone.PLAIN, fields, details)


def _deferred_notice(scope: Scope, body: notify.NoticeDeferred) -> Said:
    fields = {**_notice(scope, scope.notices.get(body.notice)), "until": body.until}
    details: Details = [("say.because", {"reason": body.reason})] if body.reason else []
    return Said("say.notice.deferred", "clock", Tone.WARN, fields, details)


def _failed(scope: Scope, body: notify.NoticeFailed) -> Said:
    fields = _notice(scope, scope.notices.get(body.notice))
    details: Details = [
        ("say.because", {"reason": body.reason}),
        ("say.attempts", {"count": body.attempts}),
    ]
    return Said("say.notice.failed", "alert", Tone.BAD, fields, details)


def _suggested(_scope: Scope, body: knowledge.ArticlesSuggested) -> Said:
    if not body.suggestions:
        return Said("say.suggested.none", "book", Tone.QUIET)
    details = [("say.suggestion", {"title": s.title}) for s in body.suggestions]
    return Said("say.suggested", "book", Tone.PLAIN, {"count": len(details)}, details)


def _amended(_scope: Scope, body: intake.MessageAmended) -> Said:
    key = "say.message.deleted" if body.deleted else "say.message.edited"
    return Said(key, "mail", Tone.QUIET)


def _refused(_scope: Scope, _body: intake.FollowupRefused) -> Said:
    return Said("say.followup.refused", "link", Tone.WARN)


def _proposed(_scope: Scope, body: links.LinkSuggested) -> Said:
    named = {links.LinkKind.MASS, links.LinkKind.REFERENCE}
    key = f"say.proposed.{body.kind.value if body.kind in named else 'duplicate'}"
    return Said(key, "link", Tone.WARN, {"count": len(body.others)})


_SAYINGS: Mapping[type[Body], Callable[[Scope, Any], Said]] = {
    intake.RequestAccepted: _accepted,
    intake.MessageAdded: _message,
    intake.RequestReclassified: _reclassified,
    intake.AlertsChanged: _alerts,
    intake.ConversationClosed: _conversation_closed,
    intake.ConversationReopened: _conversation_reopened,
    intake.MessageAmended: _amended,
    intake.FollowupRefused: _refused,
    links.RequestAbsorbed: link_said("absorbed", "link"),
    links.RequestMerged: link_said("merged", "link"),
    links.RequestReleased: link_said("released", "undo"),
    links.RequestUnmerged: link_said("unmerged", "undo"),
    links.RequestSplit: link_said("split", "link"),
    links.RequestUnsplit: link_said("unsplit", "undo"),
    links.RequestsLinked: link_said("children", "link"),
    links.RequestsUnlinked: link_said("children_gone", "undo"),
    links.ParentLinked: link_said("parent", "link"),
    links.ParentUnlinked: link_said("parent_gone", "undo"),
    links.ParentSolved: link_said("parent_solved", "check"),
    links.LinkSuggested: _proposed,
    routing.TicketQueued: _queued,
    offering.TicketOffered: _offered,
    routing.TicketAssigned: _assigned,
    routing.TicketAccepted: _begun,
    routing.TicketPended: _pended,
    routing.TicketResumed: _resumed,
    routing.TicketResolved: _resolved,
    routing.TicketReopened: _reopened,
    routing.TicketClosed: _closed,
    routing.TicketRegarded: _regarded,
    routing.FollowupRequested: _followup,
    routing.EscalationDeferred: _deferred,
    sla.ClocksStarted: _started,
    sla.ClocksChanged: _changed,
    sla.ClockWarned: _warned,
    sla.ClockBreached: _breached,
    sla.ClockBreachWithdrawn: _withdrawn,
    sla.ClocksRerated: _rerated,
    sla.ClockEscalated: _escalated,
    notify.NoticePlanned: _planned,
    notify.NoticeSent: _sent,
    notify.NoticeDeferred: _deferred_notice,
    notify.NoticeFailed: _failed,
    knowledge.ArticlesSuggested: _suggested,
    **LIFE_SAYINGS,
}
