"""Metrics of a service. Every name is here, with one line that says what it means."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.contracts.envelope import Event
from shared.log import Log
from shared.streams import ParkedRecord


class Metrics:
    """Counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "heliodesk_records",
            "Records processed and acknowledged",
            ["topic"],
            registry=self.registry,
        )
        self.skipped = Counter(
            "heliodesk_records_skipped",
            "Records of a type that this service does not consume",
            ["topic"],
            registry=self.registry,
        )
        self.parked = Counter(
            "heliodesk_records_parked",
            "Records that could not be read or applied",
            ["topic"],
            registry=self.registry,
        )
        self.backoffs = Counter(
            "heliodesk_backoffs", "Batches that had to wait", ["topic"], registry=self.registry
        )
        self.batch_seconds = Histogram(
            "heliodesk_batch_seconds", "Time to process a batch", ["topic"], registry=self.registry
        )
        self.sent = Counter(
            "heliodesk_events_sent", "Events acknowledged by the broker", registry=self.registry
        )
        self.send_failures = Counter(
            "heliodesk_send_failures", "Sends that stay in the outbox", registry=self.registry
        )
        self.lag = Gauge(
            "heliodesk_lag", "Records that wait in the topic", ["topic"], registry=self.registry
        )
        self.unrouted = Gauge(
            "heliodesk_unrouted_tickets",
            "Open tickets that no topology took, so that the fallback desk has them",
            ["tenant"],
            registry=self.registry,
        )
        self.door_calls = Counter(
            "heliodesk_door_calls",
            "Calls of a door: read, ignored, greeted, refused or unauthenticated",
            ["door", "outcome"],
            registry=self.registry,
        )
        self.requests = Counter(
            "heliodesk_http_requests",
            "HTTP requests answered",
            ["route", "status"],
            registry=self.registry,
        )


class Telemetry:
    """Observer of bus, consumers and relay: counts, and writes the canonical log lines."""

    def __init__(self, *, metrics: Metrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log

    def batch(self, topic: str, *, records: int, seconds: float) -> None:
        """Count a processed batch."""
        self._metrics.records.labels(topic).inc(records)
        self._metrics.batch_seconds.labels(topic).observe(seconds)

    def backoff(self, topic: str, error: BaseException, *, seconds: float) -> None:
        """Count and log a batch that waits."""
        self._metrics.backoffs.labels(topic).inc()
        self._log.warning(
            "batch_backoff", topic=topic, error=repr(error)[:500], seconds=round(seconds, 2)
        )

    def handled(self, topic: str, event: Event[Any]) -> None:
        """Write the canonical line of an event that was handled."""
        self._log.info(
            "event_handled",
            topic=topic,
            type=event.type,
            stream=event.subject,
            sequence=event.sequence,
            id=event.id,
            causation=event.causationid,
            correlation=event.correlationid,
            tenant=event.tenant,
        )

    def skipped(self, topic: str, reason: str) -> None:
        """Count a record of no concern."""
        self._metrics.skipped.labels(topic).inc()

    def parked(self, topic: str, row: ParkedRecord) -> None:
        """Count and log a record that could not be applied."""
        self._metrics.parked.labels(topic).inc()
        self._log.error(
            "record_parked", topic=topic, row=row.id, stream=row.stream, error=row.error
        )

    def unrouted(self, tenant: str, tickets: int) -> None:
        """Show how many open tickets no topology took."""
        self._metrics.unrouted.labels(tenant).set(tickets)

    def came(self, door: str, outcome: str) -> None:
        """Count a call of a door, by what became of it."""
        self._metrics.door_calls.labels(door, outcome).inc()

    def sent(self, count: int) -> None:
        """Count acknowledged events."""
        self._metrics.sent.inc(count)

    def failed(self, stream: str, error: BaseException) -> None:
        """Count and log a send that failed."""
        self._metrics.send_failures.inc()
        self._log.warning("send_failed", stream=stream, error=repr(error)[:500])
