"""What the topics hold of one ticket, and what an audit makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.sla.domain.findings import NOTES, Finding, Found, finding
from services.sla.domain.model import ClocksState
from shared.contracts.envelope import Event


@dataclass(frozen=True, slots=True)
class TicketLog:
    """What the topics hold of one ticket, in any order, repeated or not."""

    ticket: str
    clocks: Sequence[Event[bytes]] = ()
    consumed: Mapping[str, Sequence[Event[bytes]]] = field(default_factory=dict)
    """By CloudEvents source. The bodies of events that concern no clock may be left out."""
    processed: Mapping[str, int] = field(default_factory=dict)
    """By source: the last sequence that sla says it is done with."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a ticket's log gives."""

    ticket: str
    state: ClocksState | None
    sequence: int
    """Of the last event of the clocks that was taken in; 0 where there is none."""
    events: int
    """Events of the clocks that were recomputed."""
    due_times: int
    """Due times that were compared."""
    findings: tuple[Finding, ...]
    whole: bool
    """No event of the clocks is missing: the state is that of ``sequence``, the newest."""

    @property
    def identical(self) -> bool:
        """Return whether nothing speaks against what is recorded."""
        return all(one.kind in NOTES for one in self.findings)

    @property
    def number(self) -> str:
        """Return what people call the ticket; its id where the log does not say."""
        return self.state.number if self.state is not None else self.ticket


@dataclass(frozen=True, slots=True)
class Stream:
    """The events of one stream by their sequence, in order, and what is wrong with it."""

    events: Mapping[int, Event[bytes]]
    findings: tuple[Finding, ...]

    def unbroken(self) -> tuple[list[Event[bytes]], bool]:
        """Return the events up to the first that is missing, and whether none is."""
        found: list[Event[bytes]] = []
        for sequence, event in self.events.items():
            if sequence != len(found) + 1:
                return found, False
            found.append(event)
        return found, True


def in_order(events: Sequence[Event[bytes]]) -> Stream:
    """Return a stream in order; the first of several records of one event counts."""
    found: dict[int, Event[bytes]] = {}
    findings = []
    for event in events:
        kept = found.setdefault(event.sequence, event)
        if (kept.type, kept.body) != (event.type, event.body):
            findings.append(finding(Found.UNEXPLAINED, event, "sequence", recorded="twice"))
    ordered = {sequence: found[sequence] for sequence in sorted(found)}
    last = 0
    for sequence, event in ordered.items():
        if sequence != last + 1:
            missing = str(last + 1) if sequence == last + 2 else f"{last + 1}-{sequence - 1}"
            findings.append(
                Finding(Found.GAP, event.source, sequence - 1, field="sequence", recomputed=missing)
            )
        last = sequence
    return Stream(ordered, tuple(findings))
