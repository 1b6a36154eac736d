"""Doors of monitors."""

from __future__ import annotations

from services.intake.doors.monitoring import (
    alertmanager,
    azure,
    checkmk,
    cloudevents,
    datadog,
    grafana,
    heartbeat,
    icinga2,
    nagios,
    opsgenie,
    pagerduty,
    recorder,
    sns,
    webhook,
    zabbix,
)
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (
    alertmanager.DOOR,
    grafana.DOOR,
    zabbix.DOOR,
    icinga2.DOOR,
    nagios.DOOR,
    checkmk.DOOR,
    pagerduty.DOOR,
    opsgenie.DOOR,
    sns.DOOR,
    azure.DOOR,
    datadog.DOOR,
    heartbeat.DOOR,
    cloudevents.DOOR,
    recorder.DOOR,
    webhook.DOOR,
)
