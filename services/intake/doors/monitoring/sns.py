"""Door ``sns``: alarms of AWS CloudWatch, by Amazon SNS over HTTPS.

SNS signs with a certificate that is fetched from its own hosts, and a subscription is confirmed
by a call back. Both are I/O, which a door does not do: `certificate_url` and `subscription_url`
say what to fetch, and the certificate is handed in as the secret ``certificate``. Neither says an
address for a topic that the integration does not name, or for a host that is not SNS'.
Sources: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages" and
"Parsing message formats"; what an alarm says is read by `cloudwatch`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.normal import NormalForm
from services.intake.doors.monitoring.cloudwatch import SIGNALS, alarm_of
from services.intake.doors.monitoring.groups import delivery, fingerprint, group_key, one_alert
from services.intake.doors.monitoring.instants import instant_of
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON
from services.intake.doors.shape import (
    Answer,
    Door,
    Fault,
    Fault4xx,
    Fetch,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Signature,
    Taken,
    Unauthenticated,
    read_json,
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel

TEXT = "text/plain"
"""SNS calls its JSON so."""

AGE_SECONDS_MAX = 3_900
"""SNS tries a delivery again for at most an hour; the signed time is that of the first try."""

AHEAD_SECONDS_MAX = 300
CERTIFICATE = "certificate"

_TOPIC = r"^arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]{4,30}:\d{12}:[A-Za-z0-9_.-]{1,256}$"
_HOST = re.compile(r"^sns\.[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}\.amazonaws\.com(\.cn)?$")
_CERTIFICATE_PATH = re.compile(r"^/SimpleNotificationService-[0-9a-zA-Z]{1,64}\.pem$")

RAW_DELIVERY = "x-amz-sns-rawdelivery"
NOTIFICATION = "Notification"
CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


class Message(BaseModel):
    """What SNS posts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Annotated[
        Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"],
        Field(alias="Type"),
    ]
    id: Annotated[str, Field(alias="MessageId", min_length=1, max_length=200)]
    topic: Annotated[str, Field(alias="TopicArn")]
    subject: Annotated[str | None, Field(alias="Subject")] = None
    message: Annotated[str, Field(alias="Message")]
    timestamp: Annotated[str, Field(alias="Timestamp", max_length=60)]
    """As it is signed."""
    version: Annotated[str, Field(alias="SignatureVersion")] = ""
    signature: Annotated[str, Field(alias="Signature")] = ""
    certificate_url: Annotated[str, Field(alias="SigningCertURL")] = ""
    token: Annotated[str | None, Field(alias="Token")] = None
    subscribe_url: Annotated[str | None, Field(alias="SubscribeURL")] = None


class Settings(MonitorSettings):
    """Settings of an integration of this door."""

    topics: Annotated[
        tuple[Annotated[str, Field(pattern=_TOPIC)], ...], Field(min_length=1, max_length=100)
    ]
    """ARNs of the topics whose messages are taken, and whose subscriptions are confirmed."""


def certificate_url(raw: Raw, setup: Setup) -> str | None:
    """Return where the certificate of a message is fetched; None where nothing may be fetched.

    Only for a topic of the integration's, and only from SNS' own hosts.
    """
    message = _message(raw)
    if message is None or message.topic not in _topics(setup):
        return None
    url = message.certificate_url
    return url if _is_of_sns(url) and _CERTIFICATE_PATH.match(urlsplit(url).path) else None


def public(raw: Raw, setup: Setup, documents: Mapping[str, bytes]) -> Fetch | Mapping[str, str]:
    """Return the certificate to fetch, unless the integration has one of its own."""
    url = None if CERTIFICATE in setup.secrets else certificate_url(raw, setup)
    if url is None:
        return {}
    if url not in documents:
        return Fetch(url)
    return {CERTIFICATE: documents[url].decode("ascii", "replace")}


def subscription_url(raw: Raw, setup: Setup) -> str | None:
    """Return what is to be fetched to confirm a subscription; None where nothing is.

    The message's signature was checked before.
    """
    message = _message(raw)
    if message is None or message.kind != CONFIRMATIONS[0] or message.topic not in _topics(setup):
        return None
    url = message.subscribe_url or ""
    if not _is_of_sns(url):
        return None
    asked = parse_qs(urlsplit(url).query)
    wanted = {
        "Action": ["ConfirmSubscription"],
        "TopicArn": [message.topic],
        "Token": [message.token],
    }
    return url if all(asked.get(name) == value for name, value in wanted.items()) else None


def _message(raw: Raw) -> Message | None:
    try:
        return read_json(raw, Message)
    except Refused:
        return None


def _topics(setup: Setup) -> tuple[str, ...]:
    return setup.settings.topics if isinstance(setup.settings, Settings) else ()


def _is_of_sns(url: str) -> bool:
    """Return whether an address is of SNS' own hosts, by HTTPS on its usual port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        url.isprintable()
        and parts.scheme == "https"
        and port in {None, 443}
        and "@" not in parts.netloc
        and "\\" not in url
        and _HOST.match(parts.hostname or "") is not None
    )


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check the signature of a message.

    Raises:
        Unauthenticated: the topic is none of the integration's; the message is too old; the
            certificate is missing or not valid now; the signature is wrong.
    """
    message = _message(raw)
    if message is None:
        raw_delivery = RAW_DELIVERY in raw.headers
        how = ": raw message delivery is on, which does not sign" if raw_delivery else ""
        raise Unauthenticated(f"this is no message of SNS'{how}")
    if message.topic not in _topics(setup):
        raise Unauthenticated("the topic is none of the integration's")
    if certificate_url(raw, setup) is None:
        raise Unauthenticated("SigningCertURL is no address of SNS'")
    sent_at = instant_of(message.timestamp)
    if sent_at is None or not (
        -AHEAD_SECONDS_MAX <= (now - sent_at).total_seconds() <= AGE_SECONDS_MAX
    ):
        raise Unauthenticated("Timestamp is no time, too old, or ahead")
    _require_signed(message, setup.secret(CERTIFICATE), now)


def _require_signed(message: Message, pem: str, now: datetime) -> None:
    algorithm: hashes.HashAlgorithm
    match message.version:
        case "1":
            algorithm = hashes.SHA1()  # noqa: S303 - what SNS uses where the topic says no other
        case "2":
            algorithm = hashes.SHA256()
        case _:
            raise Unauthenticated("SignatureVersion is neither 1 nor 2")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        signature = base64.b64decode(message.signature, validate=True)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unauthenticated("the certificate or the signature cannot be read") from error
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Unauthenticated("the certificate is not valid now")
    if not isinstance(key, RSAPublicKey):
        raise Unauthenticated("the certificate's key is none of RSA")
    try:
        key.verify(signature, signed_text(message), PKCS1v15(), algorithm)
    except InvalidSignature as error:
        raise Unauthenticated("the signature is wrong") from error


def signed_text(message: Message) -> bytes:
    """Return what SNS signs: names and values of some fields in their order, a line each."""
    fields = {
        "Message": message.message,
        "MessageId": message.id,
        "Timestamp": message.timestamp,
        "TopicArn": message.topic,
        "Type": message.kind,
    }
    if message.kind == NOTIFICATION:
        if message.subject is not None:
            fields["Subject"] = message.subject
    else:
        fields["SubscribeURL"] = message.subscribe_url or ""
        fields["Token"] = message.token or ""
    return "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields)).encode()


def greet(raw: Raw, _setup: Setup) -> Answer | None:
    """Answer what is said of a subscription; the caller then fetches `subscription_url`."""
    message = _message(raw)
    return Answer() if message is not None and message.kind in CONFIRMATIONS else None


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a notification of an alarm. SNS' own id of the message tells a repetition.

    Raises:
        Refused: 415, 400 or 422; with the field ``Message.…`` where the alarm is at fault.
    """
    require_media_type(raw, (TEXT, JSON))
    if raw.headers.get(RAW_DELIVERY, "").lower() == "true":
        reason = "switch raw message delivery off: what comes raw is not signed"
        raise Refused(Fault4xx.INVALID, [Fault(RAW_DELIVERY, reason)])
    message = read_json(raw, Message)
    if message.kind != NOTIFICATION:
        return []
    alarm = alarm_of(message.message)
    parts = (alarm.arn,) if alarm.arn else (alarm.account, alarm.region, alarm.name)
    form = one_alert(
        key=group_key(*parts),
        identity=fingerprint("alarm", *parts),
        status=SIGNALS[alarm.state],
        starts_at=alarm.changed_at,
        settings=settings_of(setup, MonitorSettings),
        summary=(alarm.name, alarm.description or alarm.state),
        lines=alarm.lines,
        name=alarm.name,
        severity="insufficient-data" if alarm.state == "INSUFFICIENT_DATA" else None,
        labels=alarm.labels,
        configuration_item=alarm.item,
        urls=(alarm.url,),
    )
    return [delivery(form, key=f"{message.topic} {message.id}", raw=raw)]


def answer(_raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 200: SNS looks at nothing else."""
    return Answer()


DOOR = Door(
    name="sns",
    title="AWS CloudWatch alarms by Amazon SNS",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Signature(verify=verify, secrets=(), public=public),
    settings=Settings,
    secrets=(CERTIFICATE,),
    entrances=(HttpEntrance(path=signed_path("sns"), media_types=(TEXT, JSON)),),
    greet=greet,
    answer=answer,
    follow=subscription_url,
    answers_at_once=True,
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
)
