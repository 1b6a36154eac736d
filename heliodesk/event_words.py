"""What an event says, in a few words: for `tail` and for the demonstration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

Body = Mapping[str, Any]


def words_of(event_type: str, body: Body) -> str:
    """Return what an event says; empty where nothing is known of its type.

    Args:
        event_type: without prefix and version, such as ``ticket.queued``.
        body: its JSON object; fields may be missing, as an older or newer release may write it.
    """
    words = _WORDS.get(event_type)
    number = _get(body, "facts").get("number") or body.get("number") or ""
    said = words(body) if words else ""
    return f"{number}  {said}".strip() if number else said


def _get(body: Body, name: str) -> Body:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _items(body: Body, name: str) -> list[Any]:
    found = body.get(name)
    return list(found) if isinstance(found, list | tuple) else []


def _accepted(body: Body) -> str:
    facts = _get(body, "facts")
    what = f"{facts.get('kind')} by {facts.get('channel')}, {facts.get('priority')}"
    return what + (f", service {facts['service']}" if facts.get("service") else "")


def _queued(body: Body) -> str:
    text = f"waits at {body.get('desk')} ({body.get('reason')})"
    if body.get("released"):
        text += f", {body['released']} gave it back"
    if body.get("opens_at"):
        text += f", opens {_time(body['opens_at'])}"
    return text


def _assigned(body: Body) -> str:
    return f"→ {body.get('agent')} at {body.get('desk')}"


def _status(body: Body) -> str:
    parts = [f"{body.get('status')} at {body.get('desk')}"]
    parts += [f"by {body['by']}"] if body.get("by") else []
    parts += [str(body[name]) for name in ("code", "reason") if body.get(name)]
    return ", ".join(parts)


def _help(body: Body) -> str:
    called = ", ".join(map(str, _items(body, "told"))) or body.get("to_desk") or ""
    return f"{body.get('by')} asks for {body.get('kind')} help: {body.get('reason')} → {called}"


def _task(body: Body) -> str:
    whose = body.get("task_agent") or body.get("task_desk") or ""
    return f"task {body.get('code') or ''} → {whose}".replace("  ", " ")


def _clocks(body: Body) -> str:
    clocks = [clock for clock in _items(body, "clocks") if isinstance(clock, Mapping)]
    parts = [
        f"{clock.get('metric')} {clock.get('state')}"
        + (f", due {_time(clock['due_at'])}" if clock.get("due_at") else "")
        for clock in clocks
    ]
    head = f"{body['change']}: " if body.get("change") else ""
    return head + ("; ".join(parts) or "no clock")


def _clock(body: Body) -> str:
    due = f", due {_time(body['due_at'])}" if body.get("due_at") else ""
    return f"{body.get('metric')} ({body.get('clock')}){due}"


def _escalated(body: Body) -> str:
    tier = f" to tier {body['tier']}" if body.get("tier") else ""
    told = f", tells {', '.join(map(str, tell))}" if (tell := _items(body, "tell")) else ""
    return f"{body.get('metric')} step {body.get('step')}{tier}{told}: {body.get('reason')}"


def _planned(body: Body) -> str:
    return f"{body.get('kind')} for {body.get('recipient_kind')} {body.get('recipient')}"


def _notice(body: Body) -> str:
    kind = str(body.get("notice")).partition(":")[0]
    return f"{kind}: {body['reason']}" if body.get("reason") else kind


def _suggested(body: Body) -> str:
    titles = [str(s.get("title")) for s in _items(body, "suggestions") if isinstance(s, Mapping)]
    return "; ".join(titles) or "no article fits"


def _directed(body: Body) -> str:
    way = f"{body.get('queue')} of {body.get('desk')}" if body.get("queue") else body.get("desk")
    put = f"put through from {body['from_desk']} to" if body.get("from_desk") else "goes to"
    return f"{put} {way}, by {body.get('decided_by')}"


def _configuration(body: Body) -> str:
    note = f": {body['note']}" if body.get("note") else ""
    return f"version {body.get('version')} by {body.get('actor')}{note}"


def _identity(body: Body) -> str:
    roles = ", ".join(str(role) for role in _items(body, "roles"))
    state = "" if body.get("enabled", True) else ", switched off"
    return f"{body.get('name')} ({roles}), {len(_items(body, 'tokens'))} tokens{state}"


def _alert(body: Body) -> str:
    return f"{body.get('key')} {body.get('status')} ({body.get('severity')}): {body.get('summary')}"


def _time(text: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)).astimezone():%m-%d %H:%M}"
    except ValueError:
        return str(text)


_WORDS: Final[Mapping[str, Callable[[Body], str]]] = {
    "request.accepted": _accepted,
    "request.message_added": lambda b: f"{b.get('direction')} message of {b.get('author')}",
    "request.alerts_changed": lambda b: f"{b.get('firing')} alerts fire now",
    "ticket.queued": _queued,
    "ticket.referred": lambda b: (
        f"{b.get('from_desk')} refers to {b.get('to_desk')}, by {b.get('by')}"
    ),
    "ticket.offered": lambda b: f"{_assigned(b)}? answer by {_time(b.get('answer_by'))}",
    "ticket.assigned": _assigned,
    "ticket.accepted": _assigned,
    "ticket.started": _status,
    "ticket.confirmed": lambda b: f"solved, says the contact by {b.get('said')}",
    "ticket.escalated": _help,
    "ticket.task_added": _task,
    "ticket.task_assigned": _task,
    "ticket.task_started": _task,
    "ticket.task_done": lambda b: f"task {b.get('outcome', 'done')}, says {b.get('by')}",
    "ticket.task_cancelled": lambda b: f"task cancelled: {b.get('reason')}",
    "ticket.reminded": lambda b: f"reminded: silence closes it {b.get('close_at')}",
    "ticket.watcher_added": lambda b: f"{b.get('kind')} {b.get('watcher')} follows it",
    "ticket.watcher_removed": lambda b: f"{b.get('kind')} {b.get('watcher')} follows it no more",
    "ticket.pended": _status,
    "ticket.resumed": _status,
    "ticket.resolved": _status,
    "ticket.reopened": _status,
    "ticket.closed": _status,
    "ticket.regarded": lambda b: f"{b.get('status')}, {b.get('firing', 0)} alerts fire",
    "ticket.followup_requested": _status,
    "ticket.escalation_deferred": lambda b: f"tier {b.get('tier')}: {b.get('reason')}",
    "agent.presence_changed": lambda b: f"{b.get('agent')} is {b.get('presence')}",
    "agent.offer_answered": lambda b: f"{b.get('agent')} {b.get('answer')} {b.get('ticket')}",
    "agent.hold_taken": lambda b: f"{b.get('agent')} holds {b.get('ticket')}",
    "agent.hold_released": lambda b: f"{b.get('agent')} lets go of {b.get('ticket')}",
    "handover.opened": lambda b: f"{b.get('desk')} to {b.get('to')} {_time(b.get('closes_at'))}",
    "handover.rescheduled": lambda b: f"{b.get('desk')}: {b.get('reason')}",
    "handover.withdrawn": lambda b: f"{b.get('desk')}: {b.get('reason')}",
    "handover.signed": lambda b: f"{b.get('desk')}: {b.get('by')} for the {b.get('side')} side",
    "handover.alarmed": lambda b: f"{b.get('desk')}: {b.get('reason')}",
    "handover.completed": lambda b: f"{b.get('desk')}: complete",
    "handover.item_moved": lambda b: f"{b.get('desk')} → {b.get('to')} ({b.get('why')})",
    "handover.item_kept": lambda b: f"kept at {b.get('desk')} ({b.get('reason')})",
    "handover.item_left": lambda b: f"left {b.get('desk')} ({b.get('why')})",
    "clocks.started": _clocks,
    "clocks.changed": _clocks,
    "clock.warned": _clock,
    "clock.breached": _clock,
    "clock.breach_withdrawn": _clock,
    "clock.escalated": _escalated,
    "clocks.rerated": lambda b: (
        f"version {b.get('from_version')} → {b.get('configversion')}: {b.get('because')}"
    ),
    "notice.planned": _planned,
    "notice.sent": _notice,
    "notice.deferred": _notice,
    "notice.failed": _notice,
    "suggestion.made": _suggested,
    "call.directed": _directed,
    "knowledge.article_published": lambda b: f"{b.get('title')} ({b.get('language')})",
    "configuration.section_stored": lambda b: f"{b.get('section')} {str(b.get('digest'))[:12]}",
    "configuration.applied": _configuration,
    "identity.changed": _identity,
    "alert.reported": _alert,
}
