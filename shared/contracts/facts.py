"""Words that several producers' events share: kinds, channels, priorities, a ticket's facts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from shared.kernel import instant
from shared.tags import TAGS_MAX

Instant = Annotated[AwareDatetime, AfterValidator(instant)]
"""A UTC instant in milliseconds."""

Id = Annotated[str, Field(min_length=1, max_length=64)]
Code = Annotated[str, Field(max_length=80)]
"""A short word from the configuration, such as a desk's or a service's name."""


class Word(StrEnum):
    """Base of the enumerations of events: a word from a newer release reads as ``unknown``."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls.__members__.get("UNKNOWN")


class Kind(Word):
    """What a request is, in the terms of ITIL."""

    INCIDENT = "incident"
    SERVICE_REQUEST = "service-request"
    CHANGE = "change"
    INQUIRY = "inquiry"
    REQUIREMENT = "new-requirement"
    COMPLAINT = "complaint"
    COMPLIMENT = "compliment"
    UNKNOWN = "unknown"


class Channel(Word):
    """How a request came in."""

    EMAIL = "email"
    WEB = "web"
    CHAT = "chat"
    PHONE = "phone"
    WALK_UP = "walk-up"
    API = "api"
    MONITORING = "monitoring"
    UNKNOWN = "unknown"


class Level(Word):
    """A level of impact or urgency."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


class Priority(Word):
    """P1 is the most pressing."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"
    UNKNOWN = "unknown"


class TicketFacts(BaseModel):
    """What a ticket is, as far as its consumers decide on it; owned by intake.

    Every event of the topics requests and tickets carries it, so that any of them may be the
    first that a consumer sees of a ticket. No personal data: the contact is an id.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: Code
    kind: Kind
    channel: Channel
    priority: Priority
    impact: Level
    urgency: Level
    contact: Id
    accepted_at: Instant
    """When the request's receipt was durable: SLA clocks start here."""
    service: Code | None = None
    category: Code | None = None
    region: Code | None = None
    site: Code | None = None
    language: Code = "en"
    vip: bool = False
    integration: Code | None = None
    configuration_item: Code | None = None
    contact_level: Code | None = None
    """How the organisation ranks the contact: staff, manager, vip."""
    business: Code | None = None
    """The part of the company, or the customer organisation, that the contact belongs to."""
    choice: Code | None = None
    """What was chosen in a telephone menu: its key."""
    tags: Annotated[tuple[Code, ...], Field(max_length=TAGS_MAX)] = ()
    """In lower case, each once, sorted."""
