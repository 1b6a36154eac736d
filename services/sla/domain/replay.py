"""The audit of a ticket's clocks: each of their events is decided anew, from what caused it.

Nothing that sla has stored is asked. The state begins with nothing and goes on with what was
recomputed, so that a recorded value that was wrong makes no later one wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.sla.domain.escalating import FULL, decide_expected
from services.sla.domain.evolve import evolve
from services.sla.domain.findings import Finding, Found, compared, finding
from services.sla.domain.model import ClocksState, Rating, Rules
from services.sla.domain.promises import EXPECTED_LATE
from services.sla.domain.rerate import decide_rerate
from services.sla.domain.ticket_log import Replayed, TicketLog, in_order
from services.sla.domain.ticks import decide_tick
from shared.contracts.envelope import Body, Event
from shared.contracts.sla import (
    ClockBreachWithdrawn,
    ClockEscalated,
    ClocksEvent,
    ClocksRerated,
    ClockTimed,
)
from shared.contracts.topics import CLOCKS
from shared.kernel import Infrastructure, rfc3339
from shared.organisation import Configuration

Decide = Callable[[ClocksState | None, Event[bytes]], Sequence[Body]]
"""What a consumed event means for the clocks; raises as the service's decision does."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of the service.

    Args:
        on: by the type of the consumed event; what is not in it concerns no clock.
        rules: the configurations by version.
    """

    on: Mapping[str, Decide]
    rules: Rules


def replay(log: TicketLog, decisions: Decisions) -> Replayed:
    """Recompute a ticket's clocks from its log, and compare."""
    return _Replay(log, decisions).run()


_Deciding = Callable[[ClocksState | None], Sequence[Body]]
_CUT: Final = 400


class _Replay:
    """One run over one ticket."""

    def __init__(self, log: TicketLog, decisions: Decisions) -> None:
        self._log = log
        self._on = decisions.on
        self._rules = decisions.rules
        self._findings: list[Finding] = []
        clocks, consumed = in_order(log.clocks), {}
        for source, events in log.consumed.items():
            consumed[source] = in_order(events)
        for stream in (clocks, *consumed.values()):
            self._findings.extend(stream.findings)
        self._recorded, self._whole = clocks.unbroken()
        self._bodies = {event.sequence: _body(event) for event in self._recorded}
        self._consumed = {source: stream.events for source, stream in consumed.items()}
        self._states: list[ClocksState | None] = [None]
        """All states so far, the newest last."""
        self._versions: list[int] = []
        """The version that was the newest when each state but the last one was followed."""
        self._marks: dict[str, tuple[int, int]] = {}
        """By source: the sequence taken in last, and the place of the state after it."""
        self._sequence = self._events = self._due_times = 0

    def run(self) -> Replayed:
        """Follow the clocks' own events; then see what is left of the others."""
        if not self._recorded and not any(self._consumed.values()):
            self._findings.append(Finding(Found.GAP, str(CLOCKS.source), field="log"))
        place = 0
        while place < len(self._recorded):
            place += self._step(place)
            self._sequence = self._recorded[place - 1].sequence
        if self._whole:
            for source in self._consumed:
                self._passed_over(source, before=None)
        return Replayed(
            ticket=self._log.ticket,
            state=self._states[-1],
            sequence=self._sequence,
            events=self._events,
            due_times=self._due_times,
            findings=tuple(self._findings),
            whole=self._whole,
        )

    def _step(self, place: int) -> int:
        """Recompute the decision that an event begins; return how many events it made."""
        event = self._recorded[place]
        if event.causesource is not None and event.causesequence is not None:
            return self._followed(place, event.causesource, event.causesequence)
        body = self._body(event)
        match body:
            case ClockEscalated() if body.cause == EXPECTED_LATE:
                return self._timed(place, body, self._expected)
            case ClockTimed():
                return self._timed(place, body, self._ticked)
            case ClocksRerated():
                return self._rerated(place, body)
            case _:
                self._findings.append(
                    finding(Found.UNEXPLAINED, event, "cause", recorded=event.type)
                )
                return self._as_recorded([event])

    def _rerated(self, place: int, body: ClocksRerated) -> int:
        """Recompute what somebody asked for: the log says who, why, when and by which version."""
        group = self._group(
            place,
            lambda e: e.causesource is None and isinstance(self._body(e), ClockBreachWithdrawn),
        )
        rating = Rating(at=body.at, version=body.configversion, by=body.by, because=body.because)
        bodies = self._decided(group[0], lambda state: decide_rerate(state, rating, self._rules))
        return self._as_recorded(group) if bodies is None else self._taken(group, bodies)

    def _followed(self, place: int, source: str, sequence: int) -> int:
        """Recompute what followed from an event of another topic."""
        event = self._recorded[place]
        group = self._group(place, lambda e: (e.causesource, e.causesequence) == (source, sequence))
        mark, _ = self._marks.get(source, (0, 0))
        cause = self._consumed.get(source, {}).get(sequence)
        if cause is None or sequence <= mark or cause.type not in self._on:
            self._without(group, source, sequence)
            return self._as_recorded(group)
        self._passed_over(source, before=sequence)
        # Events of the first release name no version: then that counts which was the newest.
        cause = cause if cause.configversion else replace(cause, configversion=event.configversion)
        decide = self._on[cause.type]
        bodies = self._decided(group[0], lambda state: decide(state, cause))
        taken = self._as_recorded(group) if bodies is None else self._taken(group, bodies)
        self._marks[source] = (sequence, len(self._states) - 1)
        return taken

    def _without(self, group: Sequence[Event[bytes]], source: str, sequence: int) -> None:
        """Say that the cause of events is not there, unless its gap was told of already."""
        known = self._consumed.get(source, {})
        if sequence in known or not known or sequence > max(known):
            cause = f"{source} {sequence}"
            self._findings.extend(
                finding(Found.UNEXPLAINED, event, "cause", recorded=cause) for event in group
            )

    def _timed(
        self,
        place: int,
        body: ClockTimed,
        deciding: Callable[[Sequence[Event[bytes]], datetime], _Deciding],
    ) -> int:
        """Recompute what a timer said, as of the instant at which it was asked."""
        event, now = self._recorded[place], body.as_of or self._recorded[place].time
        expects = _expects(body)
        group = self._group(
            place,
            lambda e: (
                e.causesource is None
                and isinstance(one := self._body(e), ClockTimed)
                and (one.as_of or e.time) == now
                and _expects(one) == expects
            ),
        )
        if event.time < now:  # Nobody can have known then what was so later.
            self._findings.append(
                finding(
                    Found.DIFFERS,
                    event,
                    "as_of",
                    recorded=rfc3339(now),
                    recomputed=rfc3339(event.time),
                    clock=body.clock,
                )
            )
        bodies = self._decided(event, deciding(group, now))
        if bodies is None:
            return self._as_recorded(group)
        part = group[: max(1, len(bodies))]
        return self._taken(part, bodies)

    def _ticked(self, group: Sequence[Event[bytes]], now: datetime) -> _Deciding:
        present = self._present(group[0])
        return lambda state: decide_tick(state, now, self._rules, present())

    def _expected(self, group: Sequence[Event[bytes]], now: datetime) -> _Deciding:
        """How likely a breach was, and whether the desk above had room, is no event: both are taken
        as they are recorded.
        """
        bodies = [body for body in map(self._body, group) if isinstance(body, ClockEscalated)]
        expected = [_Expected(body.clock, body.probability or 0.0) for body in bodies]
        full = any(body.not_raised == FULL for body in bodies)
        present = self._present(group[0])
        return lambda state: decide_expected(
            state, expected, now, self._rules, present(), room=lambda _desk: not full
        )

    def _present(self, event: Event[bytes]) -> Callable[[], Configuration | None]:
        """Return what gives the configuration that was in force when a timer was asked."""
        version = event.configversion
        return lambda: self._rules(version) if version else None

    def _group(self, place: int, belongs: Callable[[Event[bytes]], bool]) -> list[Event[bytes]]:
        """Return an event with those directly after it that belong to the same decision."""
        end = place + 1
        while end < len(self._recorded) and belongs(self._recorded[end]):
            end += 1
        return self._recorded[place:end]

    def _decided(self, event: Event[bytes], decide: _Deciding) -> Sequence[Body] | None:
        """Return what is decided on the newest state; None where it cannot be, which is found."""
        try:
            return decide(self._states[-1])
        except Infrastructure as error:
            self._findings.append(finding(Found.GAP, event, "configversion", recomputed=str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this ticket alone
            self._findings.append(
                finding(
                    Found.DIFFERS, event, "decision", recorded=event.type, recomputed=_of(error)
                )
            )
        return None

    def _taken(self, group: Sequence[Event[bytes]], bodies: Sequence[Body]) -> int:
        """Compare, and go on with what was recomputed; return how many events that were."""
        bodies = self._as_far_as_read(group, bodies)
        self._findings.extend(self._compared(group, bodies))
        self._events += len(group)
        for place, body in enumerate(bodies):
            if isinstance(body, ClocksEvent):
                self._due_times += sum(view.due_at is not None for view in body.clocks)
            self._evolve(group[min(place, len(group) - 1)], body)
        return len(group)

    def _as_far_as_read(
        self, group: Sequence[Event[bytes]], bodies: Sequence[Body]
    ) -> Sequence[Body]:
        """Return what was decided without what can only be recorded behind a gap."""
        cut = not self._whole and group[-1] is self._recorded[-1]
        return bodies[: len(group)] if cut else bodies

    def _compared(self, group: Sequence[Event[bytes]], bodies: Sequence[Body]) -> list[Finding]:
        """Return how recorded events differ from what was recomputed, one by one."""
        found: list[Finding] = []
        for place in range(max(len(group), len(bodies))):
            event = group[min(place, len(group) - 1)]
            recorded = self._body(event) if place < len(group) else None
            body = bodies[place] if place < len(bodies) else None
            found.extend(compared(event, recorded, body))
        return found

    def _body(self, event: Event[bytes]) -> Body | None:
        return self._bodies[event.sequence]

    def _as_recorded(self, group: Sequence[Event[bytes]]) -> int:
        """Go on with what is recorded, as far as it can be read; return how many events."""
        for event in group:
            body = self._body(event)
            if body is not None:
                self._evolve(event, body)
            else:
                text = event.body[:_CUT].decode("utf-8", "replace")
                self._findings.append(
                    finding(Found.UNEXPLAINED, event, "body", recorded=f"{event.type}: {text}")
                )
        return len(group)

    def _evolve(self, event: Event[bytes], body: Body) -> None:
        whole: Event[Any] = replace(event, type=body.type, body=body)  # type: ignore[arg-type]
        try:
            self._states.append(evolve(self._states[-1], whole))
            self._versions.append(event.configversion)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this ticket alone
            self._findings.append(
                finding(
                    Found.UNEXPLAINED, event, "state", recorded=body.type, recomputed=_of(error)
                )
            )

    def _passed_over(self, source: str, *, before: int | None) -> None:
        """See whether the events before a sequence changed nothing, as nothing is recorded of them.

        They were decided at one of the states since the last one that changed something. Without
        a bound it is all that are left.
        """
        mark, since = self._marks.get(source, (0, 0))
        done = self._log.processed.get(source, 0)
        for sequence, event in self._consumed.get(source, {}).items():
            if sequence <= mark or event.type not in self._on:
                continue
            if before is not None and sequence >= before:
                return
            said = self._said(event, since)
            if said:
                lost = before is not None or sequence <= done
                kind = Found.LOST if lost else Found.UNPROCESSED
                self._findings.append(finding(kind, event, event.type, recomputed=said))

    def _said(self, event: Event[bytes], since: int) -> list[str]:
        """Return what an event says to the states since one; nothing where one takes no note.

        An event that names no version was decided by what was the newest then: that lies between
        those of the clocks' events before and after it.
        """
        said: list[str] = []
        for place in range(since, len(self._states)):
            around = self._versions[max(0, place - 1) : place + 1] or [0]
            for version in dict.fromkeys([event.configversion] if event.configversion else around):
                cause = replace(event, configversion=version)
                try:
                    said = [b.type for b in self._on[event.type](self._states[place], cause)]
                except Exception as error:  # noqa: BLE001 - such an event is parked by the service
                    said = [_of(error)]
                if not said:
                    return []
        return said


@dataclass(frozen=True, slots=True)
class _Expected:
    """`Expectation` as it is recorded."""

    clock: str
    probability: float


def _expects(body: Body) -> bool:
    return isinstance(body, ClockEscalated) and body.cause == EXPECTED_LATE


def _body(event: Event[bytes]) -> Body | None:
    """Return the body of an event of the clocks; None where it cannot be read."""
    model = CLOCKS.body(event.type)
    try:
        return None if model is None else event.with_body(model).body
    except ValueError:
        return None


def _of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_CUT]
