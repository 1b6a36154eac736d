"""What the demonstration hands in, and the doors that it goes through."""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from heliodesk.api import Api
from heliodesk.client import AlertPublisher, AlertReported, AlertStatus, Unavailable
from heliodesk.errors import CliError, Exit

SMTP_SECONDS_MAX: Final = 15.0
MAIL_ADDRESS: Final = "help@helio.example"
FORM_TEXTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "zh": (
        "打印机总是卡纸",
        "三楼的打印机每打印几页就卡纸，已经重启过。麻烦看一下，谢谢。",
        "zh",
    ),
    "en": (
        "The meeting-room screen stays dark",
        "Since this morning the screen in the large meeting room does not come on.",
        "en",
    ),
}
"""Subject, text and language of the form, by the language of the desk that will read it."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place whose desk is open now, and the language that is spoken there."""

    name: str
    desk: str
    language: str


def webhook(*, tag: str, status: AlertStatus, starts_at: datetime, now: datetime) -> dict[str, Any]:
    """Return the body that an Alertmanager would post, version 4, as its documentation shows it."""
    resolved = status is AlertStatus.RESOLVED
    labels = {
        "alertname": "UplinkDown",
        "severity": "critical",
        "service": "network",
        "instance": f"edge-router-{tag}",
    }
    annotations = {
        "summary": f"The uplink of edge-router-{tag} is down",
        "description": "No packets for 2 minutes; the backup line carries the traffic.",
    }
    alert = {
        "status": status.value,
        "labels": labels,
        "annotations": annotations,
        "startsAt": starts_at.isoformat(),
        "endsAt": now.isoformat() if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": f"{tag:0>16}",
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="UplinkDown",instance="edge-router-{tag}"}}',
        "truncatedAlerts": 0,
        "status": status.value,
        "receiver": "heliodesk",
        "groupLabels": {"alertname": "UplinkDown"},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "http://alertmanager.example",
        "alerts": [alert],
    }


def post_webhook(intake: Api, body: Mapping[str, Any]) -> dict[str, Any]:
    """Hand in a webhook; return what intake answered."""
    answer: dict[str, Any] = intake.call("POST", "/v1/alerts/alertmanager", body)
    return answer


def post_form(intake: Api, *, tag: str, site: Site) -> dict[str, Any]:
    """Hand in a web form, as a browser would send it."""
    subject, text, language = FORM_TEXTS["zh" if site.language == "zh" else "en"]
    fields = {
        "mail": f"mei.lin+{tag}@helio.example",
        "name": "林梅" if language == "zh" else "Mei Lin",
        "subject": f"{subject} ({tag})",
        "text": text,
        "site": site.name,
        "language": language,
        "idempotency_key": f"demo-{tag}",
    }
    response = intake.send("POST", "/v1/forms/requests", data=fields)
    answer: dict[str, Any] = response.json()
    return answer


def mail(*, tag: str, now: datetime) -> EmailMessage:
    """Return the mail of a person who cannot work."""
    message = EmailMessage()
    message["From"] = f"Tom Okafor <tom.okafor+{tag}@helio.example>"
    message["To"] = MAIL_ADDRESS
    message["Subject"] = f"Cannot reach the VPN from home ({tag})"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<demo-{tag}@helio.example>"
    message.set_content(
        "Hello,\n\nsince the update last night the VPN client says “no route”. "
        "I have a customer call at noon.\n\nTom\n"
    )
    return message


def send_mail(message: EmailMessage, *, host: str, port: int) -> None:
    """Hand a mail to intake over SMTP.

    Raises:
        CliError: it does not answer, or does not take it.
    """
    try:
        with smtplib.SMTP(host, port, timeout=SMTP_SECONDS_MAX) as smtp:
            smtp.send_message(message)
    except smtplib.SMTPException as error:
        raise CliError(f"intake did not take the mail: {error}") from error
    except OSError as error:
        text = f"intake does not take mail at {host}:{port}: {error}"
        raise CliError(text, code=Exit.UNREACHABLE) from error


def alert(*, tag: str, now: datetime) -> AlertReported:
    """Return what a home-made monitor reports as a CloudEvent."""
    return AlertReported(
        key=f"orders-{tag}",
        status=AlertStatus.FIRING,
        summary=f"Orders are not booked: queue orders-{tag} grows",
        description="4,200 orders wait; the oldest for 11 minutes.",
        starts_at=now,
        severity="major",
        service="business-applications",
        labels={"queue": f"orders-{tag}"},
    )


async def publish_alert(servers: list[str], reported: AlertReported) -> None:
    """Publish an alert on Kafka, as an integrator does.

    Raises:
        CliError: the broker does not take it.
    """
    try:
        async with AlertPublisher(
            servers, source="/demo/order-monitor", integration="cloudevents-demo"
        ) as publisher:
            await publisher.publish(reported)
    except Unavailable as error:
        raise CliError(str(error), code=Exit.UNREACHABLE) from error
