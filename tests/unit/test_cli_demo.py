"""What the demonstration decides without asking anybody: stories, and who takes over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliodesk.demo.doors import alert, mail, webhook
from heliodesk.demo.handover import CLOSED_CALENDAR, OPEN_CALENDAR, handover
from heliodesk.demo.story import Mail, Step, Story, found_in_mailbox, told
from heliodesk.product.directory import read_directory
from services.intake.domain.normal import AlertGroup, Request
from services.intake.doors import Raw
from shared.contracts.intake import AlertStatus
from shared.organisation import Configuration, Virtual, parse_sections, validate_sections
from tests.support.intake_input import read_one

SAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "sample"
FACTS = {"number": "T-000007", "priority": "P2"}
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def sample() -> Configuration:
    """Give the sample organisation."""
    return parse_sections(read_directory(SAMPLE))


def sun(configuration: Configuration) -> Virtual:
    """Return the topology that follows the sun."""
    return next(t for t in configuration.topologies.topologies if isinstance(t, Virtual))


@settings(max_examples=150, deadline=None)
@given(minutes=st.integers(min_value=0, max_value=366 * 24 * 60))
def test_at_any_hour_the_open_desk_closes_and_the_next_one_is_open(minutes: int) -> None:
    """In the handed-over configuration the first open desk is the one that takes over."""
    configuration = parse_sections(read_directory(SAMPLE))
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    desks = sun(configuration).desks
    closing = next(d for d in desks if configuration.desk_calendar(d).is_open(now))
    plan = handover(configuration, closing=closing, now=now)
    assert plan is not None
    after = validate_sections(plan.sections)
    for later in (now, now + timedelta(minutes=10)):
        opened = [d for d in sun(after).desks if after.desk_calendar(d).is_open(later)]
        assert opened[0] == plan.taking
        assert closing not in opened


def test_a_desk_that_is_about_to_open_is_not_in_the_way(sample: Configuration) -> None:
    """Five minutes before New York opens, London still hands over to Shanghai."""
    plan = handover(sample, closing="london", now=NOON + timedelta(hours=2, minutes=55))
    assert plan is not None
    assert plan.taking == "shanghai"
    assert sun(validate_sections(plan.sections)).desks == ("shanghai", "new-york", "london")


def test_a_handover_changes_nothing_but_two_calendars(sample: Configuration) -> None:
    """At noon UTC in March London hands over to Shanghai, where it is eight in the evening."""
    plan = handover(sample, closing="london", now=NOON)
    assert plan is not None
    assert (plan.taking, plan.taking_was_open) == ("shanghai", False)
    after = validate_sections(plan.sections)
    assert after.desk("london").calendar == CLOSED_CALENDAR
    assert after.desk("shanghai").calendar == OPEN_CALENDAR
    assert after.desk("new-york").calendar == "new-york-days"
    assert len(after.calendars.calendars) == len(sample.calendars.calendars) + 2


def test_a_desk_that_is_open_anyway_keeps_its_hours(sample: Configuration) -> None:
    """At four in the afternoon UTC New York hands over to London, which is open till five."""
    plan = handover(sample, closing="new-york", now=NOON + timedelta(hours=4))
    assert plan is not None
    assert (plan.taking, plan.taking_was_open) == ("london", True)
    assert validate_sections(plan.sections).desk("london").calendar == "london-days"


def test_a_desk_that_follows_no_sun_hands_nothing_over(sample: Configuration) -> None:
    """The desk of a centralized topology has no next one."""
    assert handover(sample, closing="people-services", now=NOON) is None


def test_a_story_is_told_by_the_events_of_its_ticket() -> None:
    """Each step is done by its event, and the last event says where the ticket stands."""
    story = Story("e-mail", "VPN").done(Step.SENT)
    story = told(story, "request.accepted", {"facts": FACTS})
    assert story.missing == (Step.QUEUED, Step.ASSIGNED, Step.CLOCKS, Step.MAIL)
    standing = {"facts": FACTS, "status": "queued", "desk": "london"}
    story = told(story, "ticket.queued", standing)
    story = told(story, "ticket.assigned", {**standing, "status": "assigned", "agent": "a-novak"})
    clock = {"metric": "response", "state": "running", "due_at": "2026-03-04T13:00:00.000Z"}
    story = told(story, "clocks.started", {"facts": FACTS, "number": "T-000007", "clocks": [clock]})
    assert (story.number, story.priority) == ("T-000007", "P2")
    assert (story.status, story.desk, story.agent) == ("assigned", "london", "a-novak")
    assert story.due("response") == "2026-03-04T13:00:00.000Z"
    assert story.missing == (Step.MAIL,)


def test_topics_may_race_each_other() -> None:
    """An assignment that is seen before the request counts just the same."""
    standing = {"facts": FACTS, "status": "assigned", "desk": "london", "agent": "a-novak"}
    story = told(Story("e-mail", "VPN"), "ticket.assigned", standing)
    story = told(story, "request.accepted", {"facts": FACTS})
    assert {Step.ASSIGNED, Step.TICKET} <= story.steps
    assert story.status == "assigned"


def test_a_clock_that_is_met_has_no_due_time_to_show() -> None:
    """What is over is not counted down."""
    clock = {"metric": "response", "state": "met", "due_at": "2026-03-04T13:00:00.000Z"}
    story = told(Story("e-mail", "VPN"), "clocks.changed", {"number": "T-1", "clocks": [clock]})
    assert story.due("response") is None


def test_only_a_mail_that_lies_in_the_mailbox_counts() -> None:
    """A notice that was sent is not enough: its Message-ID must be found, folded or not."""
    story = told(Story("e-mail", "VPN"), "notice.sent", {"notice": "a", "message_id": "n1@h"})
    mine = {
        "id": "00000002",
        "message_id": "<n1@h>",
        "subject": "\n [T-000007] We have your request",
        "recipients": ["ada@example.org"],
        "to": [],
    }
    other = {**mine, "id": "00000001", "message_id": "<n2@h>"}
    assert found_in_mailbox(story, [other]).mails == ()
    found = found_in_mailbox(story, [mine, other])
    assert found.mails == (Mail("00000002", "[T-000007] We have your request", "ada@example.org"),)
    assert Step.MAIL in found.steps


def test_an_unknown_event_changes_nothing() -> None:
    """What a newer release says is passed over."""
    story = Story("e-mail", "VPN")
    assert told(story, "ticket.applauded", {"hands": 2}) == story


def test_intake_reads_the_webhook_as_an_alertmanager_s() -> None:
    """Firing and resolved are the same group and the same alert."""
    import json  # noqa: PLC0415 -- only here.

    read = [
        read_one(
            "alertmanager",
            Raw(
                json.dumps(webhook(tag="a1b2c3", status=status, starts_at=NOON, now=NOON)).encode(),
                {"content-type": "application/json"},
            ),
        ).form
        for status in (AlertStatus.FIRING, AlertStatus.RESOLVED)
    ]
    firing, resolved = read
    assert isinstance(firing, AlertGroup)
    assert isinstance(resolved, AlertGroup)
    assert firing.key == resolved.key
    assert firing.alerts[0].fingerprint == resolved.alerts[0].fingerprint
    assert firing.severities == ("critical",)
    assert "a1b2c3" in firing.subject


def test_intake_reads_the_mail_as_a_person_s() -> None:
    """The mail counts as written by somebody, and its subject has the run's tag."""
    read = read_one("smtp", Raw(bytes(mail(tag="a1b2c3", now=NOON))))
    assert isinstance(read.form, Request)
    assert read.form.automatic is None
    assert read.form.subject == "Cannot reach the VPN from home (a1b2c3)"
    assert read.form.contact.mail == "tom.okafor+a1b2c3@helio.example"


def test_the_alert_names_the_run() -> None:
    """The ticket of the CloudEvent is found by the tag in its subject."""
    assert "a1b2c3" in alert(tag="a1b2c3", now=NOON).summary


@pytest.mark.parametrize("form", ["combined", "floating"])
def test_a_desk_of_any_calendar_can_be_closed(sample: Configuration, form: str) -> None:
    """A combination is closed by what it leaves out; a floating calendar in the desk's zone."""
    sections = sample.sections()
    calendars = sections["calendars"]["calendars"]
    if form == "combined":
        calendars.append({"name": "other", "union": ["london-days"]})
    else:
        calendars.append({"name": "other", "time_zone": "floating", "hours": "24x7"})
    for desk in sections["desks"]["desks"]:
        if desk["name"] == "london":
            desk |= {"calendar": "other", "time_zone": "Europe/London"}
    plan = handover(validate_sections(sections), closing="london", now=NOON)
    assert plan is not None
    after = validate_sections(plan.sections).desk_calendar("london")
    assert after.windows(NOON - timedelta(hours=36), NOON + timedelta(hours=36)) == ()
    assert after.next_open(NOON) < NOON + timedelta(days=7)
