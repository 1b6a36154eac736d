"""Calls: what follows from their moments, in whatever order these arrive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.call_figures import Spread, call_figures
from services.intake.domain.call_routing import (
    Line,
    by_configuration,
    expected_wait,
    lines_of,
    waiting_at,
)
from services.intake.domain.calls import (
    CALL,
    Call,
    Directed,
    call_stream,
    choice_of,
    decide_moments,
    in_order,
    moment_of,
    summary,
)
from services.intake.domain.normal import CallMoment, CallProgress, Party
from services.intake.domain.telephone import caller_party, e164, known_country
from shared.aggregate import Document, Step, plan
from shared.contracts.calls import CALL_MOMENTS_MAX, CallMomentSeen, CallOutcome, CallTimes
from shared.contracts.directions import CallQuestion
from shared.contracts.envelope import Body
from shared.organisation import Configuration, parse_sections
from shared.organisation.languages import speaks

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"


def at(seconds: float) -> datetime:
    """Return an instant so many seconds after nine."""
    return T0 + timedelta(seconds=seconds)


def seen(moment: str, seconds: float, **fields: Any) -> CallMomentSeen:
    """Return a moment."""
    return CallMomentSeen(moment=moment, at=at(seconds), **fields)


def folded(*batches: Sequence[CallMomentSeen], outbound: bool = False) -> Call:
    """Return the call that batches of moments make, each batch decided and folded."""
    document: Document[Call] = Document(id="call", tenant="main")
    for batch in batches:
        decide = partial(
            decide_moments, integration="pbx", moments=batch, contact=None, outbound=outbound
        )
        write = plan(CALL, document, [Step(decide=decide)], now=T0, configversion=1).write
        document = write.after if write else document
    assert document.state is not None
    return document.state


WHOLE = (
    seen("offered", 0),
    seen("menu", 5, digits="1*2"),
    seen("queued", 8, queue="first-level"),
    seen("ringing", 20, agent="ana"),
    seen("ringing", 20, agent="bo"),
    seen("answered", 24, agent="bo"),
    seen("recorded", 24),
    seen("held", 60),
    seen("retrieved", 75),
    seen("transfer-started", 120, agent="bo"),
    seen("ringing", 125, agent="li"),
    seen("transfer-answered", 150, agent="li", queue="second-level"),
    seen("ended", 300, reason="caller"),
    seen("after-call-done", 360, agent="li"),
)


def test_the_times_of_a_whole_call() -> None:
    """Each second counts once, where the caller was; the second leg's ringing is the transfer's."""
    call = folded(WHOLE)
    assert call.times == CallTimes(
        menu_ms=3_000,
        queue_ms=12_000,
        ring_ms=4_000,
        talk_ms=36_000 + 45_000 + 150_000,
        hold_ms=15_000,
        transfer_ms=30_000,
        after_call_ms=60_000,
        wait_ms=16_000,
        transfers_ms=(30_000,),
    )
    assert (call.outcome, call.open, call.agent, call.queue, call.digits) == (
        CallOutcome.ANSWERED,
        False,
        "li",
        "second-level",
        "1*2",
    )
    assert (call.offered_at, call.ended_at) == (at(0), at(300))


@given(
    st.permutations(WHOLE + WHOLE).flatmap(
        lambda moments: st.lists(st.integers(0, len(moments)), max_size=6).map(
            lambda cuts: [
                moments[a:b]
                for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(moments)], strict=True)
            ]
        )
    )
)
def test_order_and_repetition_change_nothing(batches: list[list[CallMomentSeen]]) -> None:
    """Every permutation of the moments, each twice, in any batches, makes the same call."""
    assert folded(*[b for b in batches if b]) == folded(WHOLE)


MOMENTS = st.builds(
    CallMomentSeen,
    moment=st.sampled_from([m.value for m in CallMoment]),
    at=st.integers(0, 40).map(at),
    agent=st.sampled_from([None, "ana", "bo"]),
    reason=st.sampled_from([None, "queue", "full", "forwarded"]),
)


@given(st.lists(MOMENTS, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_any_moments_make_one_call_whatever_their_order(
    moments: list[CallMomentSeen], random: Any
) -> None:
    """Also moments that make no sense: one result, no time counted twice, none negative."""
    turned = list(moments)
    random.shuffle(turned)
    call = folded(moments)
    assert folded(*[[m] for m in turned]) == call
    times = call.times
    parts = (
        times.menu_ms,
        times.queue_ms,
        times.ring_ms,
        times.talk_ms,
        times.hold_ms,
        times.transfer_ms,
    )
    span = (max(m.at for m in moments) - min(m.at for m in moments)) // timedelta(milliseconds=1)
    assert all(part >= 0 for part in parts)
    assert sum(parts) <= span
    assert times.wait_ms <= times.queue_ms + times.ring_ms
    assert sum(times.transfers_ms) <= span
    assert (call.outcome is None) == call.open


@pytest.mark.parametrize(
    ("moments", "outbound", "expected"),
    [
        ([seen("offered", 0)], False, (None, None, None)),
        ([seen("offered", 0), seen("answered", 4)], False, (None, None, None)),
        ([seen("offered", 0), seen("ended", 4)], False, ("abandoned", "offered", None)),
        ([seen("menu", 0), seen("abandoned", 4)], False, ("abandoned", "menu", None)),
        ([seen("queued", 0), seen("ended", 4)], False, ("abandoned", "queue", None)),
        ([seen("ringing", 0), seen("ended", 4)], False, ("abandoned", "ringing", None)),
        (
            [seen("offered", 0), seen("abandoned", 4, reason="queue")],
            False,
            ("abandoned", "queue", None),
        ),
        ([seen("ringing", 0), seen("missed", 4)], False, ("missed", None, None)),
        ([seen("ringing", 0), seen("ended", 4)], True, ("missed", None, None)),
        ([seen("offered", 0), seen("refused", 1, reason="full")], False, ("refused", None, "full")),
        (
            [seen("offered", 0), seen("ended", 1, reason="forwarded")],
            False,
            ("forwarded",) + (None,) * 2,
        ),
        (
            [seen("answered", 0), seen("held", 2), seen("abandoned", 4)],
            False,
            ("answered", None, None),
        ),
        ([seen("answered", 0), seen("ended", 3), seen("held", 4)], False, (None, None, None)),
        ([seen("offered", 0), seen("a-newer-word", 3)], False, (None, None, None)),
    ],
)
def test_what_becomes_of_a_call(
    moments: list[CallMomentSeen],
    outbound: bool,  # noqa: FBT001
    expected: tuple[str | None, ...],
) -> None:
    """Outcome, place and reason follow from its end and from where the caller was."""
    found = summary(in_order(moments), outbound=outbound)
    assert (found["outcome"], found["place"], found["reason"]) == expected


def test_a_call_that_rings_elsewhere_is_missed_by_nobody_yet() -> None:
    """One agent's miss is no end: the caller waits on, and is answered by another."""
    call = folded(
        [
            seen("queued", 0),
            seen("ringing", 10, agent="ana"),
            seen("missed", 30, agent="ana"),
            seen("ringing", 31, agent="bo"),
            seen("answered", 40, agent="bo"),
            seen("ended", 100),
        ]
    )
    assert (call.outcome, call.agent) == (CallOutcome.ANSWERED, "bo")
    assert (call.times.queue_ms, call.times.ring_ms, call.times.wait_ms) == (
        10_000,
        30_000,
        40_000,
    )


def test_the_first_leg_of_a_transfer_may_end_before_the_call() -> None:
    """The talk goes on with whoever it was handed to, until the last end."""
    call = folded(
        [
            seen("answered", 0, agent="doc"),
            seen("transfer-started", 60),
            seen("transfer-answered", 70, agent="marty"),
            seen("ended", 71, agent="doc"),
            seen("ended", 100),
        ]
    )
    assert (call.times.talk_ms, call.times.transfers_ms) == (90_000, (10_000,))


def test_a_transfer_that_is_taken_back_is_none() -> None:
    """Its time is counted, and no transfer was answered."""
    call = folded(
        [
            seen("answered", 0, agent="doc"),
            seen("transfer-started", 60),
            seen("retrieved", 70),
            seen("ended", 100),
        ]
    )
    assert (call.times.transfer_ms, call.times.transfers_ms) == (10_000, ())


def test_what_is_known_decides_nothing() -> None:
    """Known moments make no event; a contact that is learned later makes one without moments."""
    call = folded(WHOLE)

    def decided(contact: str | None) -> list[Body]:
        return decide_moments(
            call, integration="pbx", moments=WHOLE[:3], contact=contact, outbound=False
        )

    assert decided(None) == []
    (learned,) = decided("contact-1")
    assert learned.model_dump()["contact"] == "contact-1"
    assert learned.model_dump()["seen"] == ()


def test_a_call_without_end_is_bounded() -> None:
    """Beyond the bound no moment is taken in, and none is an error."""
    many = [seen("ringing", n, agent="ana") for n in range(CALL_MOMENTS_MAX + 50)]
    call = folded(many[:400], many[300:], many)
    assert len(call.moments) == CALL_MOMENTS_MAX


def test_no_number_and_no_name_is_in_a_moment() -> None:
    """What a moment tells of is code and time alone."""
    progress = CallProgress(
        call="+4930901820-17",
        moment=CallMoment.MENU,
        at=T0,
        contact=Party(phone="+4930901820", name="Ana Lima"),
        dialled="+4930555000",
        menu="IT > Printers",
        digits="1",
        recording="https://pbx.example/+4930901820",
    )
    assert moment_of(progress).model_dump(exclude_defaults=True) == {
        "moment": "menu",
        "at": T0,
        "digits": "1",
    }


def test_calls_of_two_tenants_or_exchanges_are_two() -> None:
    """The same name of a call means nothing beyond its exchange."""
    ids = {call_stream(tenant=t, integration=i, call="1") for t in ("a", "b") for i in ("x", "y")}
    assert len(ids) == 4


def answered(wait: int, *, transfers: Sequence[int] = (), hold: int = 0) -> Call:
    """Return an answered call with its wait and transfers in milliseconds."""
    times = CallTimes(wait_ms=wait, talk_ms=1_000, hold_ms=hold, transfers_ms=tuple(transfers))
    return Call(
        integration="pbx",
        moments=(),
        offered_at=T0,
        open=False,
        times=times,
        outcome=CallOutcome.ANSWERED,
    )


def lost(outcome: CallOutcome, **fields: Any) -> Call:
    """Return a call that nobody answered."""
    return answered(0).model_copy(
        update={"outcome": outcome, "times": CallTimes(wait_ms=9_000), **fields}
    )


def test_the_figures_of_calls() -> None:
    """Lost over offered, by place and by reason; what was forwarded is counted once, elsewhere."""
    calls = [
        *(answered(1_000 * n, transfers=[n * 10]) for n in range(1, 21)),
        answered(500, transfers=[5, 15], hold=3_000),
        lost(CallOutcome.ABANDONED, place="queue"),
        lost(CallOutcome.ABANDONED, place="queue"),
        lost(CallOutcome.ABANDONED, place="menu"),
        lost(CallOutcome.MISSED),
        lost(CallOutcome.REFUSED, reason="full"),
        lost(CallOutcome.REFUSED),
        lost(CallOutcome.FORWARDED),
        lost(CallOutcome.MISSED, outbound=True),
        answered(1).model_copy(update={"outcome": None, "open": True}),
    ]
    found = call_figures(calls)
    assert (found.offered, found.answered, found.missed) == (27, 21, 1)
    assert found.abandoned == {"menu": 1, "queue": 2}
    assert found.refused == {"full": 1, "unknown": 1}
    assert (found.forwarded, found.open, found.outbound) == (1, 1, 1)
    assert found.loss_rate == 6 / 27
    assert found.answer_wait == Spread(
        count=21, mean_ms=10_024, p50_ms=10_000, p95_ms=19_000, max_ms=20_000
    )
    assert found.abandon_wait == Spread(
        count=3, mean_ms=9_000, p50_ms=9_000, p95_ms=9_000, max_ms=9_000
    )
    assert found.transfer is not None
    assert (found.transfer.count, found.transfer.max_ms) == (22, 200)
    assert found.hold == Spread(1, 3_000, 3_000, 3_000, 3_000)
    assert found.after_call is None


def test_no_calls_have_no_loss_rate() -> None:
    """Nothing was offered: the rate is not nought, it is not known."""
    found = call_figures([])
    assert (found.offered, found.loss_rate, found.answer_wait) == (0, None, None)


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("+49 (0)30 / 901820", None, "+4930901820"),
        ("0049 30 901820", None, "+4930901820"),
        ("tel:+86-10-6552-9988", None, "+861065529988"),
        ("sip:+14155550123@pbx.example;user=phone", None, "+14155550123"),
        ("030 901820", "DE", "+4930901820"),
        ("010 6552 9988", "CN", "+861065529988"),
        ("030 901820", None, None),
        ("4711", "DE", None),
        ("112", "DE", None),
        ("+1", None, None),
        ("+999999999999999999999", None, None),
        ("٠٣٠٩٠١٨٢٠", "DE", None),
        ("anonymous", "DE", None),
        ("", "DE", None),
    ],
)
def test_a_number_has_one_way_of_being_written(
    written: str, country: str | None, expected: str | None
) -> None:
    """However people and exchanges write it; what is no number is None."""
    assert e164(written, country=country) == expected


@pytest.mark.parametrize("written", [None, "", "anonymous", "Anonymous", "sip:anonymous@x", "-"])
def test_a_withheld_number_is_nobody(written: str | None) -> None:
    """Nobody is made up for it."""
    assert caller_party(written, country="DE") is None


@given(st.text(max_size=40), st.sampled_from([None, "DE", "CN", "US"]))
def test_no_text_makes_a_number_fail(written: str, country: str | None) -> None:
    """Whatever an exchange writes, it is a caller that can be kept, or nobody."""
    party = caller_party(written, country=country)
    assert party is None or party.addresses


def test_an_extension_is_a_name_of_the_exchange() -> None:
    """It is somebody inside, and no number in the world."""
    assert caller_party("4711", country="DE", name="Ana") == Party(id="extension:4711", name="Ana")


def test_a_country_is_one_of_the_numbering_plans() -> None:
    """In upper case; another one is a fault of the configuration."""
    assert known_country("de") == "DE"
    with pytest.raises(ValueError, match="'XX' is no country"):
        known_country("XX")


@cache
def sample() -> Configuration:
    """Return the sample organisation."""
    return parse_sections(
        {
            str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
            for path in sorted(SAMPLE.rglob("*.yaml"))
        }
    )


def question(line: Line) -> CallQuestion:
    """Return what is asked for a line."""
    return CallQuestion(
        tenant="main",
        region=line.region,
        site=line.site,
        service=line.service,
        business=line.business,
        choice=line.choice,
    )


@pytest.mark.parametrize(
    ("line", "hour", "desk", "opened"),
    [
        (Line(service="payroll"), 20, "people-services", False),
        (Line(), 3, "shanghai", True),
        (Line(), 12, "london", True),
        (Line(site="toronto"), 18, "new-york", True),
    ],
)
def test_a_call_goes_where_the_configuration_says(
    line: Line,
    hour: int,
    desk: str,
    opened: bool,  # noqa: FBT001
) -> None:
    """The topology of its line, and of desks that follow the sun the first open one."""
    found = by_configuration(sample(), question(line), at=datetime(2026, 3, 2, hour, tzinfo=UTC))
    assert found is not None
    assert (found.desk, found.open, found.agents_present) == (desk, opened, None)
    assert (found.opens_at is None) == opened


@pytest.mark.parametrize(
    ("topology", "line", "hour", "desk"),
    [
        ("{name: m, shape: call_centre_menu, entries: {'1': {title: T, group: q}}, default: night}", Line(choice="1"), 10, "day"),
        ("{name: m, shape: call_centre_menu, entries: {'1': {title: T, group: q}}, default: night}", Line(), 10, "night"),
        ("{name: p, shape: central_contact_point, point: night, by_business: {bank: day}}", Line(business="bank"), 10, "night"),
        ("{name: l, shape: local_contact_point, by_business: {bank: day}, fallback: night}", Line(business="bank"), 20, "day"),
        ("{name: l, shape: local_contact_point, by_business: {bank: day}, fallback: night, overflow: {policy: centre, centre: night}}", Line(business="bank"), 20, "night"),
        ("{name: h, shape: hybrid, by_business: {bank: day}, fallback: day, centre: night}", Line(business="bank"), 10, "night"),
        ("{name: c, shape: centralized, desk: night, business_support: {by: department, services: [pay], department: day}}", Line(service="pay"), 10, "day"),
        ("{name: s, shape: self_service, behind: v}, {name: v, shape: virtual, desks: [day], fallback: night}", Line(), 10, "day"),
        ("{name: n, shape: centralized, desk: night, scope: {channels: [web]}}", Line(), 10, "day"),
    ],
)  # fmt: skip
def test_a_call_finds_its_desk_under_every_shape(
    topology: str, line: Line, hour: int, desk: str
) -> None:
    """As routing would choose it; where no topology takes it, it is the fallback desk."""
    known = parse_sections(
        {
            "organisation.yaml": "businesses: [{name: bank, title: Bank}]",
            "calendars.yaml": "calendars:\n"
            "  - {name: day, time_zone: UTC, hours: {mon-sun: [[09:00, 17:00]]}}\n"
            "  - {name: night, time_zone: UTC, hours: 24x7}\n",
            "desks.yaml": "desks: [{name: day, title: D, calendar: day},"
            " {name: night, title: N, calendar: night}]\n"
            "queues: [{name: q, title: Q, desk: day, members: [a]}]",
            "agents.yaml": "agents: [{id: a, name: A, email: a@example.org, desks: [day]}]",
            "topologies.yaml": f"fallback: day\ntopologies: [{topology}]",
        }
    )
    found = by_configuration(known, question(line), at=datetime(2026, 3, 2, hour, tzinfo=UTC))
    assert found is not None
    assert found.desk == desk


def test_a_closed_desk_says_when_it_opens() -> None:
    """So that an exchange can tell the caller."""
    line = Line(service="payroll")
    found = by_configuration(sample(), question(line), at=datetime(2026, 3, 1, 3, tzinfo=UTC))
    assert found is not None
    assert not found.open
    assert found.opens_at is not None
    assert found.opens_at > datetime(2026, 3, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("languages", "wanted", "expected"),
    [
        (("en",), None, True),
        (("en",), "en-GB", True),
        (("zh-Hans",), "zh-Hant", True),
        (("zh-Hans-CN",), "zh-Hans", True),
        (("de", "en"), "fr", False),
        (("en",), "e", False),
    ],
)
def test_a_language_is_spoken_or_not(
    languages: tuple[str, ...],
    wanted: str | None,
    expected: bool,  # noqa: FBT001
) -> None:
    """Whatever its script or country: who speaks it is understood."""
    assert speaks(languages, wanted) is expected


def test_a_dialled_number_is_found_however_it_is_written() -> None:
    """And what the number says comes before what is known of the caller."""
    lines = [("030 555000", Line(service="payroll")), ("100", Line(site="toronto"))]
    assert lines_of(lines, dialled="+4930555000", country="DE") == Line(service="payroll")
    assert lines_of(lines, dialled="100", country="DE") == Line(site="toronto")
    assert lines_of(lines, dialled="200", country="DE") is None
    home = Line(region="emea", site="berlin", language="de")
    assert Line(site="toronto").over(home) == Line(site="toronto", language="de")
    assert Line(service="payroll").over(home) == Line(
        region="emea", site="berlin", service="payroll", language="de"
    )


def done(desk: str | None, wait_ms: int, **changes: Any) -> Call:
    """Return a call that a desk answered."""
    directed = None
    if desk is not None:
        directed = Directed(desk=desk, topology="t", decided_by="routing")
    given: dict[str, Any] = {
        "integration": "x",
        "moments": (),
        "offered_at": T0,
        "open": False,
        "outcome": CallOutcome.ANSWERED,
        "times": CallTimes(wait_ms=wait_ms),
        "directed": directed,
    }
    return Call(**(given | changes))


def test_a_wait_is_expected_from_calls_that_the_desk_answered() -> None:
    """The median of three or more; none where somebody is free; unknown where too few were."""
    calls = [done("a", 10_000), done("a", 90_000), done("a", 40_900), done("b", 1), done(None, 1)]
    assert expected_wait("a", calls, free=None) == 40
    assert expected_wait("a", calls, free=0) == 40
    assert expected_wait("a", calls, free=2) == 0
    assert expected_wait("b", calls, free=None) is None
    lost = [done("a", 5, outcome=CallOutcome.ABANDONED) for _ in range(3)]
    assert expected_wait("a", lost, free=None) is None


def test_who_is_on_the_line_for_a_desk_is_counted() -> None:
    """Those whom nobody has answered; not those who are talking, nor calls that go out."""
    waits = {"open": True, "outcome": None}
    calls = [
        done("a", 0, **waits),
        done("a", 0, **waits, agent="bo"),
        done("a", 0, **waits, outbound=True),
        done("b", 0, **waits),
        done(None, 0, **waits),
    ]
    assert waiting_at("a", calls) == 1


@pytest.mark.parametrize(
    ("digits", "choice"), [("2", "2"), ("2,1", "21"), ("", None), (",", None), ("#", "#")]
)
def test_a_menu_path_is_a_key(digits: str, choice: str | None) -> None:
    """Pauses between the digits are no part of it."""
    assert choice_of(digits) == choice
