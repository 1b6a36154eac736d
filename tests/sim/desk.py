"""The whole desk: the real services in one process, from one seed, on a store and a broker that
fail. Intake, routing, sla, notify and knowledge, each twice; control is left out: configuration
versions become known to one process after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from shared.contracts.topics import ALERTS, CLOCKS, REQUESTS, TICKETS
from shared.streams import Outgoing
from tests.sim.desk_checks import check_desk, unfinished
from tests.sim.desk_clients import Clients
from tests.sim.desk_monitors import Monitors
from tests.sim.desk_services import services
from tests.sim.desk_stage import SERVICES, TENANT, Stage, versions
from tests.sim.desk_told import Told
from tests.sim.process import Service
from tests.sim.world import World

REQUESTS_EACH_RUN = 24


class Desk:
    """The scenario."""

    def __init__(self, *, requests: int = REQUESTS_EACH_RUN, defect_rate: float = 0.08) -> None:
        self.stage = Stage()
        self._requests = requests
        self._defect_rate = defect_rate
        self._background: list[asyncio.Task[None]] = []

    def services(self, world: World) -> Sequence[Service]:
        """Return the services."""
        return services(self.stage)

    def clients(self, world: World) -> Sequence[Coroutine[Any, Any, None]]:
        """Return those who ask; agents, the sun, a heartbeat and the roll-out go on beside them."""
        clients = Clients(world, self.stage, requests=self._requests)
        monitors = Monitors(world, self.stage, clients)
        for work in (clients.agents(), clients.sun(), monitors.returning(), self._roll_out(world)):
            task = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(lambda done: _tell(world, done))
            self._background.append(task)
        return [*clients.all(), *monitors.all()]

    async def _roll_out(self, world: World) -> None:
        """Apply the second version: each living process learns of it at another time."""
        await asyncio.sleep(world.random.uniform(5, 30))
        self.stage.version = 2
        living = [p for name in SERVICES for p in world.living(name)]
        world.random.shuffle(living)
        for process in living:
            await asyncio.sleep(world.random.uniform(0.0, 1.0))
            process.configured.install(TENANT, versions()[1], version=2)  # type: ignore[attr-defined]

    def chaos(self, world: World) -> None:
        """Write garbage into a topic, or bring a defect, or repair it."""
        if world.random.random() < 0.1:
            topic = world.random.choice([REQUESTS, TICKETS, CLOCKS, ALERTS]).name
            self.stage.garbage[topic] = self.stage.garbage.get(topic, 0) + 1
            noise = Outgoing(topic=topic, key=b"s1", value=b"\xff", headers=(("ce_id", b"\xff"),))
            world.append(noise, by="?")
        if world.random.random() < self._defect_rate:
            self.stage.defects ^= {world.random.choice(SERVICES)}
            world.note("", f"defects {sorted(self.stage.defects)}")

    def repair(self, world: World) -> None:
        """Deploy the repaired services."""
        self.stage.defects.clear()

    def waits_for(self, world: World) -> str:
        """Return what is still to be done, parked tickets aside."""
        return next(unfinished(world, self.stage), "")

    def check(self, world: World, *, repaired: bool) -> list[str]:
        """Return what is wrong."""
        return list(check_desk(Told(world, self.stage, repaired=repaired)))


def _tell(world: World, done: asyncio.Task[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        world.fail(error)
