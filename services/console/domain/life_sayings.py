"""What the events of a ticket's life say, in the manner of `services.console.domain.sayings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.console.domain.saying import Said, Scope, Tone, link_said, stand
from shared.contracts import lifecycle, links, notify
from shared.contracts.envelope import Body


def _started(scope: Scope, body: lifecycle.TicketStarted) -> Said:
    return Said("say.started", "play", Tone.GOOD, stand(scope, body))


def _confirmed(scope: Scope, body: lifecycle.TicketConfirmed) -> Said:
    return Said("say.confirmed", "check", Tone.GOOD, {"said": scope.word("said", body.said)})


def _reminded(_scope: Scope, body: lifecycle.TicketReminded) -> Said:
    return Said("say.reminded", "clock", Tone.QUIET, {"close_at": body.close_at})


def _escalated(scope: Scope, body: lifecycle.TicketEscalated) -> Said:
    told = ", ".join(scope.names.agent(name) for name in body.told)
    reason = scope.word("escalation", body.reason)
    fields = {"by": scope.actor(body.by), "told": told, "reason": reason}
    return Said(f"say.help.{body.kind.value}", "up", Tone.WARN, fields)


def _whose(scope: Scope, desk: str | None, agent: str | None) -> str:
    return scope.names.agent(agent) if agent else scope.names.desk(desk)


def _task_added(scope: Scope, body: lifecycle.TaskAdded) -> Said:
    fields = {
        "by": scope.actor(body.by),
        "whose": _whose(scope, body.task_desk, body.task_agent),
        "code": scope.word("task_code", body.code),
    }
    return Said("say.task.added", "note", Tone.PLAIN, fields, message=body.note)


def _task_assigned(scope: Scope, body: lifecycle.TaskAssigned) -> Said:
    whose = _whose(scope, body.task_desk, body.task_agent)
    return Said("say.task.assigned", "user", fields={"by": scope.actor(body.by), "whose": whose})


def _task_started(scope: Scope, body: lifecycle.TaskStarted) -> Said:
    return Said("say.task.started", "play", fields={"agent": scope.names.agent(body.task_agent)})


def _task_done(scope: Scope, body: lifecycle.TaskDone) -> Said:
    fields = {"by": scope.actor(body.by), "outcome": scope.word("task_outcome", body.outcome)}
    return Said("say.task.done", "check", Tone.GOOD, fields, message=body.note)


def _task_cancelled(scope: Scope, body: lifecycle.TaskCancelled) -> Said:
    fields = {"by": scope.actor(body.by), "reason": scope.word("task_reason", body.reason)}
    return Said("say.task.cancelled", "undo", Tone.QUIET, fields)


def _watched(scope: Scope, body: lifecycle.WatcherAdded) -> Said:
    if body.kind is not lifecycle.WatcherKind.AGENT:
        return Said("say.watch.contact", "eye", Tone.QUIET)
    return Said("say.watch.agent", "eye", Tone.QUIET, {"watcher": scope.names.agent(body.watcher)})


def _unwatched(_scope: Scope, _body: lifecycle.WatcherRemoved) -> Said:
    return Said("say.watch.gone", "eye", Tone.QUIET)


def _noted(_scope: Scope, _body: notify.WatchingChanged) -> Said:
    return Said("say.notice.watching", "eye", Tone.QUIET)


LIFE_SAYINGS: Final[Mapping[type[Body], Callable[[Scope, Any], Said]]] = {
    lifecycle.TicketStarted: _started,
    lifecycle.TicketConfirmed: _confirmed,
    lifecycle.TicketReminded: _reminded,
    lifecycle.TicketEscalated: _escalated,
    lifecycle.TaskAdded: _task_added,
    lifecycle.TaskAssigned: _task_assigned,
    lifecycle.TaskStarted: _task_started,
    lifecycle.TaskDone: _task_done,
    lifecycle.TaskCancelled: _task_cancelled,
    lifecycle.WatcherAdded: _watched,
    lifecycle.WatcherRemoved: _unwatched,
    links.EffectLinked: link_said("effect", "link"),
    links.EffectUnlinked: link_said("effect_gone", "undo"),
    links.CauseLinked: link_said("cause", "link"),
    links.CauseUnlinked: link_said("cause_gone", "undo"),
    notify.WatchingChanged: _noted,
}
