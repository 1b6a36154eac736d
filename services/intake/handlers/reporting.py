"""Alerts from the public topic: every record becomes a receipt or a dead letter, none is lost."""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.doors import DOORS, Fault, Fault4xx, Raw, Refused
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.applying import Applying
from services.intake.handlers.callers import Caller, default_setup, setup_of
from services.intake.ports import Incoming, IntakeStore
from shared.clock import Clock
from shared.configuration import Configurations
from shared.consumer import Observer
from shared.contracts.topics import Topic
from shared.kernel import HeliodeskError, Infrastructure
from shared.streams import ParkedRecord, ParkingStore, Record

JSON = "application/json"
"""What is written without saying what it is."""


class Unmatched(HeliodeskError):
    """No integration of the door is meant, or more than one could be."""


class Reporting:
    """Processes the records of a topic that outsiders write to, through a door."""

    def __init__(
        self,
        *,
        topic: Topic,
        door: str,
        accepting: Accepting,
        applying: Applying,
        store: IntakeStore,
        parking: ParkingStore,
        configurations: Configurations,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._topic = topic
        self._door = DOORS[door]
        self._accepting = accepting
        self._applying = applying
        self._store = store
        self._parking = parking
        self._configurations = configurations
        self._clock = clock
        self._observer = observer

    async def process(self, records: Sequence[Record]) -> None:
        """Take in a batch of records.

        Raises:
            Infrastructure: nothing may be acknowledged; try the same batch again.
        """
        if not self._configurations.tenants:
            raise Infrastructure("no configuration is applied yet")
        incoming: list[Incoming] = []
        dead: list[ParkedRecord] = []
        for record in records:
            try:
                incoming += await self._incoming(record)
            except Infrastructure:
                raise
            except (Refused, Unmatched) as error:
                dead.append(self._letter(record, str(error)))
            except Exception as error:  # noqa: BLE001 - outsiders write here: none stops the others
                dead.append(self._letter(record, f"{type(error).__name__}: {error}"[:2000]))
        if dead:
            await self._parking.put(dead)
            for letter in dead:
                self._observer.parked(self._topic.name, letter)
        if incoming:
            await self._applying.apply(await self._store.keep(incoming))

    async def _incoming(self, record: Record) -> list[Incoming]:
        door = self._door
        headers = {
            name.lower(): (value or b"").decode("utf-8", "replace")
            for name, value in record.headers
        }
        headers.setdefault("content-type", JSON)
        raw = Raw(body=record.value or b"", headers=headers, received_at=self._clock.now())
        callers = self._callers(None, None)
        reads = door.parse(raw, callers[0].setup if len(callers) == 1 else default_setup(door))
        if len(reads) > 1:
            raise Refused(Fault4xx.INVALID, [Fault("", "one event a record is taken here")])
        return [
            await self._accepting.incoming(
                door, read, self._caller(read.label, read.tenant), original=raw
            )
            for read in reads
        ]

    def _callers(self, label: str | None, tenant: str | None) -> list[Caller]:
        """Return the integrations of the door that an event may mean."""
        return [
            Caller(
                tenant=t,
                name=integration.name,
                integration=integration,
                setup=setup_of(integration, self._door),
            )
            for t in self._configurations.tenants
            if tenant in {None, t}
            for integration in self._configurations.current(t).integrations.integrations
            if integration.door == self._door.name
            and integration.enabled
            and label in {None, integration.name}
        ]

    def _caller(self, label: str | None, tenant: str | None) -> Caller:
        """Return the integration that an event names, or the only one that there is."""
        found = self._callers(label, tenant)
        if len(found) == 1:
            return found[0]
        if label is None:
            raise Unmatched(
                f"integration: the event names none, and there are {len(found)} of this door"
            )
        raise Unmatched(f"integration: {len(found)} of this door are called {label[:80]!r}")

    def _letter(self, record: Record, error: str) -> ParkedRecord:
        return ParkedRecord(
            record=record, stream=None, aggregate="intake", error=error, at=self._clock.now()
        )
