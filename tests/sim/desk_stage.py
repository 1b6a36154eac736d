"""What lies outside of the processes in the desk scenario, and outlives them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from services.intake.domain.alert_groups import AlertGroup
from services.intake.domain.alerts import Occurrence
from services.intake.domain.receipts import Receipt
from services.intake.domain.ticket import TICKET
from services.routing.domain.agents import AGENTS, agent_stream
from services.routing.domain.tickets import HELD, TICKETS
from shared.aggregate import Write
from shared.configuration import Configurations
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import START
from shared.testing.memory import MemoryStreams
from tests.sim.desk_ports import MailServer
from tests.support.notify import MemoryClaims
from tests.support.routing import SAMPLE

if TYPE_CHECKING:
    from tests.sim.process import Process
    from tests.sim.world import World

TENANT = "main"
SERVICES = ("intake", "routing", "sla", "notify", "knowledge")
GONE = "p-sharma"
"""The agent who is not in the second version any more."""
MUTED, STORMING, BEATING = "muted-demo", "storm-demo", "beating-demo"
"""Integrations with a maintenance window, with a low threshold of storms, and of heartbeats."""
WINDOW = (START + timedelta(minutes=10), START + timedelta(hours=6))
MONITORS = f"""
  - name: {MUTED}
    door: alertmanager
    secret: env:HELIODESK_DEMO_ALERTMANAGER_SECRET
    defaults: {{kind: incident, channel: monitoring, service: network, language: en}}
    priority_map: {{critical: P1}}
    alerts: {{flapping: null}}
  - name: {STORMING}
    door: alertmanager
    secret: env:HELIODESK_DEMO_ALERTMANAGER_SECRET
    defaults: {{kind: incident, channel: monitoring, service: network, language: en}}
    priority_map: {{critical: P1}}
    alerts: {{group: alert, flapping: null, storm: {{groups: 2, within: 3600}}}}
  - name: {BEATING}
    door: heartbeat
    defaults: {{kind: incident, channel: monitoring, service: network, language: en}}
    priority_map: {{critical: P1}}
    alerts: {{flapping: null}}
"""
TAKES_PAY = """  - name: payroll
    scope: {services: [payroll]}
"""
SELF_SERVICE = """  - name: pay-portal
    scope: {services: [payroll]}
    shape: self_service
    behind: payroll
    wait: 20m
"""
PAY_DESK = """  - name: payroll
    scope: {services: [payroll], channels: [phone]}
"""
MAINTENANCE = f"""
maintenance:
  - name: network
    title: Network
    starts: {WINDOW[0]:%Y-%m-%dT%H:%M:%S}
    duration: {(WINDOW[1] - WINDOW[0]).seconds // 60}m
    time_zone: Etc/UTC
    integrations: [{MUTED}]
"""


@cache
def versions() -> tuple[Configuration, ...]:
    """Return the sample organisation with little capacity, and what becomes of it in the day.

    In the second version an agent has left, the others take less, and London closes earlier.
    """
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    files["integrations.yaml"] += MONITORS
    files["intake.yaml"] = MAINTENANCE
    # Silence closes by the setting: by the hours of the desks the day would not see the end.
    files["lifecycle.yaml"] = "standard_codes: [solved, done]\n"
    # New York asks before work is somebody's, and pay begins with its requester alone.
    files["routing.yaml"] += "  new-york:\n    offers: {timeout: 10m, missed_max: 9, then: away}\n"
    files["topologies.yaml"] = files["topologies.yaml"].replace(TAKES_PAY, SELF_SERVICE + PAY_DESK)
    assert SELF_SERVICE in files["topologies.yaml"]
    first = {name: re.sub(r"capacity: \d+", "capacity: 3", text) for name, text in files.items()}
    second = {name: text.replace("capacity: 3", "capacity: 2") for name, text in first.items()}
    roster = second["rosters/london.yaml"].splitlines()
    second["rosters/london.yaml"] = "\n".join(line for line in roster if GONE not in line)
    second["calendars.yaml"] = second["calendars.yaml"].replace(
        "mon-sun: [[08:00, 17:00]]", "mon-sun: [[08:00, 15:00]]", 1
    )
    return parse_sections(first), parse_sections(second)


class WatchedStreams(MemoryStreams):
    """Routing's store, which looks after each commit whether everybody who has work counts it."""

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Apply writes independently."""
        lost = await super().commit(writes)
        self._watch()
        return lost

    async def commit_together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply all writes or none."""
        done = await super().commit_together(writes)
        self._watch()
        return done

    def _watch(self) -> None:
        process: Process = self._faults  # type: ignore[assignment] # a process is its own faults
        agents = self.data.collection(AGENTS.name)
        for ticket, row in self.data.collection(TICKETS.name).items():
            state = row["state"]
            if not state or state["status"] not in HELD:
                continue
            holder = agents.get(agent_stream(row["tenant"], state["agent"]))
            if holder is None or ticket not in holder["state"]["holds"]:
                process.world.fail(RuntimeError(f"{ticket}: {state['agent']} has no hold of it"))
        for row in agents.values():
            state = row["state"]
            if state is None:
                continue  # a witness of a reserve who never said or held anything
            capacity = versions()[0].agent(state["agent"]).capacity
            if sum(state["holds"].values()) > capacity:
                process.world.fail(RuntimeError(f"{state['agent']} holds too much"))


class WatchedGroups(MemoryStreams):
    """Intake's store, which looks after each commit whether a key has one open incident."""

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        """Apply writes independently."""
        lost = await super().commit(writes)
        for write in writes:
            state = write.after.state
            if isinstance(state, AlertGroup) and write.after.id not in lost:
                self._watch(write.after.id, state)
        return lost

    def _watch(self, key: str, group: AlertGroup) -> None:
        process: Process = self._faults  # type: ignore[assignment] # a process is its own faults
        tickets = self.data.collection(TICKET.name)
        working = [
            episode.ticket
            for episode in group.episodes
            if episode.opened_at is not None
            and group.firing_of(episode.number)
            and not (tickets.get(episode.ticket) or {"state": {"closed": False}})["state"]["closed"]
        ]
        if len(working) > 1:
            process.world.fail(RuntimeError(f"{key}: {working} are open incidents at once"))


@dataclass(frozen=True, slots=True)
class Muted:
    """An alert of the window, and what is certain of it whatever the clocks of processes said."""

    fingerprint: str
    began: bool
    """It was muted from its beginning."""
    over: bool
    """It was over before the window's end."""


@dataclass
class Stage:
    """Mailboxes, claims, defects of the running release, and what clients were promised."""

    defects: set[str] = field(default_factory=set)
    garbage: dict[str, int] = field(default_factory=dict)
    mail: MailServer = field(default_factory=MailServer)
    version: int = 1
    accepted: dict[str, Receipt] = field(default_factory=dict)
    """By receipt id: what was answered first."""
    occurrences: dict[tuple[str, str], Occurrence] = field(default_factory=dict)
    """By alert key and fingerprint: the newest that was delivered."""
    muted: dict[str, Muted] = field(default_factory=dict)
    """By alert key: what was told within the window."""
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept to a client."""
    _claims: MemoryClaims | None = None

    def configured(self) -> Configurations:
        """Return what a process knows that starts now."""
        found = Configurations()
        for number, configuration in enumerate(versions()[: self.version], start=1):
            found.install(TENANT, configuration, version=number)
        return found

    @staticmethod
    def store(service: str) -> type[MemoryStreams] | None:
        """Return a service's store, where it has one of its own."""
        return {"routing": WatchedStreams, "intake": WatchedGroups}.get(service)

    def claims(self, world: World) -> MemoryClaims:
        """Return the claims of notify."""
        if self._claims is None:
            self._claims = MemoryClaims(world.disks["notify"])
        return self._claims

    def promised(self, receipt: Receipt) -> None:
        """Remember an answer, and compare it with the one that was given before."""
        first = self.accepted.setdefault(receipt.id, receipt)
        fields = ("body", "key", "message", "accepted_at")
        same = all(getattr(first, name) == getattr(receipt, name) for name in fields)
        # Alerts may have no ticket: none yet, or none at all.
        early = first.ticket is None or receipt.ticket is None
        ticket = early or (first.ticket, first.number) == (receipt.ticket, receipt.number)
        if first.ticket is None:
            self.accepted[receipt.id] = receipt
        if not (same and ticket):
            self.broken.append(f"{receipt.key}: two answers, {first} and {receipt}")

    def delivered(self, key: str, fingerprint: str, occurrence: Occurrence) -> None:
        """Remember what a monitor has said."""
        known = self.occurrences.get((key, fingerprint))
        if known is None or occurrence.rank > known.rank:
            self.occurrences[key, fingerprint] = occurrence
