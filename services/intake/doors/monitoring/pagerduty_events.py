"""Bodies of PagerDuty's Events APIs: version 2, its change events, and version 1.

PagerDuty checks what is the matter in a trigger alone: with a resolve or an acknowledge it is
ignored, and many senders leave it empty there, or fill it as a template has it.
Sources: PagerDuty developer documentation, "Send an Alert Event", "Send a Change Event" and
"Events API v1"; the OpenAPI documents of both versions in PagerDuty/api-schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.doors.monitoring.instants import instant_of
from services.intake.doors.monitoring.texts import AS_LINE, Loose, shown
from services.intake.doors.shape import Fault, Fault4xx, Raw, Refused, read_json

ENQUEUE = "/v2/enqueue"
CHANGE = "/v2/change/enqueue"
CREATE_EVENT = "/generic/2010-04-15/create_event.json"
"""The path of version 1."""

DEDUP_KEY_MAX = 255
SUMMARY_MAX = 1_024
LISTED_MAX = 100


class PagerDutyAction(StrEnum):
    """What is said of the alert."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _none_of_empty(value: Any) -> Any:
    return None if value is None or value == "" else str(value) if type(value) is int else value


def _listed(value: Any) -> Any:
    return () if value is None else value


DedupKey = Annotated[str | None, Field(max_length=DEDUP_KEY_MAX), BeforeValidator(_none_of_empty)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PagerDutyPayload(_Body):
    """What is the matter."""

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_MAX), AS_LINE]
    source: Annotated[str, Field(min_length=1), AS_LINE]
    """Where it is: the name of a host, for one."""
    severity: Annotated[Literal["critical", "error", "warning", "info"], BeforeValidator(_lower)]
    timestamp: str | int | float | None = None
    component: Loose = ""
    group: Loose = ""
    kind: Annotated[Loose, Field(alias="class")] = ""
    custom_details: Any = None


class PagerDutyLink(_Body):
    """A link, or an image with its address and maybe a link."""

    href: Loose = ""
    src: Loose = ""
    text: Loose = ""


Links = Annotated[tuple[PagerDutyLink, ...], Field(max_length=LISTED_MAX), BeforeValidator(_listed)]


class PagerDutyEvent(_Body):
    """The body of an event; acknowledge and resolve need no more than their ``dedup_key``."""

    routing_key: Loose = ""
    """A token of Heliodesk's. It may be in the header ``X-Routing-Key`` instead."""
    event_action: PagerDutyAction
    dedup_key: DedupKey = None
    """Names the alert; where a trigger has none, one is made and returned."""
    payload: PagerDutyPayload | None = None
    client: Loose = ""
    client_url: Loose = ""
    links: Links = ()
    images: Links = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """What a person can open."""
        listed = (*self.links, *self.images)
        return (self.client_url, *(url for link in listed for url in (link.href, link.src)))


class _Ending(_Body):
    """An acknowledge or a resolve: of what is the matter only the time is looked at."""

    event_action: PagerDutyAction
    dedup_key: DedupKey = None
    payload: Any = None
    client: Loose = ""
    client_url: Loose = ""


class PagerDutyEventV1(_Body):
    """The body of an event of version 1."""

    service_key: Loose = ""
    """A token of Heliodesk's."""
    event_type: PagerDutyAction
    incident_key: DedupKey = None
    description: Annotated[str, Field(max_length=SUMMARY_MAX), AS_LINE] = ""
    """Needed by a trigger."""
    details: Any = None
    client: Loose = ""
    client_url: Loose = ""
    contexts: Links = ()


class PagerDutyChange(_Body):
    """The body of a change event: something was deployed, or configured."""

    class Payload(_Body):
        """What was changed."""

        summary: Annotated[str, Field(min_length=1), AS_LINE]

    routing_key: Loose = ""
    payload: Payload


class Told(_Body):
    """An event of either version."""

    action: PagerDutyAction
    key: str | None
    """None: one has to be made."""
    summary: str = ""
    source: str = ""
    severity: str | None = None
    timestamp: str | int | float | None = None
    labels: dict[str, Any] = {}
    client: str = ""
    urls: tuple[str, ...] = ()


class _Action(_Body):
    event_action: PagerDutyAction


def told_of(raw: Raw) -> Told:
    """Read an event of version 2, or of 1 where it came to that path.

    Raises:
        Refused: 400 or 422.
    """
    if raw.route == CREATE_EVENT:
        return _of_v1(read_json(raw, PagerDutyEventV1))
    if read_json(raw, _Action).event_action is PagerDutyAction.TRIGGER:
        return _triggered(read_json(raw, PagerDutyEvent))
    event = read_json(raw, _Ending)
    _require_key(event.dedup_key, "dedup_key", event.event_action)
    said = event.payload.get("timestamp") if isinstance(event.payload, Mapping) else None
    return Told(
        action=event.event_action,
        key=event.dedup_key,
        timestamp=said if instant_of(said) else None,
        client=event.client,
        urls=(event.client_url,),
    )


def _triggered(event: PagerDutyEvent) -> Told:
    payload = event.payload
    if payload is None:
        raise Refused(Fault4xx.INVALID, [Fault("payload", "is missing; a trigger needs it")])
    about = {
        "source": payload.source,
        "component": payload.component,
        "group": payload.group,
        "class": payload.kind,
    }
    return Told(
        action=event.event_action,
        key=event.dedup_key,
        summary=payload.summary,
        source=payload.source,
        severity=payload.severity,
        timestamp=payload.timestamp,
        labels={**_details(payload.custom_details), **about},
        client=event.client,
        urls=event.urls,
    )


def _of_v1(event: PagerDutyEventV1) -> Told:
    if event.event_type is PagerDutyAction.TRIGGER:
        if not event.description:
            reason = "is missing or blank; a trigger needs it"
            raise Refused(Fault4xx.INVALID, [Fault("description", reason)])
    else:
        _require_key(event.incident_key, "incident_key", event.event_type)
    return Told(
        action=event.event_type,
        key=event.incident_key,
        summary=event.description,
        labels=_details(event.details),
        client=event.client,
        urls=(event.client_url, *(u for c in event.contexts for u in (c.href, c.src))),
    )


def _require_key(key: str | None, field: str, action: PagerDutyAction) -> None:
    if not key:
        raise Refused(Fault4xx.INVALID, [Fault(field, f"is missing or blank; {action} needs it")])


def _details(found: Any) -> dict[str, Any]:
    if isinstance(found, Mapping):
        return dict(found)
    return {"details": shown(found)} if found is not None else {}
