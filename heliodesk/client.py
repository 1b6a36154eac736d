"""The client that integrators import: requests and alerts over HTTP, alerts over Kafka.

    async with Heliodesk("http://127.0.0.1:18101", token) as desk:
        accepted = await desk.submit_request(
            subject="My screen stays dark", mail="ada@example.org", key="order-4711"
        )

It knows the contracts and nothing else of Heliodesk.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pydantic import BaseModel, ConfigDict

from shared.contracts.alerts import AlertReported
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.intake import AlertStatus
from shared.contracts.topics import ALERTS

SECONDS_MAX: Final = 10.0
ATTEMPTS_MAX: Final = 4
WAIT_SECONDS_MIN: Final = 0.5
WAIT_SECONDS_MAX: Final = 30.0
_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})


class Refused(Exception):
    """Heliodesk does not take it, and would not the next time either.

    ``status`` is the HTTP status, ``code`` the problem's stable word, ``errors`` name each field
    that is at fault with the reason.
    """

    def __init__(
        self, status: int, code: str, detail: str, errors: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(f"{detail} ({status})")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class Unavailable(Exception):
    """Heliodesk or its broker does not answer: whether it took it is not known. Ask again."""


class Accepted(BaseModel):
    """A submission that is durable. ``ticket`` and ``number`` are None while none is made yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    receipt: str
    ticket: str | None = None
    number: str | None = None
    link: str | None = None
    """Where its state can be read, relative to the base URL."""


class Heliodesk:
    """Hands in requests and alerts over HTTP, with an integration's or an agent's token.

    Use it as an async context manager. What has a key is tried again while Heliodesk does not
    answer: the key makes a repetition harmless. Without one a lost answer is `Unavailable`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        seconds_max: float = SECONDS_MAX,
        attempts_max: int = ATTEMPTS_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet.

        Args:
            base_url: of intake, such as ``http://127.0.0.1:18101``.
            token: ``hd_…``, as control issued it.
            seconds_max: for one attempt.
            attempts_max: for one submission with a key.
            transport: another one than the network, for tests.
        """
        self._attempts_max = attempts_max
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=seconds_max,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def submit_request(
        self,
        *,
        subject: str,
        mail: str | None = None,
        contact: Mapping[str, str] | None = None,
        text: str = "",
        key: str | None = None,
        **facts: str,
    ) -> Accepted:
        """Hand in one request; when this returns, it is durable and has a number.

        Args:
            subject: one line.
            mail: who asks, by mail address; or
            contact: ``mail``, ``id`` (an employee number) and ``name``.
            text: what it is about, in as many lines as it takes.
            key: the caller's own name of this request: the same key is the same request.
            facts: ``kind``, ``service``, ``category``, ``region``, ``site``, ``business``,
                ``language``, ``impact``, ``urgency``, ``channel``, where the caller knows them.

        Raises:
            Refused: it does not fit; ``errors`` name the fields.
            Unavailable: no answer; with a key, after several attempts.
        """
        who = dict(contact or {}) | ({"mail": mail} if mail else {})
        body = {"subject": subject, "text": text, "contact": who, **facts}
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._post("/v1/requests", body, headers=headers, repeatable=bool(key))
        return Accepted.model_validate(answer)

    async def send_alert(self, alert: AlertReported) -> Accepted:
        """Hand in one alert as an Alertmanager would; the same alert twice is one incident.

        Raises:
            Refused, Unavailable: as `submit_request`.
        """
        body = alertmanager_body(alert)
        answer = await self._post("/v1/alerts/alertmanager", body, headers={}, repeatable=True)
        return Accepted.model_validate(answer)

    async def _post(
        self, path: str, body: Any, *, headers: Mapping[str, str], repeatable: bool
    ) -> Any:
        attempts = self._attempts_max if repeatable else 1
        wait = WAIT_SECONDS_MIN
        for attempt in range(1, attempts + 1):
            try:
                response = await self._client.post(path, json=body, headers=dict(headers))
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {error}"
                pause = wait
            else:
                if response.is_success:
                    return response.json()
                if response.status_code not in _TRY_AGAIN:
                    raise _refused(response)
                reason = str(_refused(response))
                pause = _retry_after(response) or wait
            if attempt < attempts:
                await asyncio.sleep(min(pause, WAIT_SECONDS_MAX))
                wait *= 2
        raise Unavailable(reason)


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _refused(response: httpx.Response) -> Refused:
    try:
        found = response.json()
    except ValueError:
        found = None
    problem: dict[str, Any] = found if isinstance(found, dict) else {}
    return Refused(
        response.status_code,
        str(problem.get("type", "")).rpartition(":")[2],
        str(problem.get("detail") or response.reason_phrase),
        problem.get("errors", ()),
    )


def alertmanager_body(alert: AlertReported) -> dict[str, Any]:
    """Return an alert as the body of an Alertmanager webhook, version 4."""
    labels = {"alertname": alert.key, "severity": alert.severity, **alert.labels}
    labels |= {n: v for n in ("service", "region") if (v := getattr(alert, n)) is not None}
    annotations = {"summary": alert.summary, "description": alert.description}
    status = alert.status.value
    return {
        "version": "4",
        "groupKey": alert.key,
        "status": status,
        "receiver": "heliodesk-client",
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": alert.starts_at.isoformat(),
                "fingerprint": hashlib.sha256(alert.key.encode()).hexdigest()[:32],
            }
        ],
    }


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A CloudEvent in Kafka's binary content mode: the record's key, headers and value."""

    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


def cloud_event(
    alert: AlertReported, *, source: str, integration: str, tenant: str = "main"
) -> CloudEvent:
    """Return an alert as it is written to ``heliodesk.alerts``.

    The id is derived from what happened (key, status, start), so that an occurrence that is
    published twice is taken once. ``source`` names the monitor, as a URI reference.

    Source: "Kafka Protocol Binding for CloudEvents" 1.0.2.
    """
    occurrence = json.dumps([alert.key, alert.status.value, alert.starts_at.isoformat()])
    attributes = {
        "specversion": "1.0",
        "id": hashlib.sha256(occurrence.encode()).hexdigest(),
        "source": source,
        "type": AlertReported.type,
        "subject": alert.key,
        "time": alert.starts_at.isoformat(),
        "partitionkey": alert.key,
        "tenant": tenant,
        "integration": integration,
    }
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    return CloudEvent(
        key=alert.key.encode(),
        headers=(*headers, ("content-type", CONTENT_TYPE)),
        value=alert.model_dump_json(exclude_none=True).encode(),
    )


class AlertPublisher:
    """Publishes alerts as CloudEvents on the public topic. Use it as an async context manager.

    ``integration`` is the name of an integration of the door ``cloudevents``.
    """

    def __init__(
        self,
        servers: Sequence[str],
        *,
        source: str,
        integration: str,
        tenant: str = "main",
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        self._servers = list(servers)
        self._source = source
        self._integration = integration
        self._tenant = tenant
        self._seconds_max = seconds_max
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(self._seconds_max * 1000),
        )
        try:
            async with asyncio.timeout(self._seconds_max):
                await producer.start()
        except (KafkaError, TimeoutError, OSError) as error:
            await self._stop(producer)
            message = f"the broker at {', '.join(self._servers)} does not answer"
            raise Unavailable(message) from error
        self._producer = producer
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._stop(producer)

    async def publish(self, alert: AlertReported) -> None:
        """Publish an alert; when this returns, the broker has it.

        Raises:
            Unavailable: the broker did not say so in time. Publish it again.
        """
        if self._producer is None:
            message = "use the publisher as an async context manager"
            raise RuntimeError(message)
        event = cloud_event(
            alert, source=self._source, integration=self._integration, tenant=self._tenant
        )
        try:
            # A dead broker would let an idempotent send wait for ever.
            async with asyncio.timeout(self._seconds_max):
                await self._producer.send_and_wait(
                    ALERTS.name, event.value, key=event.key, headers=list(event.headers)
                )
        except (KafkaError, TimeoutError) as error:
            message = f"the broker did not take the alert: {type(error).__name__}"
            raise Unavailable(message) from error

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(self._seconds_max):
                await producer.stop()
        except (KafkaError, TimeoutError, OSError):
            return


__all__ = [
    "Accepted",
    "AlertPublisher",
    "AlertReported",
    "AlertStatus",
    "CloudEvent",
    "Heliodesk",
    "Refused",
    "Unavailable",
    "alertmanager_body",
    "cloud_event",
]
