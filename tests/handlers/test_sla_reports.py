from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI

from services.sla.domain.report_csv import Table
from services.sla.domain.report_html import page_of
from services.sla.reports import FOLLOWED, TOPICS
from services.sla.reports_api import reports_router
from services.sla.ticker import GroupCaughtup
from shared.auth import Actor
from shared.contracts.control import IdentityKind, Role
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason
from shared.contracts.topics import CLOCKS, CONFIGURATION, REQUESTS, TICKETS, Topic
from shared.http import equip
from shared.kernel import Infrastructure
from tests.support.evidence import Evidenced, MemoryEvidence
from tests.support.sla import TENANT, Story, facts, organisation, utc

CLOSED = datetime(2026, 8, 4, 0, 0, tzinfo=UTC)
"""When July is closed."""


class Tokens:
    """An authenticator that knows one agent of each tenant."""

    def actor(self, bearer: str) -> Actor | None:
        """Return who presents a token: its text is the tenant."""
        return Actor(
            identity="id",
            name="ann",
            tenant=bearer,
            kind=IdentityKind.AGENT,
            roles=frozenset({Role.AGENT}),
        )


def client(sla: Evidenced) -> httpx.AsyncClient:
    """Return a client that speaks as an agent of the tenant."""
    app = FastAPI()
    equip(app)
    app.state.authenticator = Tokens()
    app.include_router(reports_router(sla.reports))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://sla",
        headers={"Authorization": f"Bearer {TENANT}"},
    )


async def july(sla: Evidenced | None = None) -> Evidenced:
    """Three tickets of July.

    The first, of Alpha, is late by an hour's waiting at London, then at Global, and is answered in
    time; the second, of Beta, is in time; the third breaks its response, which nobody gives.
    """
    sla = sla or Evidenced()
    one = Story(facts=facts(business="alpha"))
    two = Story(ticket="ticket-2", facts=facts("HD-2", business="beta"))
    three = Story(ticket="ticket-3", facts=facts("HD-3"))
    await sla.feed(
        one.accepted(),
        one.queued(utc(2, 14)),
        one.message(utc(2, 14, 20)),
        one.pended(utc(2, 14, 30)),
        two.accepted(),
        two.queued(utc(2, 14)),
        two.message(utc(2, 14, 30)),
        three.accepted(),
        three.queued(utc(2, 14)),
    )
    await sla.tick(utc(2, 15, 10))
    await sla.feed(
        two.resolved(utc(2, 15, 15)),
        one.resumed(utc(2, 15, 30)),
        one.queued(utc(2, 16), "global"),
    )
    for hour in (18, 20, 23):
        await sla.tick(utc(2, hour))
    await sla.tick(utc(3, 2))
    await sla.feed(one.resolved(utc(3, 2, 30)), three.message(utc(3, 8, 30)))
    await sla.feed(three.resolved(utc(3, 9)))
    return sla


async def test_a_month_says_what_was_kept_and_who_spent_the_time() -> None:
    """Counts by customer, and a breach with its desks and pauses, from the events alone."""
    sla = await july()
    sla.clock.set(CLOSED + timedelta(hours=1))
    report = await sla.report()
    assert (report.status, report.as_of) == ("closed", CLOSED)
    assert (report.total.met, report.total.missed, report.total.share) == (4, 2, 0.666666)
    assert [(c.name, c.met, c.missed) for c in report.customers] == [
        ("alpha", 1, 1),
        ("beta", 2, 0),
        (None, 1, 1),
    ]
    answer, fix = report.breaches
    assert (answer.number, answer.due_at, answer.ended_at) == ("HD-3", utc(2, 15), utc(3, 8, 30))
    # Half an hour before the pause, half an hour after it, then eight hours less one at Global.
    assert (fix.number, fix.desk, fix.due_at) == ("HD-1", "global", utc(2, 23))
    assert [(s.desk, s.seconds) for s in fix.spent] == [("london", 3600), ("global", 37800)]
    (pause,) = fix.pauses
    assert (pause.reason, pause.desk, pause.started_at, pause.ended_at, pause.seconds) == (
        "customer",
        "london",
        utc(2, 14, 30),
        utc(2, 15, 30),
        3600,
    )
    assert [(c.desk, c.seconds, c.clocks, c.most) for c in report.causes] == [
        ("global", 37800, 1, 1),
        ("london", 3600 + 12600, 2, 1),
    ]
    assert [(d.day, d.met, d.missed) for d in report.days if d.met or d.missed] == [
        ("2026-07-02", 3, 2),
        ("2026-07-03", 1, 0),
    ]
    assert len(report.days) == 31


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 6),
        ({"customer": "alpha"}, 2),
        ({"customer": "-"}, 2),
        ({"customer": "nobody"}, 0),
        ({"desk": "global"}, 1),
        ({"agreement": "-"}, 6),
        ({"agreement": "gold"}, 0),
        ({"priority": "P2"}, 6),
        ({"priority": "P1"}, 0),
        ({"customer": "alpha", "desk": "london"}, 1),
    ],
)
async def test_filters_leave_out_the_other_clocks(asked: dict[str, str], count: int) -> None:
    """Each filter asks for one name; a dash for those without."""
    sla = await july()
    report = await sla.report(**asked)
    assert report.total.met + report.total.missed == count
    assert sum(cell.met + cell.missed for cell in report.cells) == count


async def every_answer(sla: Evidenced, month: str = "2026-07") -> dict[str, bytes]:
    """Return a month's report in all its forms, byte by byte."""
    queries = [
        {"format": "json"},
        {"format": "html"},
        {"format": "html", "lang": "zh"},
        *({"format": "csv", "table": table} for table in get_args(Table)),
    ]
    found = {}
    async with client(sla) as http:
        for query in queries:
            answer = await http.get(f"/v1/reports/{month}", params=query)
            assert answer.status_code == 200, answer.text
            found[json.dumps(query)] = answer.content
    return found


async def test_last_months_report_is_the_same_byte_by_byte_after_todays_edits() -> None:
    """Neither another configuration nor later events of the same tickets change it."""
    sla = await july()
    sla.clock.set(CLOSED + timedelta(hours=1))
    await sla.project()
    before = await every_answer(sla)
    assert b'"status":"closed"' in before['{"format": "json"}']
    sla.configurations.install(
        TENANT,
        organisation(
            desks="desks: [{name: other, title: Other, calendar: always}]",
            agents="agents: []",
            topologies="topologies: [{name: all, shape: centralized, desk: other}]",
            sla="policies: [{name: new, metric: resolution, targets: {P2: 1m}}]",
        ),
        version=2,
    )
    assert await every_answer(sla) == before
    one = Story(facts=facts(business="alpha"), requests=3, tickets=5)
    late = datetime(2026, 8, 5, 8, tzinfo=UTC)
    await sla.feed(
        one.prioritised(late, Priority.P1), one.reopened(late), one.resolved(late + timedelta(1))
    )
    await sla.project()
    assert await every_answer(sla) == before
    rebuilt = Evidenced()
    rebuilt.clock.set(sla.clock.now())
    rebuilt.log, rebuilt.tickets = sla.log, sla.tickets
    await rebuilt.project()
    assert await every_answer(rebuilt) == before


async def test_a_closed_month_that_changes_is_told_of_in_the_next_report_once() -> None:
    """Reopened after July was closed: July keeps it, August says so, September is silent."""
    sla = await july()
    late = CLOSED + timedelta(days=1)
    sla.clock.set(CLOSED + timedelta(hours=1))
    assert (await sla.report()).corrections == ()
    two = Story(ticket="ticket-2", facts=facts("HD-2", business="beta"), requests=2, tickets=2)
    await sla.feed(two.reopened(late), two.resolved(late + timedelta(hours=1)))
    august = await sla.report("2026-08")
    (found,) = august.corrections
    assert (found.number, found.was, found.was_at) == ("HD-2", "met", utc(2, 15, 15))
    assert (found.now, found.now_at) == ("met", late + timedelta(hours=1))
    assert august.total.met == 1
    assert (await sla.report("2026-08", customer="alpha")).corrections == ()
    assert (await sla.report()).total.met == 4
    sla.clock.set(datetime(2026, 10, 9, tzinfo=UTC))
    assert (await sla.report("2026-09")).corrections == ()
    assert (await sla.report("2026-08")).corrections == (found,)


async def test_what_is_told_too_late_for_its_month_is_a_correction_of_the_next() -> None:
    """A breach of July that is told after July was closed is lost in neither report."""
    sla, story = Evidenced(), Story(facts=facts(accepted_at=utc(31, 8)))
    await sla.feed(story.accepted(), story.queued(utc(31, 8)))
    sla.clock.set(CLOSED + timedelta(hours=1))
    await sla.tick()
    assert (await sla.report()).total.missed == 0
    sla.clock.set(datetime(2026, 9, 10, tzinfo=UTC))
    august = await sla.report("2026-08")
    assert [(c.was, c.now, c.now_at) for c in august.corrections] == [
        (None, "missed", utc(31, 9)),
        (None, "missed", utc(31, 16)),
    ]


async def test_a_withdrawn_breach_does_not_count() -> None:
    """The answer from before the due time comes late: told as broken, withdrawn, and met."""
    sla, story = Evidenced(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.tick(utc(2, 15, 10))
    assert (await sla.report()).total.missed == 1
    sla.clock.set(utc(2, 15, 20))
    await sla.feed(story.message(utc(2, 14, 50)))
    report = await sla.report()
    assert (report.total.met, report.total.missed, report.breaches) == (1, 0, ())
    # As it was known in between, it was one.
    known = await sla.report(as_of=utc(2, 15, 10))
    assert (known.total.missed, known.because) == (1, "open")


async def test_a_pause_that_lasts_and_a_clock_that_goes_on_are_shown_so() -> None:
    """A broken clock that waits is counted as far as its last event."""
    sla, story = Evidenced(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.message(utc(2, 14, 10)))
    await sla.tick(utc(3, 13, 30))
    await sla.feed(story.pended(utc(3, 14), PendReason.CHANGE))
    (breach,) = (await sla.report()).breaches
    assert (breach.ended_at, breach.used_seconds) == (None, 9 * 3600)
    assert [(p.reason, p.started_at, p.ended_at) for p in breach.pauses] == [
        ("change", utc(3, 14), None)
    ]


async def test_the_time_zone_bounds_the_month() -> None:
    """An end at 17:30 UTC on 31 July lies in August in Shanghai, and in July in UTC."""
    sla = Evidenced()
    story = Story(facts=facts(accepted_at=utc(31, 17)))
    await sla.feed(story.accepted(), story.queued(utc(31, 17)), story.resolved(utc(31, 17, 30)))
    assert (await sla.report()).total.met == 2
    shanghai = await sla.report(time_zone="Asia/Shanghai")
    assert (shanghai.total.met, shanghai.ends_at) == (0, utc(31, 16))
    sla.clock.set(CLOSED)
    assert (await sla.report("2026-08", time_zone="Asia/Shanghai")).total.met == 2


@pytest.mark.parametrize("step", ["versions", "replaced", "folds"])
async def test_a_crash_at_any_step_and_redelivery_change_nothing(step: str) -> None:
    """However often and in what batches the topic is read, the rows are the same."""
    sla = await july()
    await sla.project()
    records = await sla.records()
    again = Evidenced(evidence=MemoryEvidence())
    for size in (1, 3, 7):
        for start in range(0, len(records), size):
            batch = records[max(0, start - 2) : start + size]
            again.evidence.fails_at = step
            for _ in range(3):
                try:
                    await again.projector.process(batch)
                except Infrastructure:
                    continue
    assert again.evidence.outcomes == sla.evidence.outcomes
    assert again.evidence.folds == sla.evidence.folds
    assert not again.letters.kept


async def test_a_gap_is_a_dead_letter_and_reports_say_that_something_is_missing() -> None:
    """A ticket whose event is missing is marked once, and mended by reading from the start."""
    sla = await july()
    sla.clock.set(CLOSED + timedelta(hours=1))
    records = await sla.records()
    key = records[-1].key
    of_one = [record for record in records if record.key == key]
    missing = of_one[2]
    await sla.projector.process([record for record in records if record is not missing])
    assert [(row.aggregate, row.stream) for row in sla.letters.kept] == [("evidence", None)]
    scope = await sla.reports.scope(TENANT, question())
    assert scope.because == "gaps"
    assert (await sla.reports.scope("other", question())).because is None
    await sla.projector.process([replace(records[0], value=b"{}", headers=(("x", b"y"),))])
    assert len(sla.letters.kept) == 2
    assert (await sla.report()).status == "closed"


def question(month: str = "2026-07") -> Any:
    """Return a question for a month."""
    from services.sla.reports import Question  # noqa: PLC0415

    return Question(month=month)


async def test_a_report_is_closed_only_when_all_from_before_is_taken_in() -> None:
    """While events wait for the broker or for the reader it is provisional, and says why."""
    sla = await july()
    sla.clock.set(CLOSED)
    assert (await sla.report()).because == "open"
    sla.clock.set(CLOSED + timedelta(seconds=30))
    assert (await sla.report()).because == "catching-up"
    sla.clock.set(CLOSED + timedelta(minutes=2))
    sla.outboxes.waits = True
    assert (await sla.report()).because == "catching-up"
    sla.outboxes.waits = False
    report = await sla.report()
    assert (report.status, report.because) == ("closed", None)
    known = await sla.report(as_of=utc(2, 15, 10))
    assert (known.because, known.total.missed) == ("as-of", 1)


class Topics:
    """What the broker says of topics that were read to their ends, but for those that lag."""

    def __init__(self) -> None:
        self.lagging: Topic | None = None

    async def end_offsets(self, _topic: Topic) -> dict[int, int]:
        """Return the ends."""
        return {0: 5, 1: 3}

    async def committed(self, topic: Topic) -> dict[int, int]:
        """Return what the group has taken in; what is only followed it never commits."""
        assert topic is not CONFIGURATION
        return {0: 5, 1: 3} if topic is not self.lagging else {0: 5, 1: 2}

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return what this process has read; nothing while a batch is on its way."""
        assert topic is CONFIGURATION
        return {0: 5, 1: 3} if topic is not self.lagging else {}


@pytest.mark.parametrize("topic", [REQUESTS, TICKETS, CLOCKS, CONFIGURATION])
async def test_a_month_closes_when_each_of_its_topics_is_read(topic: Topic) -> None:
    """Of the configurations, too: a version of the month may be what has not been read."""
    sla, topics = await july(), Topics()
    reports = sla.reports_by(GroupCaughtup(topics, TOPICS, sla.clock, followed=FOLLOWED))
    sla.clock.set(CLOSED + timedelta(minutes=2))
    for lagging, because in ((topic, "catching-up"), (None, None)):
        topics.lagging = lagging
        asking = asyncio.create_task(reports.scope(TENANT, question()))
        await sla.clock.advance(0)
        await sla.clock.advance(10)
        assert (await asking).because == because


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with the tickets of July, in July."""
    sla = await july()
    await sla.project()
    async with client(sla) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("2026-08", {}, "month"),
        ("2026-13", {}, "month"),
        ("2026-7", {}, "month"),
        ("0000-01", {}, "month"),
        ("July", {}, "month"),
        ("2026-07", {"time_zone": "Mars/Base"}, "time_zone"),
        ("2026-07", {"time_zone": "../etc/passwd"}, "time_zone"),
        ("2026-07", {"as_of": "2026-06-01T00:00:00Z"}, "as_of"),
        ("2026-07", {"as_of": "2027-01-01T00:00:00Z"}, "as_of"),
        ("2026-07", {"as_of": "yesterday"}, "as_of"),
        ("2026-07", {"format": "pdf"}, "format"),
        ("2026-07", {"table": "all"}, "table"),
        ("2026-07", {"lang": "fr"}, "lang"),
        ("2026-07", {"customer": "x" * 81}, "customer"),
    ],
)
async def test_bad_questions_are_refused_by_name(
    http: httpx.AsyncClient, path: str, query: dict[str, str], field: str
) -> None:
    """Each refusal names the parameter that is at fault."""
    answer = await http.get(f"/v1/reports/{path}", params=query)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_another_tenant_sees_nothing(http: httpx.AsyncClient) -> None:
    """A month of another tenant has no clocks, no breaches and no names."""
    answer = await http.get("/v1/reports/2026-07", headers={"Authorization": "Bearer other"})
    assert answer.json()["cells"] == []
    page = await http.get(
        "/v1/reports/2026-07",
        params={"format": "html"},
        headers={"Authorization": "Bearer other"},
    )
    assert "No clock counts in this month." in page.text


async def test_csv_has_a_line_for_each_clock_and_its_tables(http: httpx.AsyncClient) -> None:
    """The lines are those of RFC 4180, with the ledger in words that can be split."""

    async def table(name: str) -> list[list[str]]:
        answer = await http.get("/v1/reports/2026-07", params={"format": "csv", "table": name})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert f"sla-2026-07-{name}.csv" in answer.headers["content-disposition"]
        return list(csv.reader(io.StringIO(answer.text, newline="")))

    assert len(await table("clocks")) == 7
    names, answer, fix = await table("breaches")
    shown = dict(zip(names, fix, strict=True))
    assert shown["spent"] == "london=3600; global=37800"
    assert shown["pauses"] == ("customer 2026-07-02T14:30:00.000Z/2026-07-02T15:30:00.000Z=3600")
    assert (shown["number"], shown["customer"], shown["target_seconds"]) == (
        "HD-1",
        "alpha",
        "28800",
    )
    assert answer[0] == "HD-3"
    summary = await table("summary")
    assert sum(int(line[11]) for line in summary[1:]) == 4
    assert len(await table("causes")) == 4
    assert len(await table("corrections")) == 1


async def test_a_page_escapes_names_and_csv_disarms_formulas() -> None:
    """A customer's name is text, whatever it holds."""
    sla = Evidenced()
    story = Story(facts=facts(business="=<script>1</script>"))
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.resolved(utc(2, 15)))
    report = await sla.report()
    for lang in ("en", "zh"):
        page = page_of(report, lang=lang)
        assert "<script" not in page
        assert "=&lt;script&gt;1" in page
    async with client(sla) as http:
        answer = await http.get("/v1/reports/2026-07", params={"format": "csv"})
    assert "'=<script>" in answer.text
