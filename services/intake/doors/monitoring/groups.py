"""Groups of alerts and the keys under which they are known: what many doors build alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from services.intake.domain.alerts import fingerprint_of
from services.intake.domain.normal import Alert, AlertGroup, AlertSignal, NormalForm
from services.intake.domain.text import clean_line
from services.intake.doors.monitoring.settings import MonitorSettings
from services.intake.doors.monitoring.texts import (
    code,
    is_true,
    label_line,
    labels_of,
    links,
    subject,
    text,
)
from services.intake.doors.shape import Raw, Read
from shared.kernel import digest, instant, rfc3339

GROUP_KEY_MAX = 2_000
DELIVERY_KEY_MAX = 500

N = TypeVar("N", bound=NormalForm)


def group_key(*parts: str) -> str:
    """Return the name of a group of alerts; over the bound a digest stands for its end.

    Parts are joined by slashes; one that has a slash itself cannot be taken for two others,
    because backslashes stand before such slashes.
    """
    if len(parts) == 1:
        whole = clean_line(parts[0])
    else:
        escaped = (p.replace("\\", "\\\\").replace("/", "\\/") for p in map(clean_line, parts))
        whole = "/".join(escaped)
    if 0 < len(whole) <= GROUP_KEY_MAX:
        return whole
    return f"{whole[:100]}#{_digest(*parts)}"


def fingerprint(*parts: str) -> str:
    """Return the identity of an alert: the only part as it is where it fits, else a digest."""
    return fingerprint_of(parts[0]) if len(parts) == 1 else _digest(*parts)[:32]


def occurrence_key(identity: str, status: str, at: datetime, *more: str) -> str:
    """Return the key of a delivery that names an alert, its state, an instant, and maybe more."""
    return _digest(identity, status, rfc3339(at), *more)


def delivery(form: N, *, key: str | None, raw: Raw) -> Read[N]:
    """Return a submission: under one key there is one content, without one it is the body.

    A key that is long, or that cannot be printed, is replaced by its digest.
    """
    if key is not None and not (0 < len(key) <= DELIVERY_KEY_MAX and key.isprintable()):
        key = _digest(key)
    return Read(form=form, content=raw.body if key is None else key.encode(), key=key)


def one_alert(
    *,
    key: str,
    identity: str,
    status: AlertSignal,
    starts_at: datetime,
    settings: MonitorSettings,
    summary: Iterable[str],
    lines: Iterable[str],
    name: str = "",
    severity: str | None = None,
    labels: Mapping[str, Any] | None = None,
    service: str | None = None,
    region: str | None = None,
    configuration_item: str | None = None,
    urls: Iterable[str | None] = (),
    predicted: bool = False,
) -> AlertGroup:
    """Return the group of one alert.

    What the monitor says of service, region, item and severity in fields of its own goes before
    what its labels say.

    Args:
        key: names the group, see `group_key`.
        identity: names the alert in it, see `fingerprint`.
        status: what is said of it.
        starts_at: since when.
        settings: of the integration.
        summary: parts of the subject.
        lines: of the text, before the labels.
        name: of the alert, as people know it.
        severity: as the monitor calls it.
        labels: of any values; they are written as texts.
        service: a name of the organisation's.
        region: a name of the organisation's.
        configuration_item: a name of the organisation's.
        urls: what a person can open.
        predicted: whether the monitor says that it is still to come.
    """
    kept = labels_of(labels or {})
    names = settings.labels
    found = code(severity) or code(kept.get(names.severity))
    about = {
        "service": code(service) or code(kept.get(names.service)),
        "configuration_item": code(configuration_item) or code(kept.get(names.configuration_item)),
    }
    paragraphs = list(lines)
    if kept:
        paragraphs += ["", label_line(kept)]
    addresses = links(*urls)
    if addresses:
        paragraphs += ["", *addresses]
    return AlertGroup(
        key=key,
        alerts=(
            Alert(
                fingerprint=identity,
                status=status,
                starts_at=instant(starts_at),
                severity=found,
                name=subject(name) if name else "",
                labels=kept,
                **about,
            ),
        ),
        subject=subject(*summary),
        text=text(paragraphs),
        severities=(found,) if found and status is not AlertSignal.RESOLVED else (),
        region=code(region) or code(kept.get(names.region)),
        predicted=predicted or settings.predicted or is_true(kept.get(names.predicted)),
        links=addresses,
        **about,
    )


def _digest(*parts: str) -> str:
    return digest(*(part.encode("utf-8", "replace") for part in parts))
