"""Door ``webhook``: any JSON webhook, read by a mapping that is data.

The integration's settings say by JMESPath expressions where the body has what the normal form
needs. They are compiled when the configuration is checked. The dry run shows what they find.
Source: the JMESPath specification, https://jmespath.org/specification.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn, Self, get_args

from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json

from services.intake.domain.normal import (
    ADDRESS_MAX,
    NAME_MAX,
    AlertGroup,
    AlertSignal,
    NormalForm,
    Party,
    Request,
)
from services.intake.domain.text import shortened
from services.intake.doors.monitoring.groups import (
    delivery,
    fingerprint,
    group_key,
    occurrence_key,
    one_alert,
)
from services.intake.doors.monitoring.instants import instant_of
from services.intake.doors.monitoring.settings import (
    MonitorSettings,
    bearer_or_query,
    settings_of,
)
from services.intake.doors.monitoring.texts import JSON, code, is_true, shown, subject, text
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Token,
    require_media_type,
)
from shared.calendar.zones import ZoneName, zone
from shared.contracts.facts import Channel, Kind, Level
from shared.jmespaths import JMESPATH_FORMAT, checked_jmespath, compiled_jmespath
from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import KindName, LevelName

EXPRESSION_MAX = 500
ITEMS_MAX = 500
VALUES_MAX = 200


Expression = Annotated[
    str,
    Field(min_length=1, max_length=EXPRESSION_MAX, json_schema_extra={"format": JMESPATH_FORMAT}),
    AfterValidator(checked_jmespath),
]
Word = Annotated[str, Field(min_length=1, max_length=80)]
StatusName = Literal["firing", "acknowledged", "resolved", "ignore"]

_FIRING = (
    "firing fired alerting alert alarm active activated open opened new created problem triggered "
    "trigger down critical error warning warn fail failed failing failure unhealthy degraded "
    "no_data nodata true"
)
_ACKNOWLEDGED = "acknowledged acknowledge acked ack"
_RESOLVED = (
    "resolved resolve closed close recovered recover recovery inactive deactivated normal healthy "
    "passing passed success cleared clear ok up false"
)
STATUSES: Mapping[str, StatusName] = {
    **dict.fromkeys(_FIRING.split(), "firing"),
    **dict.fromkeys(_ACKNOWLEDGED.split(), "acknowledged"),
    **dict.fromkeys(_RESOLVED.split(), "resolved"),
}
"""What the words of most monitors mean, in lower case."""


class Fields(BaseModel):
    """Where the body has what. Each expression is evaluated on the body, or on one of ``each``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Expression | None = None
    """The caller's id of the event: with it a repetition is recognised."""
    subject: Expression | None = None
    text: Expression | None = None
    service: Expression | None = None
    configuration_item: Expression | None = None
    region: Expression | None = None
    impact: Expression | None = None
    key: Expression | None = None
    """Of an alert: names the group, which is one incident."""
    fingerprint: Expression | None = None
    """Of an alert: names it in its group. None: the key."""
    status: Expression | None = None
    """Of an alert. None: every call says that it fires."""
    severity: Expression | None = None
    starts_at: Expression | None = None
    """Of an alert. None: the moment in which it comes in."""
    name: Expression | None = None
    labels: Expression | None = None
    """Of an alert: an object."""
    link: Expression | None = None
    predicted: Expression | None = None
    contact_mail: Expression | None = None
    """Of a request, as the other ones of the contact."""
    contact_id: Expression | None = None
    contact_name: Expression | None = None
    kind: Expression | None = None
    category: Expression | None = None
    site: Expression | None = None
    urgency: Expression | None = None


class Settings(MonitorSettings):
    """Settings of an integration of this door."""

    form: Literal["alert", "request"] = "alert"
    """What a submission is: an alert of a monitor, or a request of somebody."""
    each: Expression | None = None
    """Finds a list, each member of which is a submission. None: the body is one."""
    fields: Fields
    event_header: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,80}$")] | None = None
    """A header, in lower case, that has the caller's id of the delivery."""
    statuses: Annotated[dict[Word, StatusName], Field(max_length=VALUES_MAX)] = {}
    """The caller's words, in lower case; they go before `STATUSES`."""
    status_otherwise: StatusName | None = None
    """What another word means. None: it is refused."""
    severities: Annotated[dict[Word, Word], Field(max_length=VALUES_MAX)] = {}
    """The caller's words, in lower case; another one stays as it is."""
    kinds: Annotated[dict[Word, KindName], Field(max_length=VALUES_MAX)] = {}
    """The caller's words for a kind, in lower case."""
    levels: Annotated[dict[Word, LevelName], Field(max_length=VALUES_MAX)] = {}
    """The caller's words for an impact or an urgency, in lower case."""
    time_zone: ZoneName = "UTC"
    """Of times that name none."""

    @model_validator(mode="after")
    def _has_what_its_form_needs(self) -> Self:
        fields = self.fields
        if self.form == "alert" and fields.key is None:
            message = "fields.key is needed: an alert is known by it"
            raise ValueError(message)
        if self.form == "request" and (
            fields.subject is None or not (fields.contact_mail or fields.contact_id)
        ):
            message = "fields.subject and fields.contact_mail or contact_id are needed"
            raise ValueError(message)
        return self


class _Item:
    """One submission of a body, and what the expressions find in it."""

    def __init__(self, body: Any, fields: Fields, at: str) -> None:
        self._body = body
        self._fields = fields
        self._at = at

    def value(self, name: str) -> Any:
        """Return what a field's expression finds; None where there is none.

        Raises:
            Refused: 422, the expression cannot be evaluated on this body.
        """
        expression = getattr(self._fields, name)
        return None if expression is None else _found(expression, self._body, self._at + name)

    def line(self, name: str) -> str:
        """Return it as a line; empty where nothing is found."""
        return shown(self.value(name))

    def needed(self, name: str) -> str:
        """Return a line that must not be empty.

        Raises:
            Refused: 422, nothing is found.
        """
        return self.line(name) or self.refuse(name, "finds nothing in the body")

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Raise `Refused` for a field: with its expression, by which the body is mended."""
        fault = Fault(self._at + name, f"{getattr(self._fields, name)!r} {reason}")
        raise Refused(Fault4xx.INVALID, [fault])


def _found(expression: str, body: Any, field: str) -> Any:
    try:
        return compiled_jmespath(expression).search(body)
    except (JMESPathError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
        reason = f"{expression!r} does not fit the body: {str(error)[:200]}"
        raise Refused(Fault4xx.INVALID, [Fault(field, reason)]) from error


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a webhook; all of its submissions are taken or none.

    Raises:
        Refused: 415, 400 or 422; the fault has the mapping's field and its expression.
    """
    require_media_type(raw, (JSON,))
    try:
        body = from_json(raw.body)
    except ValueError as error:
        raise Refused(Fault4xx.MALFORMED, [Fault("", shown(str(error)))]) from error
    settings = settings_of(setup, Settings)
    if settings.each is None:
        return _reads(_Item(body, settings.fields, "fields."), raw, settings, "")
    found = _found(settings.each, body, "each")
    if not isinstance(found, list) or len(found) > ITEMS_MAX:
        reason = f"{settings.each!r} finds no list of at most {ITEMS_MAX} members"
        raise Refused(Fault4xx.INVALID, [Fault("each", reason)])
    reads: list[Read[NormalForm]] = []
    for number, member in enumerate(found):
        item = _Item(member, settings.fields, f"{number}.fields.")
        reads += _reads(item, raw, settings, str(number))
    return reads


def _reads(item: _Item, raw: Raw, settings: Settings, number: str) -> Sequence[Read[NormalForm]]:
    event = item.line("event") or raw.headers.get(settings.event_header or "", "")
    key = group_key("event", event, number) if event else None
    if settings.form == "request":
        request = _request(item, settings)
        return [delivery(request, key=key, raw=raw)]
    status = _status(item, settings)
    if status is None:
        return []
    said_at = _starts_at(item, settings)
    group = _alert(item, settings, status=status, at=said_at or raw.received_at)
    if key is None and said_at is not None:
        key = occurrence_key(group.key, status, said_at, item.line("severity"))
    return [delivery(group, key=key, raw=raw)]


def _status(item: _Item, settings: Settings) -> AlertSignal | None:
    """Return the state of an alert; None where the mapping ignores it."""
    if settings.fields.status is None:
        return AlertSignal.FIRING
    word = item.line("status").lower()
    found = settings.statuses.get(word) or STATUSES.get(word) or settings.status_otherwise
    if found is None:
        item.refuse("status", f"finds {word[:40]!r}, which `statuses` does not have")
    return None if found in {None, "ignore"} else AlertSignal(str(found))


def _starts_at(item: _Item, settings: Settings) -> datetime | None:
    value = item.value("starts_at")
    if value is None or value == "":
        return None
    found = instant_of(value, zone=zone(settings.time_zone))
    return found or item.refuse("starts_at", f"finds {shown(value)[:40]!r}, which is no time")


def _level(item: _Item, name: str, settings: Settings) -> Level | None:
    word = item.line(name).lower()
    found = settings.levels.get(word, word)
    return Level(found) if found in {"high", "medium", "low"} else None


def _alert(item: _Item, settings: Settings, *, status: AlertSignal, at: datetime) -> AlertGroup:
    key, name = item.needed("key"), item.line("name")
    severity = item.line("severity").lower()
    labels = item.value("labels")
    group = one_alert(
        key=group_key(key),
        identity=fingerprint(item.line("fingerprint") or key),
        status=status,
        starts_at=at,
        settings=settings,
        summary=(item.line("subject") or name or key,),
        lines=(_text(item) or item.line("subject") or key,),
        name=name,
        severity=settings.severities.get(severity, severity),
        labels=labels if isinstance(labels, Mapping) else None,
        service=item.line("service"),
        region=item.line("region"),
        configuration_item=item.line("configuration_item"),
        urls=(item.line("link"),),
        predicted=is_true(item.line("predicted")),
    )
    return group.model_copy(update={"impact": _level(item, "impact", settings)})


def _text(item: _Item) -> str:
    """Return a text with its lines, where it is one; another value as a line."""
    value = item.value("text")
    return text([value]) if isinstance(value, str) else shown(value)


def _request(item: _Item, settings: Settings) -> Request:
    mail, known_as = item.line("contact_mail"), item.line("contact_id")
    if not mail and not known_as:
        name = "contact_mail" if settings.fields.contact_mail else "contact_id"
        item.refuse(name, "finds nothing in the body")
    if mail and (len(mail) > ADDRESS_MAX or re.match(EMAIL_PATTERN, mail) is None):
        item.refuse("contact_mail", f"finds {mail[:80]!r}, which is no address")
    if len(known_as) > ADDRESS_MAX:
        item.refuse("contact_id", f"finds more than {ADDRESS_MAX} characters")
    kind = item.line("kind").lower()
    named = settings.kinds.get(kind, kind)
    return Request(
        contact=Party(
            mail=mail or None,
            id=known_as or None,
            name=shortened(item.line("contact_name"), characters_max=NAME_MAX),
        ),
        subject=subject(item.needed("subject")),
        text=_text(item),
        kind=Kind(named) if named in get_args(KindName) else None,
        service=code(item.value("service")),
        configuration_item=code(item.value("configuration_item")),
        category=code(item.value("category")),
        region=code(item.value("region")),
        site=code(item.value("site")),
        impact=_level(item, "impact", settings),
        urgency=_level(item, "urgency", settings),
    )


DOOR = Door(
    name="webhook",
    title="Any JSON webhook, read by a mapping in the integration's settings",
    parse=parse,
    channel=Channel.API,
    credentials=Token(find=bearer_or_query),
    settings=Settings,
    entrances=(HttpEntrance(path="/v1/webhook", media_types=(JSON,)),),
    source="https://jmespath.org/specification.html",
)
