"""Mails of monitors: the standard formats become alerts, everything else stays a mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import AlertGroup, AlertSignal, Hint
from services.intake.doors.monitoring.mails import Monitor, monitor_mail

RECEIVED = datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)
HEADERS = {"date": "Mon, 02 Mar 2026 11:00:00 +0100"}
SENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

ICINGA2 = """***** Service Monitoring on monitor-1 *****

Disk /var on web-1.example.org is CRITICAL!

Info:    DISK CRITICAL - free space: /var 1%

When:    2026-03-02 11:00:00 +0100
Service: disk
Host:    web-1
IPv4:    192.0.2.7

Comment by ana:
  Host: db-9 is fine
"""
ICINGA2_HOST = """***** Host Monitoring on monitor-1 *****

web-1.example.org is DOWN!

Info:    CRITICAL - Host unreachable

When:    2026-03-02 11:00:00 +0100
Host:    web-1
"""
NAGIOS = """***** Nagios *****

Notification Type: PROBLEM

Service: disk
Host: web-1
Address: 192.0.2.7
State: CRITICAL

Date/Time: Mon Mar 2 11:00:00 CET 2026

Additional Info:

DISK CRITICAL - free space: /var 1%
Host: db-9
"""
NAGIOS_HOST = """***** Nagios *****

Notification Type: RECOVERY
Host: web-1
State: UP
Address: 192.0.2.7
Info: PING OK

Date/Time: Mon Mar 2 11:00:00 CET 2026
"""
CHECKMK = """Host:                web-1 (Web server)
Service:             disk
Event:               {event}
Address:             192.0.2.7
Date / Time:         Mon Mar 2 11:00:00 CET 2026
Plugin Output:       DISK CRITICAL - free space: /var 1%
"""
ZABBIX = """Problem started at 11:00:00 on 2026.03.02
Problem name: High CPU utilization
Host: web-1
Severity: High
Operational data: 97 %
Original problem ID: 9123
"""
ZABBIX_OVER = """Problem has been resolved at 11:20:00 on 2026.03.02
Problem name: High CPU utilization
Problem duration: 20m 0s
Host: web-1
Severity: High
Original problem ID: 9123
"""


def mail(
    monitor: Monitor, subject: str, text: str, headers: dict[str, str] | None = None
) -> AlertGroup | Hint | None:
    """Return what a mail says."""
    return monitor_mail(
        monitor,
        subject=subject,
        text=text,
        headers=HEADERS if headers is None else headers,
        received_at=RECEIVED,
    )


def said(monitor: Monitor, subject: str, text: str) -> tuple[str, AlertSignal, str | None]:
    """Return the key, the state and the severity that a mail tells."""
    found = mail(monitor, subject, text)
    assert isinstance(found, AlertGroup)
    (alert,) = found.alerts
    assert alert.starts_at == SENT
    return found.key, alert.status, alert.severity


FIRING, RESOLVED = AlertSignal.FIRING, AlertSignal.RESOLVED
ACKNOWLEDGED = AlertSignal.ACKNOWLEDGED
DISK = "service/web-1/disk"


@pytest.mark.parametrize(
    ("monitor", "subject", "text", "expected"),
    [
        (
            "icinga2",
            "[PROBLEM] Disk /var on web-1.example.org is CRITICAL!",
            ICINGA2,
            (DISK, FIRING, "critical"),
        ),
        (
            "icinga2",
            "[ACKNOWLEDGEMENT] Disk /var on web-1.example.org is CRITICAL!",
            ICINGA2,
            (DISK, ACKNOWLEDGED, "critical"),
        ),
        (
            "icinga2",
            "[RECOVERY] Disk /var on web-1.example.org is OK!",
            ICINGA2,
            (DISK, RESOLVED, None),
        ),
        (
            "icinga2",
            "[PROBLEM] web-1.example.org is DOWN!",
            ICINGA2_HOST,
            ("host/web-1", FIRING, "down"),
        ),
        (
            "nagios",
            "** PROBLEM Service Alert: web-1/disk is CRITICAL **",
            NAGIOS,
            (DISK, FIRING, "critical"),
        ),
        (
            "nagios",
            "** RECOVERY Host Alert: web-1 is UP **",
            NAGIOS_HOST,
            ("host/web-1", RESOLVED, None),
        ),
        (
            "icinga2",
            "PROBLEM - web-1 - disk is CRITICAL",
            NAGIOS.replace("Nagios", "Icinga"),
            (DISK, FIRING, "critical"),
        ),
        (
            "checkmk",
            "Checkmk: web-1/disk OK -> CRIT",
            CHECKMK.format(event="OK -> CRIT"),
            (DISK, FIRING, "critical"),
        ),
        (
            "checkmk",
            "Check_MK: web-1/disk CRIT -> OK",
            CHECKMK.format(event="CRIT -> OK"),
            (DISK, RESOLVED, None),
        ),
        (
            "checkmk",
            "Checkmk: web-1/disk Acknowledged (CRIT)",
            CHECKMK.format(event="Acknowledged (CRIT)"),
            (DISK, ACKNOWLEDGED, "critical"),
        ),
        (
            "checkmk",
            "Checkmk: web-1/disk Stopped Flapping (OK)",
            CHECKMK.format(event="Stopped Flapping (OK)"),
            (DISK, RESOLVED, None),
        ),
        (
            "checkmk",
            "Checkmk: web-1/disk Started Flapping",
            CHECKMK.format(event="Started Flapping"),
            (DISK, FIRING, "unknown"),
        ),
        (
            "zabbix",
            "Problem: High CPU utilization",
            ZABBIX,
            ("problem/web-1/High CPU utilization", FIRING, "high"),
        ),
        (
            "zabbix",
            "Resolved in 20m 0s: High CPU utilization",
            ZABBIX_OVER,
            ("problem/web-1/High CPU utilization", RESOLVED, "high"),
        ),
    ],
)
def test_a_standard_mail_is_an_alert(
    monitor: Monitor, subject: str, text: str, expected: tuple[Any, ...]
) -> None:
    """Key, state and severity are those that the monitor's own door would have found."""
    assert said(monitor, subject, text) == expected


def test_what_a_plugin_printed_names_no_other_host() -> None:
    """A line of the output, or of a comment, that looks like a field is none."""
    found = mail("nagios", "** PROBLEM Service Alert: web-1/disk is CRITICAL **", NAGIOS)
    assert isinstance(found, AlertGroup)
    assert found.configuration_item == "web-1"
    assert "free space: /var 1%\nHost: db-9" in found.text


def test_a_downtime_that_begins_is_a_hint() -> None:
    """It mutes the alert and changes nothing of it."""
    found = mail("checkmk", "Checkmk: web-1/disk x", CHECKMK.format(event="Downtime Start (CRIT)"))
    assert isinstance(found, Hint)
    assert found.key == DISK
    assert len(found.muted) == 1


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({}, RECEIVED),
        ({"date": "nonsense"}, RECEIVED),
        ({"date": "Mon, 02 Mar 2026 12:00:00 +0100"}, RECEIVED),
        ({"date": "Mon, 02 Mar 2026 10:00:00 -0000"}, SENT),
    ],
)
def test_the_date_of_a_mail_counts_where_it_is_one(headers: dict[str, str], at: datetime) -> None:
    """Without a date, or with one that lies ahead, the moment of receipt counts."""
    found = mail("zabbix", "Problem: High CPU utilization", ZABBIX, headers)
    assert isinstance(found, AlertGroup)
    assert found.alerts[0].starts_at == at


@pytest.mark.parametrize(
    ("monitor", "subject", "text"),
    [
        ("icinga2", "My disk is full!", "Hello,\nplease help."),
        ("icinga2", "[PROBLEM] disk on web-1 is PURPLE!", ICINGA2),
        ("nagios", "Re: ** PROBLEM Service Alert **", "What is this?"),
        ("nagios", "** HELLO Host Alert: web-1 is UP **", ""),
        ("checkmk", "Checkmk: 3 notifications for web-1", CHECKMK.format(event="OK -> CRIT")),
        ("checkmk", "Hello", "Host: web-1\n"),
        ("zabbix", "Updated problem in 5m: High CPU utilization", "ana commented problem."),
        ("zabbix", "Problem: my mouse", "It does not move."),
    ],
)
def test_another_mail_is_no_alert(monitor: Monitor, subject: str, text: str) -> None:
    """What has not the monitor's format stays a mail: it is not lost."""
    assert mail(monitor, subject, text) is None


@given(
    monitor=st.sampled_from(["icinga2", "nagios", "checkmk", "zabbix"]),
    subject=st.text(max_size=200)
    | st.from_regex(r"\[?[A-Z]{6,15}\]? .* on .* is [A-Z]{2,8}!?", fullmatch=True),
    text=st.text(max_size=300) | st.sampled_from([ICINGA2, NAGIOS, CHECKMK, ZABBIX]),
    date=st.text(max_size=40),
)
def test_no_mail_makes_the_reading_fail(
    monitor: Monitor, subject: str, text: str, date: str
) -> None:
    """Any mail is an alert, a hint or a mail like any other."""
    found = mail(monitor, subject, text, {"date": date})
    assert found is None or isinstance(found, AlertGroup | Hint)
