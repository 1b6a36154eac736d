"""The ways to a desk, as a mail says them: and where answers go once it is the contact."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from shared.calendar.zones import zone as rules_of
from shared.contracts.internal import ContactView
from shared.organisation import Configuration, UnknownName
from shared.threads import plus_address

DAYS: Final = 7
"""Of the opening hours that a mail says: a week, with its holidays."""
WEEKDAYS: Final = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
ALWAYS: Final = {"en": "around the clock", "zh": "全天候"}
LISTENER: Final = "smtp"
"""The door of our own listener."""
MAIL_DOORS: Final = frozenset({"smtp", "imap"})


def ways_of(
    configuration: Configuration,
    desk: str,
    *,
    contact: ContactView | None,
    language: str,
    now: datetime,
) -> dict[str, str]:
    """Return what a mail says of a desk: ways that it does not have are empty texts.

    Opening hours are those of the coming week, in the contact's time zone; where that is not
    known in their site's, and else in the desk's. A desk that is configured no more has none.
    """
    try:
        found = configuration.desk(desk)
        zone = zone_of(configuration, contact) or configuration.desk_time_zone(desk)
    except UnknownName:
        return {"hours": "", "zone": ""}
    return {
        "desk_email": found.email or "",
        "desk_phone": found.phone or "",
        "desk_address": found.address or "",
        "desk_url": found.url or "",
        "hours": "\n".join(opening_hours(configuration, desk, zone, language, now)),
        "zone": zone,
    }


def zone_of(configuration: Configuration, contact: ContactView | None) -> str | None:
    """Return a contact's time zone: their own, or that of their site; None where neither is known."""
    if contact is None:
        return None
    if contact.time_zone and _known(contact.time_zone):
        return contact.time_zone
    try:
        return configuration.site(contact.site).time_zone if contact.site else None
    except UnknownName:
        return None


def _known(zone: str) -> bool:
    try:
        rules_of(zone)
    except ValueError:
        return False
    return True


def opening_hours(
    configuration: Configuration, desk: str, zone: str, language: str, now: datetime
) -> list[str]:
    """Return a line for each stretch of the coming week in which a desk is open."""
    primary = language.partition("-")[0].lower()
    said = primary if primary in WEEKDAYS else "en"
    local = now.astimezone(rules_of(zone))
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=DAYS)
    windows = configuration.desk_calendar(desk).windows(start, end)
    if len(windows) == 1 and windows[0].opens <= start and windows[0].closes >= end:
        return [ALWAYS[said]]
    lines = []
    for window in windows:
        opens = window.opens.astimezone(rules_of(zone))
        closes = window.closes.astimezone(rules_of(zone))
        till = f"{closes:%H:%M}"
        if closes.date() != opens.date():
            till = "24:00" if till == "00:00" else f"{WEEKDAYS[said][closes.weekday()]} {till}"
        lines.append(f"{WEEKDAYS[said][opens.weekday()]} {opens:%Y-%m-%d} {opens:%H:%M}–{till}")
    return lines


def answers_to(sender: str, contact_desk: str | None, configuration: Configuration) -> str:
    """Return the address to which answers go: the contact desk's where its mail comes in here.

    Of a desk whose mailbox nobody reads for Heliodesk the mail names the address, and answers go
    on coming to the sender: an answer that no ticket gets would be lost.
    """
    if contact_desk is None:
        return sender
    try:
        email = configuration.desk(contact_desk).email
    except UnknownName:
        return sender
    read = {
        address.lower()
        for integration in configuration.integrations.integrations
        if integration.door in MAIL_DOORS and integration.enabled
        for address in integration.addresses
    }
    return email if email is not None and email.lower() in read else sender


def reply_to(
    sender: str, token: str, configuration: Configuration, contact_desk: str | None
) -> str | None:
    """Return the plus-address to which an answer goes; None where it might not arrive.

    Of a ticket whose requester was referred to a desk it is that desk's address.

    Our own listener takes plus-addresses; of another server it is known only where somebody
    has named the domain for them.
    """
    integrations = configuration.integrations.integrations
    ours = {a.lower() for i in integrations if i.door == LISTENER for a in i.addresses}
    domain = configuration.intake.mail_domain
    to = answers_to(sender, contact_desk, configuration) if token else sender
    if to != sender:
        return plus_address(to, token) if to.lower() in ours else to
    if not token or (domain is None and sender.lower() not in ours):
        return None
    base = f"{sender.rpartition('@')[0]}@{domain}" if domain else sender
    answered = plus_address(base, token)
    return None if answered == base else answered
