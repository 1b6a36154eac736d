"""The scorecard of a month: what agreements promise beside their clocks, from the events alone."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliodesk.cli.sla import Table as CliTable
from services.sla.domain.report_csv import Table
from services.sla.domain.scorecard import Measured
from shared.contracts.envelope import Event
from shared.contracts.lifecycle import TicketConfirmed
from shared.contracts.routing import Said, Status, TicketReopened, TicketResolved
from shared.organisation import Configuration
from tests.handlers.test_sla_reports import CLOSED, client, every_answer
from tests.support.evidence import Evidenced
from tests.support.sla import TENANT, Story, facts, organisation, utc

AGREEMENTS = """
agreements:
  - name: alpha
    title: Alpha <Ltd>
    state: in-force
    parties: {customer: Alpha}
    condition: business == "alpha"
    targets: {fix: {P2: 8h}}
    measures:
      {first_line_rate_min: 0.5, reopen_rate_max: 0.05, attained_min: 0.9, satisfaction_min: 4.2}
  - name: everybody
    title: Everybody
    state: in-force
    parties: {customer: All}
    measures: {first_line_rate_min: 0.65, reopen_rate_max: 0.5, availability_min: 0.999}
  - name: global-desk
    title: Desks
    kind: ola
    state: in-force
    parties: {internal_supplier: global}
    measures: {reopen_rate_max: 0.1}
  - name: maker
    title: Maker
    kind: uc
    state: in-force
    parties: {external_supplier: maker}
    measures: {reopen_rate_max: 0.1, attained_min: 0.9}
"""
SUPPLIERS = "suppliers: [{name: maker, title: Maker}]"


def promised(agreements: str = AGREEMENTS) -> Configuration:
    """Return the organisation of the tests with agreements."""
    return organisation(agreements=agreements, suppliers=SUPPLIERS)


class Tale(Story):
    """A ticket whose resolutions say more."""

    def solved(self, at: datetime, *, first_line: bool = True) -> Event[Any]:
        """Service is restored, at the first line or not."""
        self.status = Status.RESOLVED
        return self._work(at, TicketResolved, by="ann", first_line=first_line)

    def confirmed(self, at: datetime) -> Event[Any]:
        """The requester is satisfied."""
        return self._work(at, TicketConfirmed, said=Said.LINK)

    def dissatisfied(self, at: datetime) -> Event[Any]:
        """The requester is not."""
        self.status = Status.QUEUED
        return self._work(at, TicketReopened, reason="dissatisfied", said=Said.LINK)


def tale(number: int, business: str | None = "alpha", **more: Any) -> Tale:
    """Return a ticket of a customer."""
    return Tale(ticket=f"ticket-{number}", facts=facts(f"HD-{number}", business=business), **more)


async def july(agreements: str = AGREEMENTS) -> Evidenced:
    """Three tickets of Alpha and one of nobody.

    The first is solved, refused, and solved again by the second line; the second is confirmed; the
    third is solved and silent. The fourth is solved by Global.
    """
    sla = Evidenced(configuration=promised(agreements))
    one, two, three, four = tale(1), tale(2), tale(3), tale(4, None)
    await sla.feed(*(t.accepted() for t in (one, two, three, four)))
    await sla.feed(*(t.queued(utc(2, 14)) for t in (one, two, three)), four.queued(utc(2, 14)))
    await sla.feed(
        one.solved(utc(2, 15)),
        two.solved(utc(2, 15)),
        three.solved(utc(2, 15)),
        four.queued(utc(2, 15), "global"),
        four.solved(utc(2, 15), first_line=False),
        two.confirmed(utc(2, 16)),
        two.closed(utc(2, 16)),
        one.dissatisfied(utc(2, 16)),
        one.queued(utc(2, 16)),
        one.solved(utc(2, 17), first_line=False),
    )
    sla.clock.set(CLOSED + timedelta(hours=1))
    return sla


def figures(measures: tuple[Measured, ...]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return numerator, denominator, value, verdict and reason by agreement and measure."""
    return {
        (m.agreement, m.measure): (m.numerator, m.denominator, m.value, m.kept, m.why)
        for m in measures
    }


async def test_each_measure_has_its_cases_and_its_verdict() -> None:
    """Of four resolutions of Alpha one was reopened; of the three that stand two are first-line."""
    report = await (await july()).report()
    assert report.status == "closed"
    found = figures(report.scorecard)
    met = sum(c.met for c in report.cells if c.agreement == "alpha")
    assert met == 3
    assert found == {
        ("alpha", "attained_min"): (3, 3, 1.0, True, None),
        ("alpha", "first_line_rate_min"): (2, 3, 0.666666, True, None),
        ("alpha", "reopen_rate_max"): (1, 4, 0.25, False, None),
        ("alpha", "satisfaction_min"): (1, 2, None, None, "no-marks"),
        ("everybody", "first_line_rate_min"): (0, 1, 0.0, False, None),
        ("everybody", "reopen_rate_max"): (0, 1, 0.0, True, None),
        ("everybody", "availability_min"): (0, 0, None, None, "not-measured"),
        ("global-desk", "reopen_rate_max"): (0, 1, 0.0, True, None),
        ("maker", "attained_min"): (0, 0, None, None, "no-cases"),
        ("maker", "reopen_rate_max"): (0, 0, None, None, "not-measured"),
    }
    first = report.scorecard[0]
    assert (first.title, first.kind, first.party, first.target) == (
        "Alpha <Ltd>",
        "sla",
        "Alpha",
        0.9,
    )


@pytest.mark.parametrize(
    ("asked", "agreements", "reopened"),
    [
        ({}, ["alpha", "everybody", "global-desk", "maker"], (1, 4)),
        ({"agreement": "alpha"}, ["alpha"], (1, 4)),
        ({"agreement": "-"}, [], None),
        ({"customer": "alpha"}, ["alpha"], (1, 4)),
        ({"customer": "-"}, ["everybody", "global-desk"], None),
        ({"desk": "global"}, ["everybody", "global-desk"], None),
        ({"priority": "P1"}, [], None),
    ],
)
async def test_filters_are_those_of_the_report(
    asked: dict[str, str], agreements: list[str], reopened: tuple[int, int] | None
) -> None:
    """A filter counts what it asks for; agreements without any of it are not listed."""
    report = await (await july()).report(**asked)
    assert list(dict.fromkeys(m.agreement for m in report.scorecard)) == agreements
    found = figures(report.scorecard).get(("alpha", "reopen_rate_max"))
    assert (found and found[:2]) == reopened


async def test_a_target_that_is_just_kept_is_kept_exactly() -> None:
    """1 of 20 keeps 5 %, which no float would be asked for; 1 of 19 does not."""
    for count, kept, value in ((20, True, 0.05), (19, False, 0.052632)):
        sla = Evidenced(configuration=promised())
        for number in range(count):
            one = tale(number)
            await sla.feed(one.accepted(), one.queued(utc(2, 14)), one.solved(utc(2, 15)))
            if number == 0:
                await sla.feed(one.reopened(utc(2, 16)))
        report = await sla.report()
        found = figures(report.scorecard)["alpha", "reopen_rate_max"]
        assert found == (1, count, value, kept, None)


async def test_a_closed_month_is_the_same_byte_by_byte_whatever_comes_later() -> None:
    """Later versions, reopenings and merges change nothing, also in a store that was lost."""
    sla = await july()
    await sla.project()
    before = await every_answer(sla)
    sla.configurations.install(
        TENANT, promised("agreements: []"), version=2, applied_at=sla.clock.now()
    )
    late = CLOSED + timedelta(days=1)
    two, three = tale(2, tickets=4), tale(3, tickets=2)
    await sla.feed(two.dissatisfied(late), three.closed(late, "merged"))
    await sla.project()
    assert await every_answer(sla) == before
    rebuilt = Evidenced(configuration=promised())
    rebuilt.clock.set(sla.clock.now())
    rebuilt.configurations.install(
        TENANT, promised("agreements: []"), version=2, applied_at=sla.clock.now()
    )
    rebuilt.log, rebuilt.tickets = sla.log, sla.tickets
    await rebuilt.solved.replay(rebuilt.tickets)
    assert rebuilt.solutions.outcomes == sla.solutions.outcomes
    await rebuilt.project()
    assert await every_answer(rebuilt) == before
    letters = [letter.error for letter in (*sla.letters.kept, *rebuilt.letters.kept)]
    assert letters == []


async def test_what_changes_after_the_closing_is_told_of_once_in_the_next_report() -> None:
    """A late reopening, a late confirmation and a merge; the resolutions of July stay counted."""
    sla = await july()
    late = CLOSED + timedelta(days=1)
    one, two, three = tale(1, tickets=5), tale(2, tickets=4), tale(3, tickets=2)
    await sla.feed(
        one.confirmed(late),
        two.dissatisfied(late),
        two.queued(late),
        two.solved(late + timedelta(hours=1)),
        three.closed(late, "merged"),
    )
    august = await sla.report("2026-08")
    told = [
        (c.number, c.was, c.verdict_was, c.now, c.verdict, c.agreements)
        for c in august.resolution_changes
    ]
    assert told == [
        ("HD-1", "resolved", None, "resolved", "satisfied", ("alpha",)),
        ("HD-2", "resolved", "satisfied", "reopened", "dissatisfied", ("alpha",)),
        ("HD-3", "resolved", None, None, None, ("alpha",)),
    ]
    assert figures(august.scorecard)["alpha", "reopen_rate_max"][:2] == (0, 1)
    assert (await sla.report("2026-08", customer="beta")).resolution_changes == ()
    assert (await sla.report("2026-08", agreement="everybody")).resolution_changes == ()
    assert figures((await sla.report()).scorecard)["alpha", "reopen_rate_max"][:2] == (1, 4)
    sla.clock.set(datetime(2026, 10, 9, tzinfo=UTC))
    assert (await sla.report("2026-09")).resolution_changes == ()
    assert (await sla.report("2026-08")).resolution_changes == august.resolution_changes


async def test_an_event_that_waited_for_the_broker_is_told_when_it_was_written() -> None:
    """Made in July, written after July was closed: July does not change, August tells of it."""
    sla = await july()
    await sla.project()
    before = await every_answer(sla)
    two = tale(2, tickets=4)
    made = utc(30, 8)
    record = sla.record(two.dissatisfied(made))
    late = CLOSED + timedelta(minutes=30)
    sla.tickets[-1] = replace(record, timestamp_ms=int(late.timestamp() * 1_000))
    await sla.project()
    assert await every_answer(sla) == before
    (change,) = (await sla.report("2026-08")).resolution_changes
    assert (change.number, change.was, change.now) == ("HD-2", "resolved", "reopened")


async def test_whose_a_ticket_is_and_what_is_promised() -> None:
    """A ticket is its agreement's as of acceptance; the targets are those at the month's end."""
    sla = await july()
    stricter = promised(AGREEMENTS.replace("reopen_rate_max: 0.05", "reopen_rate_max: 0.3"))
    sla.configurations.install(TENANT, stricter, version=2, applied_at=utc(31, 23))
    other = promised(AGREEMENTS.replace('business == "alpha"', 'business == "nobody"'))
    sla.configurations.install(TENANT, other, version=3, applied_at=utc(1, 0, month=8))
    report = await sla.report()
    (found,) = [m for m in report.scorecard if m.measure == "reopen_rate_max"][:1]
    assert (found.agreement, found.target, found.kept) == ("alpha", 0.3, True)
    assert (found.numerator, found.denominator) == (1, 4)


async def test_an_agreement_that_does_not_bind_is_not_listed() -> None:
    """A draft, and one that began after the month."""
    text = AGREEMENTS.replace("title: Everybody\n    state: in-force", "title: E\n    state: draft")
    text = text.replace("title: Maker\n", "title: Maker\n    valid_from: 2026-08-01\n")
    report = await (await july(text)).report()
    assert {m.agreement for m in report.scorecard} == {"alpha", "global-desk"}


async def test_who_never_said_the_line_is_no_case() -> None:
    """Old events do not say at which line a ticket was solved."""
    sla, one = Evidenced(configuration=promised()), tale(1)
    await sla.feed(one.accepted(), one.queued(utc(2, 14)), one.solved(utc(2, 15), first_line=False))
    record = sla.tickets[-1]
    body = json.loads(record.value or b"")
    del body["first_line"]
    sla.tickets[-1] = replace(record, value=json.dumps(body).encode())
    found = figures((await sla.report()).scorecard)
    assert found["alpha", "first_line_rate_min"] == (0, 0, None, None, "no-cases")
    assert found["alpha", "reopen_rate_max"] == (0, 1, 0.0, True, None)


async def test_a_missing_event_of_a_ticket_makes_the_report_provisional() -> None:
    """Nobody knows what it said."""
    sla = await july()
    gap = tale(2, tickets=5)
    await sla.feed(gap.reopened(utc(3, 9)))
    report = await sla.report()
    assert (report.status, report.because) == ("provisional", "gaps")
    (letter,) = sla.letters.kept
    assert "event 5 is missing" in letter.error


async def test_the_answers_as_csv_and_as_pages() -> None:
    """The same figures; what people have written is only text."""
    sla = await july()
    await sla.project()
    async with client(sla) as http:
        table = {"format": "csv", "table": "scorecard"}
        rows = list(
            csv.DictReader(io.StringIO((await http.get("/v1/reports/2026-07", params=table)).text))
        )
        page = (await http.get("/v1/reports/2026-07", params={"format": "html"})).text
        chinese = (
            await http.get("/v1/reports/2026-07", params={"format": "html", "lang": "zh"})
        ).text
    assert len(rows) == 10
    reopened = next(
        r for r in rows if (r["agreement"], r["measure"]) == ("alpha", "reopen_rate_max")
    )
    assert (reopened["target"], reopened["value"], reopened["kept"]) == ("0.05", "0.25", "no")
    assert (reopened["numerator"], reopened["denominator"], reopened["status"]) == (
        "1",
        "4",
        "closed",
    )
    down = next(r for r in rows if r["measure"] == "availability_min")
    assert (down["value"], down["kept"], down["why"]) == ("", "", "not-measured")
    assert "Scorecard of the agreements" in page
    assert "Alpha &lt;Ltd&gt;" in page
    assert "<td>✗ missed</td>" in page
    assert "协议记分卡" in chinese
    assert "重新打开率" in chinese


def test_the_command_line_has_every_table() -> None:
    """Whatever the service can answer may be asked for."""
    assert {table.value for table in CliTable} == set(get_args(Table))


STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["solve", "solve-late", "reopen", "refuse", "confirm", "merge"]),
        st.integers(1, 40),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
async def test_the_figures_are_those_of_a_plain_recount(steps: list[tuple[int, str, int]]) -> None:
    """Whatever happens to tickets: counted once more, naively, from the list of what happened."""
    sla = Evidenced(configuration=promised())
    tales = [tale(number, "alpha" if number % 2 else None) for number in range(4)]
    for one in tales:
        await sla.feed(one.accepted(), one.queued(utc(2, 14)))
    at = utc(2, 14)
    history: dict[int, list[tuple[str, datetime]]] = {number: [] for number in range(4)}
    for number, step, hours in steps:
        at += timedelta(hours=hours)
        event = stepped(tales[number], step, at)
        if event is not None:
            await sla.feed(event)
            history[number].append((step, at))
    sla.clock.set(datetime(2026, 9, 9, tzinfo=UTC))
    found = figures((await sla.report()).scorecard)
    for name, numbers in (("alpha", (1, 3)), ("everybody", (0, 2))):
        counts: Counter[str] = Counter()
        for number in numbers:
            counts += recounted(history[number])
        line, reopened = (found[name, m][:2] for m in ("first_line_rate_min", "reopen_rate_max"))
        assert line == (counts["first"], counts["standing"])
        assert reopened == (counts["reopened"], counts["all"])
        if name == "alpha":
            said = counts["satisfied"], counts["satisfied"] + counts["dissatisfied"]
            assert found[name, "satisfaction_min"][:2] == said


def stepped(one: Tale, step: str, at: datetime) -> Event[Any] | None:
    """Return the event of a step; None where a ticket cannot take it as it stands."""
    resolved = one.status is Status.RESOLVED
    match step:
        case "solve" | "solve-late" if one.status is Status.QUEUED:
            return one.solved(at, first_line=step == "solve")
        case "reopen" if resolved:
            return one.reopened(at)
        case "refuse" if resolved:
            return one.dissatisfied(at)
        case "confirm" if resolved:
            return one.confirmed(at)
        case "merge" if one.status is not Status.CLOSED:
            return one.closed(at, "merged")
    return None


def recounted(history: list[tuple[str, datetime]]) -> Counter[str]:
    """Return what one ticket adds to July, which was closed at `CLOSED`."""
    counts: Counter[str] = Counter()
    known = [(step, at) for step, at in history if at <= CLOSED]
    for place, (step, at) in enumerate(known):
        if not step.startswith("solve") or at.month != 7:
            continue
        after: list[str] = []
        for following, _ in known[place + 1 :]:
            after.append(following)
            if following in {"reopen", "refuse"}:
                break
        if "merge" in after:
            continue
        reopened = bool({"reopen", "refuse"} & set(after))
        counts["all"] += 1
        counts["reopened"] += reopened
        counts["standing"] += not reopened
        counts["first"] += step == "solve" and not reopened
        refused = "refuse" in after
        counts["dissatisfied"] += refused
        counts["satisfied"] += "confirm" in after and not refused
    return counts
