"""Work that goes round the earth by three desks, against a table that was made by hand.

A P2 incident is accepted on Wednesday, 1 July 2026, at 15:00 in London (14:00 UTC), with twenty
business hours to be resolved; the clock follows the desk. London is open 08:00-17:00 UTC, New York
13:00-16:00 and 17:00-22:00 UTC, Shanghai 01:00-10:00 UTC.

| from (UTC)  | to          | desk     | counted                              | together    |
|-------------|-------------|----------|--------------------------------------|-------------|
| Wed 14:00   | Wed 16:30   | London   | 2 h 30 min                           | 2 h 30 min  |
| Wed 16:30   | Wed 17:00   | New York | nothing: lunch                       | 2 h 30 min  |
| Wed 17:00   | Wed 20:15   | New York | 3 h 15 min                           | 5 h 45 min  |
| Wed 20:15   | Wed 21:30   | New York | nothing: it waits for the contact    | 5 h 45 min  |
| Wed 21:30   | Wed 22:00   | New York | 30 min: until it closes              | 6 h 15 min  |
| Wed 22:00   | Thu 01:00   | Shanghai | nothing: it opens at 09:00 there     | 6 h 15 min  |
| Thu 01:00   | Thu 09:00   | Shanghai | 8 h                                  | 14 h 15 min |
| Thu 09:00   | Thu 13:00   | London   | 4 h                                  | 18 h 15 min |
| Thu 13:00   | Thu 14:45   | New York | the 1 h 45 min that are left         | 20 h        |

So it is due on Thursday at 14:45 UTC; resolved at 14:30, it is met with a quarter of an hour left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from services.sla.domain.explain import ClockExplanation
from services.sla.domain.explain_text import render
from shared.contracts.envelope import Event
from shared.organisation import Configuration
from tests.support.sla import Sla, Story, facts, organisation, utc

HOUR = 3600
OPENED, DUE, RESOLVED = utc(1, 14), utc(2, 14, 45), utc(2, 14, 30)
COUNTS, CLOSED, WAITS = "counts", "closed", "waits"


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    since: datetime
    until: datetime
    desk: str
    what: str
    together: float
    """Business seconds at its end."""

    @property
    def seconds(self) -> float:
        """Its length on the calendar."""
        return (self.until - self.since).total_seconds()


TABLE = (
    Row(utc(1, 14), utc(1, 16, 30), "london", COUNTS, 2.5 * HOUR),
    Row(utc(1, 16, 30), utc(1, 17), "new-york", CLOSED, 2.5 * HOUR),
    Row(utc(1, 17), utc(1, 20, 15), "new-york", COUNTS, 5.75 * HOUR),
    Row(utc(1, 20, 15), utc(1, 21, 30), "new-york", WAITS, 5.75 * HOUR),
    Row(utc(1, 21, 30), utc(1, 22), "new-york", COUNTS, 6.25 * HOUR),
    Row(utc(1, 22), utc(2, 1), "shanghai", CLOSED, 6.25 * HOUR),
    Row(utc(2, 1), utc(2, 9), "shanghai", COUNTS, 14.25 * HOUR),
    Row(utc(2, 9), utc(2, 13), "london", COUNTS, 18.25 * HOUR),
    Row(utc(2, 13), utc(2, 14, 45), "new-york", COUNTS, 20 * HOUR),
)


def three_desks() -> Configuration:
    """Return an organisation whose work follows the sun over three desks."""
    return organisation(
        calendars="""
calendars:
  - {name: london-day, time_zone: Europe/London, hours: {mon-fri: [[09:00, 18:00]]}}
  - name: new-york-day
    time_zone: America/New_York
    hours: {mon-fri: [[09:00, 12:00], [13:00, 18:00]]}
  - {name: shanghai-day, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 18:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
""",
        desks="""
desks:
  - {name: london, title: London, calendar: london-day, escalates_to: global}
  - {name: new-york, title: New York, calendar: new-york-day, escalates_to: global}
  - {name: shanghai, title: Shanghai, calendar: shanghai-day, escalates_to: global}
  - {name: global, title: Global, calendar: always, tier: 2}
""",
        topologies="""
topologies:
  - {name: sun, shape: follow_the_sun, desks: [london, new-york, shanghai], fallback: global}
""",
        sla="policies: [{name: fix, metric: resolution, targets: {P2: 20h}, calendar: desk}]",
    )


def told() -> Iterator[Event[Any]]:
    """Tell what happens to the ticket, in order."""
    story = Story(facts=facts(accepted_at=OPENED))
    yield story.accepted()
    yield story.queued(OPENED, "london")
    yield story.queued(utc(1, 16, 30), "new-york")
    yield story.pended(utc(1, 20, 15))
    yield story.resumed(utc(1, 21, 30))
    yield story.queued(utc(1, 22), "shanghai")
    yield story.queued(utc(2, 9), "london")
    yield story.queued(utc(2, 13), "new-york")
    yield story.resolved(RESOLVED)


async def explained(sla: Sla, at: datetime) -> ClockExplanation:
    """Return how the one clock stands, by the explanation."""
    document = await sla.document()
    assert document.state is not None
    (clock,) = sla.handlers.explain(document, document.state, at).clocks
    return clock


async def after_all() -> Sla:
    """Return the service after the whole story."""
    sla = Sla(configuration=three_desks())
    await sla.feed(*told())
    return sla


def until_resolved() -> list[Row]:
    """Return the table as far as the resolution, which comes a quarter of an hour early."""
    last = TABLE[-1]
    early = (last.until - RESOLVED).total_seconds()
    return [*TABLE[:-1], Row(last.since, RESOLVED, last.desk, COUNTS, last.together - early)]


async def test_the_explanation_is_the_table() -> None:
    """Each window with its desk and the sum after it, each pause, and the due time of the table."""
    clock = await explained(await after_all(), utc(2, 20))
    rows = until_resolved()
    assert [
        (line.desk, window.started_at, window.ended_at, window.seconds, window.total_seconds)
        for line in clock.desks
        for window in line.windows
    ] == [(r.desk, r.since, r.until, r.seconds, r.together) for r in rows if r.what == COUNTS]
    assert [
        (pause.desk, pause.reason, pause.by, pause.started_at, pause.ended_at, pause.seconds)
        for pause in clock.pauses
    ] == [(r.desk, "customer", "ann", r.since, r.until, r.seconds) for r in rows if r.what == WAITS]
    assert (clock.state, clock.due_at, clock.ended_at) == ("met", DUE, RESOLVED)
    assert (clock.used_seconds, clock.left_seconds) == (19.75 * HOUR, 0.25 * HOUR)


async def test_the_sums_of_the_ledgers_are_the_time_that_has_passed() -> None:
    """Desk ledger and pause ledger lie end to end from the start to the end, and add up to it."""
    sla = await after_all()
    clock = await explained(sla, utc(2, 20))
    rows = until_resolved()
    used: dict[str, float] = defaultdict(float)
    for row in rows:
        used[row.desk] += row.seconds * (row.what == COUNTS)
    assert (
        clock.desk_seconds
        == used
        == {
            "london": 6.5 * HOUR,
            "new-york": 5.25 * HOUR,
            "shanghai": 8 * HOUR,
        }
    )
    assert sum(used.values()) == clock.used_seconds
    passed = (RESOLVED - OPENED).total_seconds()
    paused = sum(pause.seconds for pause in clock.pauses)
    assert sum(line.elapsed_seconds for line in clock.desks) == clock.elapsed_seconds
    assert clock.elapsed_seconds + paused == passed == 24.5 * HOUR
    spans = sorted(
        [(line.started_at, line.ended_at) for line in clock.desks]
        + [(pause.started_at, pause.ended_at) for pause in clock.pauses]
    )
    assert (spans[0][0], spans[-1][1]) == (OPENED, RESOLVED)
    assert all(ended == started for (_, ended), (started, _) in pairwise(spans))
    # What is stored says the same as what is explained.
    view = (await sla.clock_of("fix")).view
    assert (view.used_seconds, view.due_at) == (clock.used_seconds, DUE)


async def test_at_every_minute_as_much_is_used_as_the_table_says() -> None:
    """While the story goes on, the figure on the way is right too, not only that at the end."""
    sla, events = Sla(configuration=three_desks()), list(told())
    at = OPENED
    for event, following in pairwise(events):
        await sla.feed(event)
        while at < following.time:
            clock = await explained(sla, at)
            row = next(row for row in TABLE if row.since <= at < row.until)
            left = (row.until - at).total_seconds() if row.what == COUNTS else 0
            assert clock.used_seconds == row.together - left, at
            assert clock.left_seconds == 20 * HOUR - clock.used_seconds
            at += timedelta(minutes=1)
    assert at == RESOLVED


async def test_a_person_reads_the_table() -> None:
    """The text names each desk with its own wall clock, in English and in Chinese."""
    sla = await after_all()
    document = await sla.document()
    assert document.state is not None
    found = sla.handlers.explain(document, document.state, utc(2, 20))
    english, chinese = render(found).splitlines(), render(found, lang="zh").splitlines()
    windows = [
        "      Wed 2026-07-01 15:00 to Wed 2026-07-01 17:30: 2 h 30 min, together 2 h 30 min",
        "      Wed 2026-07-01 13:00 to Wed 2026-07-01 16:15: 3 h 15 min, together 5 h 45 min",
        "      Wed 2026-07-01 17:30 to Wed 2026-07-01 18:00: 30 min, together 6 h 15 min",
        "      Thu 2026-07-02 09:00 to Thu 2026-07-02 17:00: 8 h, together 14 h 15 min",
        "      Thu 2026-07-02 10:00 to Thu 2026-07-02 14:00: 4 h, together 18 h 15 min",
        "      Thu 2026-07-02 09:00 to Thu 2026-07-02 10:30: 1 h 30 min, together 19 h 45 min",
    ]
    assert [line for line in english if "together" in line] == windows
    assert "  Due 2026-07-02 14:45 UTC." in english
    assert "  Calendar time: 23 h 15 min used, 3 h 15 min over; by it due" in "\n".join(english)
    (paused,) = [line for line in english if "waits for the contact" in line]
    assert paused.endswith("1 h 15 min on the calendar")
    assert len(chinese) == len(english)
    assert [line for line in chinese if "累计" in line][-1].endswith("累计 19小时45分")
