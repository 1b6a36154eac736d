"""Who watches: monitors whose alerts come and go, are muted and storm, and what beats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.intake.domain.alert_groups import ALERT_GROUP, AlertGroup
from services.intake.domain.alerts import Occurrence, alert_key, fingerprint_of
from services.intake.domain.normal import Heartbeat
from services.intake.domain.receipts import Receipt
from services.intake.doors import Read
from shared.contracts.intake import AlertStatus
from shared.contracts.topics import ALERTS
from shared.kernel import digest, rfc3339
from shared.streams import Outgoing
from shared.testing.clock import START
from tests.sim.desk_clients import Clients
from tests.sim.desk_stage import BEATING, MUTED, STORMING, TENANT, WINDOW, Muted, Stage
from tests.sim.world import World
from tests.support.intake_input import webhook

CLOCK_ERROR = timedelta(seconds=60)
"""By so much a process may take another instant for the present one."""
MUTED_KEYS = 4
STORM_KEYS = 7
BEATS = 3
EVERY_SECONDS = 6 * 3_600
"""Longer than the sun leaps while a beat is on its way."""
STOPS, RETURNS = "stops", "returns"


class Monitors:
    """All monitors of one run."""

    def __init__(self, world: World, stage: Stage, clients: Clients) -> None:
        self._world = world
        self._stage = stage
        self._clients = clients

    def all(self) -> list[Coroutine[Any, Any, None]]:
        """Return those that come, tell and go."""
        return [
            self._monitor(0),
            self._monitor(1),
            self._publisher(),
            self._during_maintenance(),
            self._storm(),
            self._beats(STOPS),
            self._beats(RETURNS),
        ]

    async def _monitor(self, number: int) -> None:
        """Tell of alerts that come and go; some deliveries are repeated, late or swapped."""
        random = self._world.random
        key = f"group{number}"
        deliveries = []
        for minute in range(0, 90, 15):
            fingerprint = f"f{random.randrange(2)}"
            deliveries.append((fingerprint, minute, "firing"))
            if random.random() < 0.8:
                deliveries.append((fingerprint, minute, "resolved"))
        deliveries += random.choices(deliveries, k=4)
        places = [place + random.choice((0, 0, 0, 3)) for place in range(len(deliveries))]
        async with asyncio.TaskGroup() as under_way:
            for place in sorted(range(len(deliveries)), key=lambda p: (places[p], p)):
                await self._clients.pause(0.0, random.choice((0.05, 0.05, 6.0)))
                told = self._tell("alertmanager-demo", key, [deliveries[place]])
                under_way.create_task(told)

    async def _publisher(self) -> None:
        """Write alerts to the public topic, some twice: its producer knows no idempotence."""
        random = self._world.random
        for number in range(8):
            await self._clients.pause(0.5, 6.0)
            key, minute = f"disk-{random.randrange(2)}", number * 9
            status = random.choice(list(AlertStatus)[:2])
            at = START + timedelta(minutes=minute)
            data = {
                "key": key,
                "status": status.value,
                "summary": f"{key} is full",
                "starts_at": rfc3339(at),
            }
            headers = {
                "ce_specversion": "1.0",
                "ce_type": "heliodesk.alert.reported.v1",
                "ce_source": "/monitor",
                "ce_id": f"o{number}",
                "content-type": "application/json",
            }
            record = Outgoing(
                topic=ALERTS.name,
                key=key.encode(),
                value=json.dumps(data).encode(),
                headers=tuple((name, value.encode()) for name, value in headers.items()),
            )
            for _ in range(random.choice((1, 1, 2))):
                self._world.append(record, by="monitor")
            name = alert_key(tenant=TENANT, integration="cloudevents-demo", key=key)
            occurrence = Occurrence(starts_at=at, status=status)
            self._stage.delivered(name, fingerprint_of(key), occurrence)

    async def _tell(
        self, integration: str, key: str, deliveries: Sequence[tuple[str, int, str]]
    ) -> Receipt:
        """Deliver alerts of one group."""
        read = webhook(*deliveries, key=key)
        receipt = await self._clients.submit("alertmanager", read, integration)
        for fingerprint, minute, status in deliveries:
            found = Occurrence(
                starts_at=START + timedelta(minutes=minute), status=AlertStatus(status)
            )
            own = f"alert:{fingerprint}" if integration == STORMING else key
            name = alert_key(tenant=TENANT, integration=integration, key=own)
            self._stage.delivered(name, fingerprint, found)
        return receipt

    # Maintenance.

    async def _during_maintenance(self) -> None:
        """Tell of alerts within the window: some are over before its end, others are not."""
        random = self._world.random
        while self._clients.now() < WINDOW[0] + CLOCK_ERROR:
            await self._clients.pause(0.2, 1.0)
        for number in range(MUTED_KEYS):
            name = f"muted{number}"
            key = alert_key(tenant=TENANT, integration=MUTED, key=name)
            began = await self._within((name, 20 + number, "firing"))
            over = False
            if number % 2:
                await self._clients.pause(0.0, 1.0)
                over = await self._within((name, 20 + number, "resolved"))
            if random.random() < 0.5:
                await self._within((name, 20 + number, "firing"))
            self._stage.muted[key] = Muted(fingerprint=name, began=began, over=over)

    async def _within(self, told: tuple[str, int, str]) -> bool:
        """Deliver an alert; return whether it was applied while every clock was in the window."""
        receipt = await self._tell(MUTED, told[0], [told])
        rows = self._world.disks["intake"].collection("receipts")
        while self._clients.now() < WINDOW[1] - CLOCK_ERROR:
            if rows[receipt.id]["pending_since"] is None:
                return True
            await self._clients.pause(0.1, 0.5)
        return False

    # Storms.

    async def _storm(self) -> None:
        """Tell of one failure at many places at once, some of it twice; some of it is over soon."""
        random = self._world.random
        await self._clients.pause(1.0, 12.0)
        places = [f"place{number}" for number in range(STORM_KEYS)]
        told = [[place] for place in places[:4]] + [places[4:6], places[6:]]
        told += random.choices(told, k=2)
        async with asyncio.TaskGroup() as under_way:
            for number, group in enumerate(told):
                await self._clients.pause(0.0, random.choice((0.05, 0.05, 3.0)))
                fires = [(place, 30, "firing") for place in group]
                under_way.create_task(self._tell(STORMING, f"switch{number % 6}", fires))
        for place in random.sample(places, k=3):
            await self._tell(STORMING, "switch", [(place, 30, "resolved")])

    # Heartbeats.

    async def _beats(self, name: str) -> None:
        """Beat some times, and then no more."""
        for _ in range(BEATS):
            await self._beat(name)
            await self._clients.pause(0.5, 3.0)

    async def _beat(self, name: str) -> None:
        at = self._clients.now()
        form = Heartbeat(name=name, at=at, every_seconds=EVERY_SECONDS)
        content = f"{name} {rfc3339(at)}".encode()
        await self._clients.submit("heartbeat", Read(form=form, content=content), BEATING)

    async def returning(self) -> None:
        """Beat for ever, once the silence has an incident."""
        key = heartbeat_key(RETURNS)
        while (group := group_of(self._world, key)) is None or group.current is None:
            await self._clients.pause(0.5, 2.0)
        while True:
            await self._beat(RETURNS)
            await self._clients.pause(2.0, 6.0)


def heartbeat_key(name: str) -> str:
    """Return the alert key of a heartbeat's silence."""
    pulse = digest(*(part.encode() for part in (TENANT, BEATING, name)))
    return alert_key(tenant=TENANT, integration=BEATING, key=f"heartbeat:{pulse}")


def group_of(world: World, key: str) -> AlertGroup | None:
    """Return what is stored of a group of alerts."""
    row = world.disks["intake"].collection(ALERT_GROUP.name).get(key)
    return None if row is None or row["state"] is None else AlertGroup.model_validate(row["state"])


def now_of(world: World) -> datetime:
    """Return the true time of day."""
    return START + timedelta(seconds=world.time() + world.ahead_seconds)
