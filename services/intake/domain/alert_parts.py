"""How a delivery is grouped, and what the rules say before an incident opens.

By the monitor's own group, by each alert, or by the values of chosen labels: the integration's
policy says. Then the first rule whose condition is met says what is to be done. All of it is
answered when a delivery is accepted, so that what its receipt says is applied as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from services.intake.domain.alerts import alert_key, fingerprint_of
from services.intake.domain.catalogue import criticality_of
from services.intake.domain.classify import Classified
from services.intake.domain.classify_alerts import classify_alerts
from services.intake.domain.normal import SUBJECT_MAX, Alert, AlertGroup, AlertSignal, Hint
from services.intake.domain.priority import RULE
from services.intake.domain.receipts import Alerting, AlertPart, Hinting
from services.intake.domain.text import shortened
from shared.contracts.facts import Priority
from shared.contracts.intake import PriorityPoints, PriorityReason
from shared.contracts.monitors import OpeningAction
from shared.expressions import compile_condition
from shared.organisation import Configuration, Integration
from shared.organisation.integrations import ALERT_FIELDS, AlertOpening, AlertPolicy

_DIGITS = re.compile(r"\d+")
_PRESSING = (Priority.P1, Priority.P2, Priority.P3, Priority.P4, Priority.P5)
NAME_LABEL = "alertname"
VALUE_MAX = 80
DIMENSIONS_MAX = 20


def alerting_of(
    form: AlertGroup, *, tenant: str, integration: Integration, configuration: Configuration
) -> Alerting:
    """Return the task of a delivery: its alerts by group, each group judged by the rules."""
    grouped: dict[str, list[Alert]] = {}
    for alert in form.alerts:
        key = _key(alert, form.key, integration.alerts)
        grouped.setdefault(key, []).append(alert)
    parts = tuple(
        _part(
            form.model_copy(update=_of_its_own(form, key, alerts, integration.alerts)),
            tenant=tenant,
            integration=integration,
            configuration=configuration,
        )
        for key, alerts in grouped.items()
    )
    return Alerting(integration=integration.name, text=form.text, parts=parts)


def hinting_of(hint: Hint, *, tenant: str, integration: Integration) -> Hinting:
    """Return the task of a hint: which alerts of which groups it says something of.

    What is silenced has no labels in a hint, so where labels group nothing is known of it.
    """
    policy = integration.alerts

    def named(alert_or_print: Alert | str) -> str:
        if isinstance(alert_or_print, Alert):
            key = _key(alert_or_print, hint.key, policy)
        else:
            key = f"alert:{alert_or_print}" if policy.group == "alert" else hint.key
        return alert_key(tenant=tenant, integration=integration.name, key=key)

    muted = (fingerprint_of(f) for f in hint.muted) if policy.group != "labels" else ()
    return Hinting(
        integration=integration.name,
        resolved=tuple(
            (named(a), _bare(a)) for a in hint.alerts if a.status is AlertSignal.RESOLVED
        ),
        silenced=tuple((named(f), f) for f in muted),
    )


def known_key(key: str, fingerprint: str, *, tenant: str, integration: Integration) -> str | None:
    """Return the alert key of a door's alert; None where labels group, which nobody names here."""
    match integration.alerts.group:
        case "labels":
            return None
        case "alert":
            key = f"alert:{fingerprint}"
    return alert_key(tenant=tenant, integration=integration.name, key=key)


def _key(alert: Alert, group: str, policy: AlertPolicy) -> str:
    """Return the key of the group that an alert belongs to."""
    match policy.group:
        case "group":
            return group
        case "alert":
            return f"alert:{alert.fingerprint}"
        case "labels":
            values = (f"{len(v)}:{v}" for v in (alert.labels.get(n, "") for n in policy.labels))
            return "labels:" + "".join(values)


def _of_its_own(
    form: AlertGroup, key: str, alerts: Iterable[Alert], policy: AlertPolicy
) -> dict[str, object]:
    """Return what a group is that is not the monitor's own."""
    own = tuple(alerts)
    if policy.group == "group":
        return {}
    severities = sorted(
        {a.severity for a in own if a.severity and a.status is not AlertSignal.RESOLVED}
    )
    first = own[0]
    changes: dict[str, object] = {
        "key": key,
        "alerts": own,
        "severities": tuple(severities),
        "service": first.service or form.service,
        "configuration_item": first.configuration_item or form.configuration_item,
    }
    if policy.group == "alert" and first.name and len(form.alerts) > 1:
        changes["subject"] = first.name
    return changes


def _part(
    group: AlertGroup, *, tenant: str, integration: Integration, configuration: Configuration
) -> AlertPart:
    classified = classify_alerts(group, integration=integration, configuration=configuration)
    rule = _rule(group, classified, integration, configuration)
    if rule is not None and rule.action == "raise":
        because = _raised(rule, classified)
        classified = classified.model_copy(
            update={"priority": because.priority, "priority_because": because}
        )
    return AlertPart(
        alert_key=alert_key(tenant=tenant, integration=integration.name, key=group.key),
        alerts=tuple(_bare(a) for a in group.alerts),
        subject=group.subject,
        shape=shape_of(group),
        classified=classified,
        action=OpeningAction(rule.action) if rule else OpeningAction.OPEN,
        reason=_reason(rule),
        truncated=group.truncated,
        predicted=group.predicted,
    )


def shape_of(group: AlertGroup) -> str:
    """Return what alerts of one storm have in common: their name, else the subject without figures."""
    names = sorted({a.labels.get(NAME_LABEL) or a.name for a in group.alerts} - {""})
    text = names[0] if len(names) == 1 else group.subject
    return shortened(_DIGITS.sub("#", text), characters_max=SUBJECT_MAX)


def _bare(alert: Alert) -> Alert:
    return alert.model_copy(update={"labels": {}})


def _rule(
    group: AlertGroup,
    classified: Classified,
    integration: Integration,
    configuration: Configuration,
) -> AlertOpening | None:
    """Return the first rule whose condition is met."""
    if not integration.alerts.opening:
        return None
    values = _values(group, classified, integration.priority_map, configuration)
    return next(
        (r for r in integration.alerts.opening if compile_condition(r.when, ALERT_FIELDS)(values)),
        None,
    )


def _values(
    group: AlertGroup,
    classified: Classified,
    table: Mapping[str, str],
    configuration: Configuration,
) -> dict[str, object]:
    """Return what a condition may look at, see `ALERT_FIELDS`."""
    firing = sum(a.status is not AlertSignal.RESOLVED for a in group.alerts)
    item = classified.configuration_item
    gravest = min(group.severities, key=lambda s: (table.get(s, "P9"), s), default=None)
    return {
        "status": "firing" if firing else "resolved",
        "severity": gravest,
        "severities": group.severities,
        "service": classified.service,
        "configuration_item": item,
        "criticality": criticality_of(item, classified.service, configuration),
        "impact": str(classified.impact),
        "region": classified.region,
        "predicted": group.predicted,
        "firing": firing,
        "key": group.key,
        "subject": group.subject,
    }


def _raised(rule: AlertOpening, classified: Classified) -> PriorityReason:
    """Return the priority that a rule gives, else the one a step more pressing, and why."""
    before = classified.priority
    more = _PRESSING[max(0, _PRESSING.index(before) - 1)] if before in _PRESSING else before
    known = classified.priority_because
    said = PriorityPoints(field=RULE, value=shortened(_reason(rule), characters_max=VALUE_MAX))
    return PriorityReason(
        method=RULE,
        priority=Priority(rule.priority) if rule.priority else more,
        dimensions=(said, *(known.dimensions if known else ()))[:DIMENSIONS_MAX],
    )


def _reason(rule: AlertOpening | None) -> str:
    """Return why a rule says what it does: its own words, else its condition."""
    if rule is None:
        return ""
    return rule.reason or shortened(rule.when, characters_max=200)
