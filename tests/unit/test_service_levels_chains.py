"""Chains of a configuration: refused with the right ticket, checked against every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calendar import CompiledCalendar
from shared.organisation import Configuration, parse_sections
from shared.service_levels import NoTargets, check_chains, propose_targets
from shared.service_levels.late_words import LateChain
from tests.support.cost import assert_linear
from tests.unit.organisation_files import FILES

SPRING = datetime(2027, 3, 22, tzinfo=UTC)
"""The clocks of London change on Sunday the 28th at 01:00 UTC."""
CALENDARS = """\
calendars:
  - {name: day, time_zone: Europe/London, hours: {mon-fri: [[09:00, 17:00]]}}
  - {name: china, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 17:00]]}}
  - {name: weekend, time_zone: Europe/London, hours: {mon-sat: [[08:00, 12:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
"""
SUPPLIERS = "suppliers: [{name: telco, title: Telco, calendar: weekend}]"


def organisation(policies: list[dict[str, Any]], **sections: Any) -> Configuration:
    """Return an organisation with these policies."""
    files = {
        **FILES,
        "calendars.yaml": CALENDARS,
        "suppliers.yaml": SUPPLIERS,
        "sla.yaml": yaml.safe_dump({"policies": policies}),
        **{f"{name}.yaml": yaml.safe_dump(content) for name, content in sections.items()},
    }
    return parse_sections(files)


def sla(target: Any, *links: str, **more: Any) -> dict[str, Any]:
    """Return a promise of a resolution for P2."""
    policy = {"name": "resolution", "metric": "resolution", "targets": {"P2": target}}
    return {**policy, "backed_by": list(links), **more}


def ola(desk: str, target: Any, **more: Any) -> dict[str, Any]:
    """Return what a desk promises of a P2."""
    return {
        "name": f"{desk}-hold",
        "kind": "ola",
        "metric": "hold",
        "desk": desk,
        "targets": {"P2": target},
        **more,
    }


def uc(target: Any) -> dict[str, Any]:
    """Return what the supplier promises of a P2, by its own hours."""
    return {
        "name": "telco-repair",
        "kind": "uc",
        "metric": "supplier",
        "supplier": "telco",
        "calendar": "supplier",
        "targets": {"P2": target},
    }


def test_the_refusal_names_the_ticket_that_would_be_late() -> None:
    """By hand: 4 h of London's desk and 4 h of the supplier's morning, promised in 8 office hours.

    Opened just after 13:00 on a Monday, London has used 4 h just after 09:00 on Tuesday, and the
    supplier, who works from 8 to 12, 4 h just after 09:00 on Wednesday. The promise was due just
    after 13:00 on Tuesday: 20 hours before.
    """
    found = organisation(
        [sla("8h", "london-hold", "telco-repair", calendar="day"), ola("london", "4h"), uc("4h")]
    )
    (late,) = check_chains(found, SPRING, days=7).late
    assert late.certain
    assert (late.policy, late.priority, late.number) == ("resolution", "P2", 0)
    moment = timedelta(milliseconds=1)
    monday = datetime(2027, 3, 22, 13, tzinfo=UTC) + moment
    assert (late.opened_at, late.late_seconds) == (monday, 20 * 3600)
    assert [step.ends_at for step in late.steps] == [
        datetime(2027, 3, day, 9, tzinfo=UTC) + moment for day in (23, 24)
    ]
    assert late.due_at == monday + timedelta(days=1)
    worst, ticket = brute(found, late, SPRING, 7)
    assert late.late_seconds == pytest.approx(worst, abs=60)
    assert late_of(found, late, late.opened_at) == late.late_seconds
    assert ticket.replace(microsecond=0) - late.opened_at <= timedelta(minutes=1)
    words = late.words()
    assert words.startswith("a P2 ticket (desk london) opened just after 2027-03-2")
    assert "London would be late by " in words
    assert "resolution promises 8 h, due " in words
    assert "london-hold (london, calendar day) 4 h, until " in words
    assert "telco-repair (telco, calendar weekend) 4 h, until " in words


def late_of(found: Configuration, late: LateChain, start: datetime) -> float:
    """Return how late the chain of a report is from a start, by the calendars alone."""
    promised = next(p for p in found.sla.policies if p.name == late.policy)
    at, left, due = start, float(late.target_seconds), None
    for step in late.steps:
        ends = found.calendar(step.calendar).add(at, step.target_seconds)
        by = promise_calendar(found, promised.calendar, step.desk)
        passed = by.between(at, ends)
        if due is None and passed >= left:
            due = by.add(at, left)
        left -= passed
        at = ends
    return 0.0 if due is None else max(0.0, (at - due).total_seconds())


def promise_calendar(found: Configuration, name: str, desk: str | None) -> CompiledCalendar:
    """Return the calendar by which a promise counts while a desk holds the work."""
    return found.desk_calendar(desk or "") if name == "desk" else found.calendar(name)


def brute(
    found: Configuration, late: LateChain, start: datetime, days: int
) -> tuple[float, datetime]:
    """Return the most that any minute's ticket is late, and the first such minute."""
    minutes = (start + timedelta(minutes=n) for n in range(days * 24 * 60))
    return max(
        ((late_of(found, late, at), at) for at in minutes),
        key=lambda pair: (pair[0], start - pair[1]),
    )


HOURS = st.integers(1, 20).map(lambda quarters: quarters * 900)


@given(
    promise=HOURS,
    first=HOURS,
    second=HOURS,
    supplier=st.booleans(),
    calendar=st.sampled_from(["desk", "day", "always", "weekend"]),
    own=st.sampled_from(["desk", "always", "weekend"]),
    week=st.sampled_from([SPRING, datetime(2026, 10, 22, tzinfo=UTC)]),
)
@settings(max_examples=12, deadline=None)
def test_no_minute_of_a_week_is_later_than_the_worst(  # noqa: PLR0917
    promise: int,
    first: int,
    second: int,
    supplier: bool,  # noqa: FBT001
    calendar: str,
    own: str,
    week: datetime,
) -> None:
    """In weeks in which the clocks change: the check and a look at each minute agree."""
    backing = uc(second) if supplier else ola("shanghai", second)
    policies = [
        sla(promise, "london-hold", backing["name"], calendar=calendar),
        ola("london", first, calendar=own),
        backing,
    ]
    found = organisation(policies)
    days = 5
    checked = check_chains(found, week, days=days).late
    if checked:
        (late,) = checked
        worst, _ = brute(found, late, week, days)
        assert late.late_seconds is not None
        assert late_of(found, late, late.opened_at) == late.late_seconds
        assert worst <= late.late_seconds <= worst + 60
        return
    # In time: a promise that no chain keeps shows the steps whose lateness is counted here.
    shortest = organisation([{**policies[0], "targets": {"P2": 1}}, *policies[1:]])
    (late,) = check_chains(shortest, week, days=days).late
    late = late.model_copy(update={"target_seconds": promise})
    worst, _ = brute(found, late, week, days)
    assert worst == 0


def test_what_follows_the_desk_is_a_sum() -> None:
    """London and Shanghai never meet, and 4 h + 4 h keep 8 h all the same, but not 7:59."""
    links = [ola("london", "4h"), ola("shanghai", "4h")]
    chain = ("london-hold", "shanghai-hold")
    assert not check_chains(organisation([sla("8h", *chain), *links]), SPRING).late
    (late,) = check_chains(organisation([sla("7h59m", *chain), *links]), SPRING).late
    assert late.late_seconds == 60


def test_agreements_targets_count_while_they_bind() -> None:
    """Gold customers are promised 5 h from May on: only their tickets, and only from then."""
    agreement = {
        "name": "gold",
        "title": "Gold",
        "state": "in-force",
        "valid_from": "2027-05-01",
        "time_zone": "Europe/London",
        "condition": "vip",
        "targets": {"resolution": {"P2": "5h"}},
    }
    policies = [
        sla("8h", "london-hold", "shanghai-hold"),
        ola("london", "4h"),
        ola("shanghai", "4h"),
    ]
    found = organisation(policies, agreements={"agreements": [agreement]})
    (late,) = check_chains(found, SPRING).late
    assert late.agreements == ("gold",)
    assert late.ticket["vip"] is True
    assert late.target_seconds == 5 * 3600
    assert late.opened_at >= datetime(2027, 4, 30, 23, tzinfo=UTC)
    for change in ({"state": "signed"}, {"valid_until": "2027-05-01", "valid_from": "2026-05-01"}):
        other = organisation(policies, agreements={"agreements": [{**agreement, **change}]})
        expected = 0 if "state" in change else 1
        assert len(check_chains(other, SPRING).late) == expected


def test_only_the_links_that_apply_to_a_ticket_are_added_up() -> None:
    """The network desk's hour counts for tickets of the network alone."""
    policies = [
        sla("5h", "london-hold", "centre-hold"),
        ola("london", "4h30m"),
        ola("centre", "1h", condition='service == "network"'),
    ]
    (late,) = check_chains(organisation(policies), SPRING).late
    assert late.ticket["service"] == "network"
    assert [step.policy for step in late.steps] == ["london-hold", "centre-hold"]


def test_a_condition_that_nobody_can_decide_is_no_refusal() -> None:
    """Whether a category begins with zz depends on the ticket: told, but not certain."""
    policies = [
        sla("5h", "london-hold", "centre-hold"),
        ola("london", "4h30m"),
        ola("centre", "1h", condition='category.startsWith("zz")'),
    ]
    checked = check_chains(organisation(policies), SPRING)
    assert [late.certain for late in checked.late] == [False]
    assert not checked.refused
    assert " might be late by " in checked.late[0].words()


def test_a_chain_that_never_ends_is_said_so() -> None:
    """A desk whose calendar is closed for good keeps nothing."""
    never = (
        CALENDARS
        + "  - {name: never, time_zone: UTC, hours: {}, openings: [{date: 2026-01-01, windows: [[09:00, 10:00]]}]}\n"
    )
    files = {
        **FILES,
        "calendars.yaml": never,
        "suppliers.yaml": SUPPLIERS,
        "sla.yaml": yaml.safe_dump(
            {"policies": [sla("8h", "london-hold"), ola("london", "1h", calendar="never")]}
        ),
    }
    (late,) = check_chains(parse_sections(files), SPRING).late
    assert (late.late_seconds, late.ends_at) == (None, None)
    assert "would never be done" in late.words()


def test_a_policy_that_names_no_desk_is_checked_for_every_desk() -> None:
    """One of the three desks is closed at night, and the promise is by the clock."""
    anybody = {k: v for k, v in ola("any", "2h").items() if k != "desk"}
    (late,) = check_chains(
        organisation([sla("2h", "any-hold", calendar="always"), anybody]), SPRING
    ).late
    assert late.steps[0].desk in {"london", "shanghai"}
    named = {**anybody, "condition": 'desk == "centre"'}
    assert not check_chains(
        organisation([sla("2h", "any-hold", calendar="always"), named]), SPRING
    ).late


def test_a_promise_that_stands_on_nothing_is_warned_of() -> None:
    """No chain although desks promise something, and a chain without a priority of its promise."""
    alone = check_chains(organisation([sla("8h"), ola("london", "4h")]), SPRING)
    (nothing,) = alone.unbacked
    assert nothing.words() == (
        "policy resolution stands on nothing, although there are policies of desks or suppliers: "
        "name them in backed_by to have the chain checked"
    )
    promise = sla("8h", "london-hold")
    promise["targets"] = {"P1": "1h", "P2": "8h"}
    (part,) = check_chains(organisation([promise, ola("london", "4h")]), SPRING).unbacked
    assert (part.link, part.priorities) == ("london-hold", ("P1",))
    assert not check_chains(organisation([sla("8h")]), SPRING).unbacked


def test_proposed_targets_keep_the_promise_and_a_minute_more_does_not() -> None:
    """Shares of two to one; each priority; verified by the check that refuses."""
    promise = sla("8h", "london-hold", "telco-repair", calendar="day")
    promise["targets"] = {"P1": "26h", "P2": "40h"}
    found = organisation([promise, ola("london", "4h"), uc("4h")])
    proposal = propose_targets(found, "resolution", SPRING, shares={"london-hold": 2})
    assert not proposal.impossible
    for priority in ("P1", "P2"):
        london = proposal.targets["london-hold"][priority]
        telco = proposal.targets["telco-repair"][priority]
        assert london // 60 in {2 * (telco // 60), 2 * (telco // 60) + 1}
    for more, late in ((0, 0), (120, 2)):
        links = [
            {
                **link,
                "targets": {p: s + more for p, s in proposal.targets[link["name"]].items()},
            }
            for link in (ola("london", "4h"), uc("4h"))
        ]
        assert len(check_chains(organisation([promise, *links]), SPRING).late) == late


def test_a_promise_that_nothing_keeps_has_no_targets() -> None:
    """A minute by the clock is not kept by a desk that sleeps; unknown names are told."""
    found = organisation([sla("1m", "london-hold", calendar="always"), ola("london", "4h")])
    assert propose_targets(found, "resolution", SPRING).impossible == ("P2",)
    for name, shares, reason in (
        ("nobody", {}, "there is no policy 'nobody'; there are: resolution, london-hold"),
        ("london-hold", {}, "names nothing in backed_by"),
        ("resolution", {"paris": 1.0}, "'paris' is not in the chain"),
        ("resolution", {"london-hold": 0.0}, "a number above 0"),
    ):
        with pytest.raises(NoTargets, match=reason):
            propose_targets(found, name, SPRING, shares=shares)


def test_checking_costs_no_more_than_the_number_of_chains() -> None:
    """Sixteen services, each with a promise of five levels, two desks and a supplier."""
    assert_linear(lambda found: check_chains(found, SPRING), services, 16)


def services(count: int) -> Configuration:
    """Return an organisation with so many services, each with a chain of four policies."""
    policies: list[dict[str, Any]] = []
    for number in range(count):
        levels = dict(zip(("P1", "P2", "P3", "P4", "P5"), (8, 16, 24, 40, 80), strict=True))
        names = (f"front-{number}", f"second-{number}", f"vendor-{number}")
        calendar = ("day", "always", "desk")[number % 3]
        policies.append(
            {
                "name": f"resolution-{number}",
                "metric": "resolution",
                "condition": f'service == "s{number}"',
                "calendar": calendar,
                "targets": {p: f"{h + number}h" for p, h in levels.items()},
                "backed_by": list(names),
            }
        )
        for name, link in zip(
            names, (ola("london", "1h"), ola("shanghai", "1h"), uc("1h")), strict=True
        ):
            share = {p: f"{h // 4}h" for p, h in levels.items()}
            policies.append({**link, "name": name, "targets": share})
    return organisation(policies)


PENDING = 'status == "pending"'


@pytest.mark.parametrize(
    ("promise", "steps", "said"),
    [
        ({}, [ola("london", "4h")], []),
        ({"metric": "response"}, [ola("london", "4h")], []),
        ({}, [ola("london", "4h"), ola("shanghai", "4h")], []),
        ({}, [ola("london", "4h", pauses_when=PENDING), uc("4h")], []),
        ({"starts_when": 'desk == "london"'}, [ola("london", "4h")], ["it may start later than"]),
        (
            {},
            [ola("london", "4h", starts_when='event == "accepted"')],
            ["london-hold is checked as if it counted from its beginning to its end"],
        ),
        (
            {},
            [ola("london", "4h", stops_when='event == "replied"', resets_when='event == "wrote"')],
            ["it has stops_when and resets_when"],
        ),
        # Nothing says that the supplier's time is another step's: the promise runs then.
        ({}, [ola("london", "4h", pauses_when=PENDING)], ["do not pause alike"]),
        ({"metric": "wait"}, [ola("london", "4h")], ["do not pause alike"]),
        ({"pauses_when": 'reason == "change"'}, [uc("4h")], ["do not pause alike"]),
        ({}, [ola("london", "4h"), uc("4h")], ["goes on while the ticket waits for a supplier"]),
        ({}, [ola("london", "4h", metric="own")], ["ends before the work does (own)"]),
        ({}, [ola("london", "4h", metric="resolution")], []),
        (
            {},
            [ola("london", "4h", metric="resolution"), ola("shanghai", "4h")],
            ["london-hold counts from the opening (resolution)"],
        ),
        (
            {"condition": 'kind != "inquiry"'},
            [
                ola("london", "4h", condition='kind == "incident"'),
                ola("shanghai", "4h", condition='kind == "service-request"'),
            ],
            ["nothing is checked for a ticket with priority P2, kind change, to which none of its"],
        ),
        ({}, [ola("london", "4h", condition='desk == "london" && tier == 1')], []),
    ],
)
def test_what_a_check_of_a_chain_does_not_look_at_is_said(
    promise: dict[str, Any], steps: list[dict[str, Any]], said: list[str]
) -> None:
    """Clocks that start later, end sooner or pause otherwise than a step of a chain is counted."""
    links = [step["name"] for step in steps]
    found = organisation([sla("40h", *links, calendar="always", **promise), *steps])
    given_up = check_chains(found, SPRING).given_up
    assert len(given_up) == len(said), given_up
    for text, part in zip(given_up, said, strict=True):
        assert text.startswith("policy resolution: ")
        assert part in text
