"""The follow-the-sun example, whose table was made by hand.

A P2 incident is accepted on Thursday, 2 July 2026, at 15:00 in London (14:00 UTC), with eight
business hours to be resolved. London is open 08:00-17:00 UTC, Shanghai 01:00-10:00 UTC.

| from (UTC)  | to          | desk     | counted                         | together |
|-------------|-------------|----------|---------------------------------|----------|
| Thu 14:00   | Thu 17:00   | London   | 3 h: open until it closes       | 3 h      |
| Thu 17:00   | Fri 01:00   | Shanghai | nothing: it is 01:00 there      | 3 h      |
| Fri 01:00   | Fri 03:00   | Shanghai | 2 h                             | 5 h      |
| Fri 03:00   | Fri 07:30   | Shanghai | nothing: it waits for the contact | 5 h    |
| Fri 07:30   | Fri 09:00   | Shanghai | 1 h 30 min                      | 6 h 30   |
| Fri 09:00   | Fri 10:30   | London   | the 1 h 30 min that are left    | 8 h      |

So it is due on Friday at 10:30 UTC; resolved at 10:00, it is met with half an hour left.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from services.sla.domain.explain import ClockExplanation, TicketExplanation
from services.sla.domain.explain_text import duration, render
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason
from tests.support.sla import Sla, Story, organisation, utc

HOUR = 3600


async def followed() -> tuple[Sla, Story]:
    """The story of the table, up to the hand-over back to London."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14), "london"),
        story.message(utc(2, 14, 10)),
        story.queued(utc(2, 17), "shanghai"),
        story.pended(utc(3, 3)),
        story.resumed(utc(3, 7, 30)),
        story.queued(utc(3, 9), "london"),
    )
    return sla, story


async def explanation(sla: Sla, at: datetime) -> TicketExplanation:
    """Return the explanation as of an instant."""
    document = await sla.document()
    assert document.state is not None
    return sla.handlers.explain(document, document.state, at)


async def fix(sla: Sla, at: datetime) -> ClockExplanation:
    """Return the explanation of the resolution clock."""
    found = await explanation(sla, at)
    return next(clock for clock in found.clocks if clock.policy == "fix")


async def test_each_window_is_the_one_of_the_table() -> None:
    """Every window that was counted, and the sum after it, are those made by hand."""
    sla, story = await followed()
    await sla.feed(story.resolved(utc(3, 10)))
    clock = await fix(sla, utc(3, 12))
    windows = [
        (line.desk, window.started_at, window.ended_at, window.seconds, window.total_seconds)
        for line in clock.desks
        for window in line.windows
    ]
    assert windows == [
        ("london", utc(2, 14), utc(2, 17), 3 * HOUR, 3 * HOUR),
        ("shanghai", utc(3, 1), utc(3, 3), 2 * HOUR, 5 * HOUR),
        ("shanghai", utc(3, 7, 30), utc(3, 9), 1.5 * HOUR, 6.5 * HOUR),
        ("london", utc(3, 9), utc(3, 10), HOUR, 7.5 * HOUR),
    ]
    assert [(line.desk, line.started_at, line.ended_at) for line in clock.desks] == [
        ("london", utc(2, 14), utc(2, 17)),
        ("shanghai", utc(2, 17), utc(3, 3)),
        ("shanghai", utc(3, 7, 30), utc(3, 9)),
        ("london", utc(3, 9), utc(3, 10)),
    ]
    assert [(p.reason, p.by, p.started_at, p.ended_at, p.seconds) for p in clock.pauses] == [
        ("customer", "ann", utc(3, 3), utc(3, 7, 30), 4.5 * HOUR)
    ]
    assert clock.desk_seconds == {"london": 4 * HOUR, "shanghai": 3.5 * HOUR}
    assert (clock.state, clock.used_seconds, clock.left_seconds) == ("met", 7.5 * HOUR, 0.5 * HOUR)
    assert (clock.due_at, clock.ended_at) == (utc(3, 10, 30), utc(3, 10))
    # Twenty hours from start to end, of which four and a half were a pause.
    assert (clock.elapsed_seconds, clock.calendar_left_seconds) == (15.5 * HOUR, -7.5 * HOUR)
    assert clock.calendar_due_at == utc(2, 22)


async def test_the_due_time_before_the_hand_over_is_by_the_hours_of_the_desk_that_has_it() -> None:
    """While Shanghai has it, the rest is counted by Shanghai's hours."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.queued(utc(2, 17), "shanghai"))
    clock = await fix(sla, utc(2, 20))
    # Three hours are used; five are left: Friday 01:00 to 06:00.
    assert clock.due_at == utc(3, 6)
    assert clock.used_seconds == 3 * HOUR
    assert clock.ahead is not None
    assert [(w.started_at, w.ended_at) for w in clock.ahead.windows] == [(utc(3, 1), utc(3, 6))]
    assert clock.ahead.windows[0].local_from == "Fri 2026-07-03 09:00"
    assert clock.ahead.windows[0].total_seconds == 8 * HOUR


async def test_a_clock_that_runs_is_counted_to_now() -> None:
    """The open line shows what is used so far; what is ahead ends at the due time."""
    sla, _ = await followed()
    clock = await fix(sla, utc(3, 9, 30))
    assert clock.used_seconds == 7 * HOUR
    assert clock.desks[-1].ended_at is None
    assert clock.ahead is not None
    assert (clock.ahead.windows[-1].ended_at, clock.due_at) == (utc(3, 10, 30), utc(3, 10, 30))


async def test_the_time_between_resolution_and_reopening_is_shown() -> None:
    """A reopened clock lists the gap among what is not counted."""
    sla, story = await followed()
    await sla.feed(story.resolved(utc(3, 10)), story.reopened(utc(3, 11)))
    clock = await fix(sla, utc(3, 12))
    assert [(p.reason, p.seconds) for p in clock.pauses] == [
        ("customer", 4.5 * HOUR),
        ("resolved", HOUR),
    ]
    # Half an hour was left at the resolution.
    assert clock.due_at == utc(3, 11, 30)


ENGLISH = """\
Ticket HD-1 as of 2026-07-03 12:00 UTC: resolved, desk london, agent none

Response, policy answer (configuration 1): met
  Target 1 h, since 2026-07-02 14:00 UTC.
  Business time: 10 min used, 50 min left.
  Calendar time: 10 min used, 50 min left; by it due 2026-07-02 15:00 UTC.
  Due 2026-07-02 15:00 UTC.
  Ended 2026-07-02 14:10 UTC.
  Counted:
  - london, calendar london-day (Europe/London, configuration 1), \
2026-07-02 14:00 UTC to 2026-07-02 14:10 UTC: 10 min
      Thu 2026-07-02 15:00 to Thu 2026-07-02 15:10: 10 min, together 10 min

Resolution, policy fix (configuration 1): met
  Target 8 h, since 2026-07-02 14:00 UTC.
  Business time: 7 h 30 min used, 30 min left.
  Calendar time: 15 h 30 min used, 7 h 30 min over; by it due 2026-07-02 22:00 UTC.
  Due 2026-07-03 10:30 UTC.
  Ended 2026-07-03 10:00 UTC.
  Counted:
  - london, calendar london-day (Europe/London, configuration 1), \
2026-07-02 14:00 UTC to 2026-07-02 17:00 UTC: 3 h
      Thu 2026-07-02 15:00 to Thu 2026-07-02 18:00: 3 h, together 3 h
  - shanghai, calendar shanghai-day (Asia/Shanghai, configuration 1), \
2026-07-02 17:00 UTC to 2026-07-03 03:00 UTC: 2 h
      Fri 2026-07-03 09:00 to Fri 2026-07-03 11:00: 2 h, together 5 h
  - shanghai, calendar shanghai-day (Asia/Shanghai, configuration 1), \
2026-07-03 07:30 UTC to 2026-07-03 09:00 UTC: 1 h 30 min
      Fri 2026-07-03 15:30 to Fri 2026-07-03 17:00: 1 h 30 min, together 6 h 30 min
  - london, calendar london-day (Europe/London, configuration 1), \
2026-07-03 09:00 UTC to 2026-07-03 10:00 UTC: 1 h
      Fri 2026-07-03 10:00 to Fri 2026-07-03 11:00: 1 h, together 7 h 30 min
  Not counted:
  - waits for the contact (by ann), 2026-07-03 03:00 UTC to 2026-07-03 07:30 UTC: \
4 h 30 min on the calendar
"""


async def test_the_text_can_be_read_by_a_person() -> None:
    """The English text of the example, word by word; the JSON of the API gives the same."""
    sla, story = await followed()
    await sla.feed(story.resolved(utc(3, 10)))
    found = await explanation(sla, utc(3, 12))
    assert render(found) == ENGLISH
    assert render(found.model_dump(mode="json")) == ENGLISH


async def test_the_text_is_there_in_chinese() -> None:
    """Each line of the English text has its Chinese one, with the same figures."""
    sla, story = await followed()
    await sla.feed(story.resolved(utc(3, 10)))
    text = render(await explanation(sla, utc(3, 12)), lang="zh")
    assert len(text.splitlines()) == len(ENGLISH.splitlines())
    assert "解决，策略 fix（配置版本 1）：已达成" in text
    assert "工作时间：已用 7小时30分，剩余 30分" in text
    assert "日历时间：已用 15小时30分，超出 7小时30分；按日历时间到期 2026-07-02 22:00 UTC" in text
    assert "周五 2026-07-03 15:30 至 周五 2026-07-03 17:00：1小时30分，累计 6小时30分" in text
    assert "等待联系人（操作者 ann）" in text


async def test_steps_and_a_running_clock_are_told_in_words() -> None:
    """A clock that runs says what is still to come, and which steps are done."""
    sla, _ = await followed()
    await sla.tick(utc(3, 9, 30))
    text = render(await explanation(sla, utc(3, 9, 30)))
    assert "  Still to come until the due time, by london-day (Europe/London):" in text
    assert "      Fri 2026-07-03 10:30 to Fri 2026-07-03 11:30: 1 h, together 8 h" in text
    assert "  Warnings:\n  - 75 %: done" in text
    assert "  - step 1 at 50 %: done" in text
    assert "  - step 2 at 100 %: due 2026-07-03 10:30 UTC" in text
    assert "  - step 3 at 150 %: due 2026-07-03 14:30 UTC" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.5, "59.5 s"),
        (3600, "1 h"),
        (90_061, "25 h 1 min 1 s"),
        (0.001, "0.001 s"),
    ],
)
def test_durations_are_exact(seconds: float, text: str) -> None:
    """Nothing is rounded away."""
    assert duration(seconds) == text


async def test_a_clock_of_its_own_rules_says_which_rule_did_what() -> None:
    """Agreement, cycle, subject, supplier, the rule that began or paused it: in both languages."""
    configuration = organisation(
        sla="""
policies:
  - {name: fix, metric: resolution, targets: {P2: 8h}, warnings: [7h, 30m]}
  - {name: uc, metric: supplier, kind: uc, targets: {P2: 2h}, calendar: supplier}
  - name: odd
    metric: resolution
    targets: {P2: 3h}
    calendar: always
    pauses_when: desk == "shanghai"
    resets_when: event == "wrote"
""",
        suppliers="suppliers: [{name: cables, title: Cables, calendar: always}]",
        agreements="agreements: [{name: gold, title: Gold, state: in-force,"
        " targets: {fix: {P2: 6h}}}]",
    )
    sla, story = Sla(configuration=configuration), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.message(utc(2, 14, 20), Direction.INBOUND, author="contact-1"),
        story.pended(utc(2, 15), PendReason.SUPPLIER, supplier="cables"),
        story.queued(utc(2, 16), "shanghai"),
    )
    found = await explanation(sla, utc(2, 16, 30))
    english, chinese = render(found), render(found, lang="zh")
    for line in (
        "Resolution, policy fix (configuration 1), agreement gold: running",
        "  - 30 min left: due 2026-07-03 04:30 UTC",
        "Supplier's time of cables, policy uc (configuration 1): met",
        (
            "  - london, waiting for cables, calendar always (UTC, configuration 1), "
            "2026-07-02 15:00 UTC to 2026-07-02 16:00 UTC: 1 h"
        ),
        "  Ended 2026-07-02 16:00 UTC (no longer with it).",
        "  Target 3 h, since 2026-07-02 14:20 UTC (resets_when).",
        "Resolution, policy odd (configuration 1), cycle 2: paused",
        (
            "  - by a condition of the policy (by system), 2026-07-02 16:00 UTC to now: "
            '30 min on the calendar; pauses_when: desk == "shanghai"'
        ),
    ):
        assert line in english.splitlines()
    assert "7 h left" not in english, "the agreement's six hours never had so much"
    assert "供应商用时（cables），策略 uc（配置版本 1）：已达成" in chinese
    assert "；pauses_when：desk" in chinese
    assert len(english.splitlines()) == len(chinese.splitlines())


async def test_the_time_in_another_ticket_is_shown() -> None:
    """An undone merge is among what is not counted."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.closed(utc(2, 14, 30), "merged"),
        story.reopened(utc(2, 15)),
    )
    text = render(await explanation(sla, utc(2, 16)))
    assert "  - went on in another ticket, then taken back (by system), 2026-07-02 14:30" in text
