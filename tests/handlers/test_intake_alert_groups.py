"""Groups of alerts: one incident for each, through order, crashes, windows, storms and silence."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.alert_groups import ALERT_GROUP
from services.intake.domain.normal import Alert
from services.intake.domain.ticket import TICKET
from shared.aggregate import Document, fold
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority
from shared.contracts.intake import AlertsChanged, AlertStatus, RequestAccepted
from shared.contracts.monitors import AlertsExpired, IncidentHeld, IncidentOpened
from shared.contracts.topics import ALERT_GROUPS
from shared.kernel import Infrastructure
from shared.organisation.intake import (
    Maintenance,
    PriorityDimension,
    PriorityPolicy,
    PriorityThreshold,
)
from tests.support.alerting import AlertDesk, alert, at, configured, delivery
from tests.support.intake_input import Crash, CrashAt

A, B = ("a", 0, "firing"), ("b", 0, "firing")
A_ENDED, B_ENDED = ("a", 0, "resolved"), ("b", 0, "resolved")


class FlakyAt:
    """Fails at each ``every``-th point of I/O; the store has done it, or has not."""

    def __init__(self, seed: int, rate: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance that comes again
        self._rate = rate

    async def point(self, name: str) -> None:
        """Let others run, and fail now and then."""
        await asyncio.sleep(0)
        if self._random.random() < self._rate:
            raise Infrastructure(name)


def window(**fields: Any) -> Maintenance:
    """Return a window of two hours from half past nine on the clock's first day."""
    values = {
        "name": "patch-day",
        "title": "Patch day",
        "starts": datetime(2026, 3, 2, 9, 30),  # noqa: DTZ001 - local, as windows are
        "duration": 7_200,
        "time_zone": "Etc/UTC",
        **fields,
    }
    return Maintenance.model_validate(values)


async def changes(desk: AlertDesk) -> list[RequestAccepted | AlertsChanged]:
    """Return what tickets were told, each ticket's in its order, the tickets by number."""
    told = await desk.told()
    found = [b for b in told if isinstance(b, RequestAccepted | AlertsChanged)]
    return sorted(found, key=lambda b: b.facts.number)


async def firings(desk: AlertDesk) -> list[int]:
    """Return how many alerts fire, as each event to tickets says."""
    return [b.firing for b in await changes(desk)]


async def test_two_hundred_deliveries_at_once_on_two_processes_are_one_incident() -> None:
    """With answers lost and writes refused on the way: one ticket, every occurrence counted."""
    one = AlertDesk(faults=FlakyAt(1, 0.02))
    two = one.other(faults=FlakyAt(2, 0.02))
    calm = one.other()
    receipts = [one.formed(delivery((f"f{n}", 0, "firing")), key=f"k{n}") for n in range(200)]

    async def send(desk: AlertDesk, part: Sequence[Any]) -> None:
        for _ in range(40):
            try:
                await desk.hand_in(part)
            except Infrastructure:
                continue
            return

    batches = [receipts[n : n + 5] for n in range(0, 200, 5)]
    sent = batches + batches[::3]
    await asyncio.gather(*(send((one, two)[n % 2], part) for n, part in enumerate(sent)))
    await calm.settle()
    (ticket,) = calm.states()
    assert ticket.firing == 200
    assert len(ticket.members) == 200
    (key,) = calm.groups()
    assert (await calm.rows.occurrence_counts([key])) == {key: 200}
    opened = [b for b in await calm.told(ALERT_GROUPS) if isinstance(b, IncidentOpened)]
    assert len(opened) == 1
    assert not [r for r in calm.store.all_receipts() if r.pending_since is not None]


async def test_a_crash_at_any_point_of_io_is_mended() -> None:
    """Whatever it dies at, applying again ends with one ticket that knows all."""
    for number in range(300):
        crash = CrashAt(number)
        dying = AlertDesk(faults=crash)
        healthy = dying.other()
        crash.armed = True
        try:
            await dying.deliver(A, B)
            await dying.deliver(A_ENDED, ("c", 1, "firing"))
        except Crash:
            pass
        await healthy.settle()
        await healthy.deliver(A_ENDED, B, ("c", 1, "firing"))
        (ticket,) = healthy.states()
        assert {f for f, o in ticket.members.items() if o.fires} == {"b", "c"}
        assert ticket.firing == 2
        kinds = Counter(await healthy.kinds())
        assert (kinds["episode_began"], kinds["incident_opened"]) == (1, 1)
        if not crash.died:
            assert number > 20
            return
    pytest.fail("it never came through")


SIGNALS = [(1, "firing"), (2, "firing"), (3, "acknowledged"), (4, "resolved"), (5, "firing")]


def reference(said: set[tuple[int, str]]) -> tuple[bool, bool]:
    """Return whether an alert fires and is acknowledged, by playing what was said in its order."""
    fires = acknowledged = False
    order = ["firing", "acknowledged", "resolved"]
    for _, signal in sorted(said, key=lambda s: (s[0], order.index(s[1]))):
        match signal:
            case "firing":
                fires, acknowledged = True, False
            case "acknowledged":
                acknowledged = fires
            case _:
                fires = acknowledged = False
    return fires, acknowledged


async def check_history(history: Sequence[tuple[int, str]], *, twins: bool) -> None:
    """Deliver a history, and compare what is known with the plain model."""
    one = AlertDesk()
    two = one.other()
    for n, (minute, signal) in enumerate(history):
        await (one, two)[n % 2].deliver(("a", minute, signal))
        if twins:
            await (two, one)[n % 2].deliver(("a", minute, signal))
    await one.settle()
    group = one.group()
    member = group.members["a"]
    assert (member.fires, member.is_acknowledged) == reference(set(history))
    (key,) = one.groups()
    assert (await one.rows.occurrence_counts([key]))[key] == len(set(history))
    tickets = one.states()
    assert len(tickets) <= 1
    assert [t.firing for t in tickets] in ([], [int(member.fires)])
    assert bool(tickets) or not member.fires


@pytest.mark.parametrize("twins", [False, True])
async def test_every_order_of_trigger_acknowledge_and_resolve_ends_alike(twins: bool) -> None:  # noqa: FBT001
    """All 120 permutations of {trigger, trigger, ack, resolve, trigger}, and with each twice."""
    for history in itertools.permutations(SIGNALS):
        await check_history(history, twins=twins)


@settings(max_examples=120, deadline=None)
@given(
    history=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["firing", "acknowledged", "resolved"])),
        min_size=1,
        max_size=9,
    )
)
async def test_any_history_ends_in_what_a_plain_model_says(
    history: list[tuple[int, str]],
) -> None:
    """Repeated, reordered, with signals of one instant: the model plays it in order."""
    await check_history(history, twins=False)


async def test_a_resolve_before_its_trigger_opens_nothing_and_a_later_one_does() -> None:
    """Resolved twice, triggered late: nobody is told."""
    desk = AlertDesk()
    assert (await desk.deliver(A_ENDED)).ticket is None
    assert (await desk.deliver(A)).ticket is None
    assert (await desk.deliver(A_ENDED)).ticket is None
    assert desk.states() == []
    assert (await desk.deliver(("a", 5, "firing"))).number == "T-000001"


async def test_within_the_reopen_window_it_is_the_same_ticket_and_later_a_linked_one() -> None:
    """An hour by default, counted from when all was quiet."""
    desk = AlertDesk()
    first = await desk.deliver(A)
    await desk.deliver(A_ENDED)
    await desk.wait(60)
    assert (await desk.deliver(("a", 60, "firing"))).ticket == first.ticket
    await desk.deliver(("a", 60, "resolved"))
    await desk.wait(61)
    later = await desk.deliver(("a", 121, "firing"))
    assert later.number == "T-000002"
    assert [t.follows for t in desk.states()] == [None, first.ticket]
    assert await firings(desk) == [1, 0, 1, 0, 1]


async def test_what_fires_after_closing_is_a_new_incident_and_echoes_are_nothing() -> None:
    """What the closed ticket knew stays there; the new ticket knows what is new."""
    desk = AlertDesk()
    first = await desk.deliver(A, B)
    await desk.close(first.ticket or "")
    assert (await desk.deliver(B)).ticket == first.ticket
    await desk.deliver(A_ENDED)
    fresh = await desk.deliver(("a", 9, "firing"))
    assert fresh.number == "T-000002"
    assert [sorted(t.members) for t in desk.states()] == [["a", "b"], ["a"]]
    assert await desk.kinds(ALERT_GROUPS) == [
        *("episode_began", "alerts_observed", "incident_opened"),
        "alerts_observed",
        *("episode_began", "alerts_observed", "incident_opened"),
    ]
    assert await firings(desk) == [2, 1]


async def test_an_alert_that_begins_anew_after_closing_is_a_new_incident() -> None:
    """Its end was never told; a new start says that there was one."""
    desk = AlertDesk()
    first = await desk.deliver(A, B)
    await desk.close(first.ticket or "")
    assert (await desk.deliver(("a", 9, "firing"))).number == "T-000002"
    assert [sorted(t.members) for t in desk.states()] == [["a", "b"], ["a"]]
    assert await firings(desk) == [2, 1]


async def test_closing_and_a_new_alert_that_cross_end_in_one_linked_incident() -> None:
    """Routing asks for it, as often as it likes, before or after intake knows of the closing."""
    for known_first in (True, False):
        desk = AlertDesk()
        first = (await desk.deliver(A)).ticket or ""
        await desk.deliver(A, B)
        if known_first:
            await desk.close(first)
        await desk.follow_up(first)
        await desk.follow_up(first)
        if not known_first:
            await desk.close(first)
        states = desk.states()
        assert [t.follows for t in states] == [None, first]
        assert (states[1].firing, sorted(states[1].members)) == (2, ["a", "b"])
        assert (await desk.deliver(A_ENDED, B)).number == "T-000002"
        assert desk.states()[1].firing == 1


async def test_a_reopened_ticket_follows_its_group_unless_another_one_does() -> None:
    """The group says which: the one of its current episode."""
    desk = AlertDesk()
    first = (await desk.deliver(A)).ticket or ""
    await desk.close(first)
    await desk.reopen(first)
    assert (await desk.deliver(("a", 9, "firing"))).ticket == first
    await desk.close(first)
    second = await desk.deliver(("b", 9, "firing"))
    await desk.reopen(first)
    assert (await desk.deliver(("c", 12, "firing"))).ticket == second.ticket


async def test_new_alerts_in_an_open_incident_are_counted_as_fresh() -> None:
    """One ends, another begins: as many fire, and one of them is new."""
    desk = AlertDesk()
    await desk.deliver(A)
    await desk.deliver(A_ENDED, B)
    changed = [b for b in await desk.told() if isinstance(b, AlertsChanged)]
    assert [(b.firing, b.fresh) for b in changed] == [(1, 1)]


async def test_what_a_monitor_leaves_out_is_not_over() -> None:
    """While alerts are truncated nothing is concluded from their absence."""
    desk = AlertDesk()
    await desk.deliver(A, truncated=3)
    await desk.deliver(A_ENDED, truncated=3)
    assert await firings(desk) == [4, 3]
    await desk.deliver(A_ENDED, B, truncated=0)
    await desk.deliver(B_ENDED, truncated=0)
    assert (await firings(desk))[2:] == [1, 0]


async def test_more_alerts_than_are_known_by_name_are_counted() -> None:
    """2,100 fire, 2,000 have names, none is forgotten silently."""
    desk = AlertDesk()
    for start in range(0, 2_100, 300):
        alerts = [(f"f{n}", 0, "firing") for n in range(start, start + 300)]
        await desk.deliver(*alerts)
    (ticket,) = desk.states()
    assert (len(desk.group().members), ticket.firing) == (2_000, 2_100)


@pytest.mark.parametrize(
    ("policy", "numbers"),
    [
        ({"group": "group"}, ["T-000001"] * 3),
        ({"group": "alert"}, ["T-000001", "T-000002", "T-000003"]),
        ({"group": "labels", "labels": ["rack"]}, ["T-000001", "T-000001", "T-000002"]),
    ],
    ids=["group", "alert", "labels"],
)
async def test_alerts_are_grouped_as_the_integration_says(
    policy: dict[str, Any], numbers: list[str]
) -> None:
    """By the monitor's group, each apart, or by chosen labels; one delivery may be several."""
    desk = AlertDesk(configured(policy))
    told = [
        alert(f, 0, "firing", labels={"rack": r}) for f, r in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    await desk.deliver(*told)
    found = [
        (await desk.deliver(alert(a.fingerprint, 0, "resolved", labels=a.labels))).number
        for a in told
    ]
    assert found == numbers
    assert {t.firing for t in desk.states()} == {0}


async def test_a_rolling_window_is_extended_by_each_alert_and_then_is_over() -> None:
    """After it a new incident begins, although the one before still fires; ends find their own."""
    desk = AlertDesk(configured({"group": "labels", "labels": ["rack"], "window": 600}))

    def rack(name: str, minute: int, said: str = "firing") -> Alert:
        return alert(name, minute, said, labels={"rack": "1"})

    first = await desk.deliver(rack("a", 0))
    await desk.wait(9)
    assert (await desk.deliver(rack("b", 9))).ticket == first.ticket
    await desk.wait(9)
    assert (await desk.deliver(rack("c", 18))).ticket == first.ticket
    await desk.wait(11)
    assert (await desk.deliver(rack("d", 29))).number == "T-000002"
    await desk.deliver(rack("a", 0, "resolved"))
    assert [t.firing for t in desk.states()] == [2, 1]


async def test_rules_say_whether_an_incident_opens_and_why() -> None:
    """By criticality, prediction and severity: record, raise, open; the reason is kept."""
    opening = [
        {"when": 'criticality == "low"', "action": "record", "reason": "only a printer"},
        {"when": "predicted", "action": "raise", "priority": "P2"},
        {"when": 'severity == "minor"', "action": "raise"},
    ]
    catalogue = {
        "items": [
            {"name": "printer-1", "title": "Printer", "criticality": "low", "names": ["PRN1"]}
        ]
    }
    desk = AlertDesk(configured({"opening": opening}, catalogue=catalogue))
    held = await desk.deliver(A, key="printer", configuration_item="prn1")
    assert held.ticket is None
    raised = await desk.deliver(
        alert("d", 0, "firing", severity="warning"), key="disk", predicted=True
    )
    minor = await desk.deliver(alert("m", 0, "firing", severity="minor"), key="minor")
    states = {t.facts.number: t for t in desk.states()}
    assert states[raised.number or ""].facts.priority is Priority.P2
    assert states[minor.number or ""].facts.priority is Priority.P3
    episodes = {g.episodes[0].reason: g.episodes[0] for g in desk.groups().values()}
    assert episodes["only a printer"].held == "rule"
    assert episodes["predicted"].predicted
    assert [b.predicted for b in await desk.told() if isinstance(b, RequestAccepted)] in (
        [True, False],
        [False, True],
    )


async def test_the_priority_rises_with_the_severity_and_never_falls_by_itself() -> None:
    """Warning is P3, critical P1; what comes after that is milder and changes nothing."""
    desk = AlertDesk()
    for n, severity in enumerate(["warning", "critical", "info"]):
        await desk.deliver(alert(f"f{n}", n, "firing", severity=severity))
    told = [
        b.facts.priority
        for b in await desk.told()
        if isinstance(b, RequestAccepted | AlertsChanged)
    ]
    assert told == ["P3", "P1", "P1"]


async def test_a_ticket_of_alerts_says_why_it_has_its_priority() -> None:
    """By its severity, then by the worse one; by the matrix where no table knows it; by a rule."""
    desk = AlertDesk(configured({"opening": [{"when": "predicted", "action": "raise"}]}))
    mapped = await desk.deliver(alert("a", 0, "firing", severity="warning"), key="mapped")
    unknown = await desk.deliver(alert("a", 0, "firing", severity="odd"), key="unknown")
    raised = await desk.deliver(
        alert("a", 0, "firing", severity="warning"), key="raised", predicted=True
    )
    states = {t.facts.number: t for t in desk.states()}
    why = [states[o.number or ""].priority_because for o in (mapped, unknown, raised)]
    assert [
        (w.method, w.priority, [(d.field, d.value) for d in w.dimensions]) for w in why if w
    ] == [
        ("severity", "P3", [("severity", "warning")]),
        ("matrix", "P3", [("impact", "medium"), ("urgency", "medium")]),
        ("rule", "P2", [("rule", "predicted"), ("severity", "warning")]),
    ]
    await desk.deliver(alert("b", 1, "firing", severity="critical"), key="mapped")
    await desk.deliver(alert("c", 2, "firing", severity="info"), key="mapped")
    states = {t.facts.number: t for t in desk.states()}
    worse = states[mapped.number or ""].priority_because
    assert worse is not None
    assert (worse.priority, [d.value for d in worse.dimensions]) == ("P1", ["critical"])


async def test_alerts_are_weighed_where_the_organisation_weighs() -> None:
    """The item's criticality counts for a monitor's ticket as it does for a person's."""
    catalogue = {"items": [{"name": "db-1", "title": "Database", "criticality": "high"}]}
    policy = PriorityPolicy(
        method="weighted",
        dimensions=(PriorityDimension(field="criticality", weight=2, points={"high": 4}),),
        thresholds=(
            PriorityThreshold(points=8, priority="P1"),
            PriorityThreshold(points=0, priority="P5"),
        ),
    )
    plain = configured(catalogue=catalogue)
    intake = plain.intake.model_copy(update={"priority": policy})
    desk = AlertDesk(replace(plain, intake=intake))
    odd = alert("a", 0, "firing", severity="odd")
    await desk.deliver(odd, key="a", configuration_item="db-1")
    await desk.deliver(odd, key="b", configuration_item="db-2")
    assert sorted(t.facts.priority for t in desk.states()) == ["P1", "P5"]


async def test_thirty_cycles_in_an_hour_are_one_ticket_and_three_turns() -> None:
    """Flapping begins with the sixth change; until it is over the ticket is left alone."""
    desk = AlertDesk()
    for minute in range(0, 60, 2):
        await desk.deliver(("a", minute, "firing"))
        await desk.wait(1)
        await desk.deliver(("a", minute, "resolved"))
        await desk.wait(1)
    assert await firings(desk) == [1, 0, 1, 0, 1]
    kinds = Counter(await desk.kinds())
    assert (kinds["flapping_started"], kinds["flapping_ended"]) == (1, 0)
    assert len(desk.states()) == 1
    await desk.wait(58)
    assert await firings(desk) == [1, 0, 1, 0, 1]
    await desk.wait(1)
    assert await firings(desk) == [1, 0, 1, 0, 1, 0]
    assert Counter(await desk.kinds())["flapping_ended"] == 1
    assert not desk.group().flapping


async def test_a_group_that_flaps_more_slowly_than_it_reopens_opens_few_tickets() -> None:
    """With a reopen window of half a minute each cycle would be a ticket: flapping stops that."""
    desk = AlertDesk(configured({"reopen": 30}))
    for minute in range(0, 60, 2):
        await desk.deliver(("a", minute, "firing"))
        await desk.wait(1)
        await desk.deliver(("a", minute, "resolved"))
        await desk.wait(1)
    assert len(desk.states()) == 3


async def test_a_group_that_ends_its_flapping_firing_stays_open() -> None:
    """What is true in the end is told, once."""
    desk = AlertDesk()
    for minute in range(0, 12, 2):
        await desk.deliver(("a", minute, "firing"))
        await desk.wait(1)
        await desk.deliver(("a", minute, "resolved"))
        await desk.wait(1)
    await desk.deliver(("a", 12, "firing"))
    await desk.wait(61)
    assert (await firings(desk))[-1] == 1
    assert desk.group().members["a"].fires
    assert not desk.group().flapping


async def test_what_fires_and_ends_within_a_window_is_recorded_and_nobody_is_told() -> None:
    """The facts are there, and no ticket is."""
    desk = AlertDesk(configured(windows=[window()]))
    await desk.wait(40)
    assert (await desk.deliver(("a", 40, "firing"))).ticket is None
    await desk.deliver(("a", 40, "resolved"))
    await desk.wait(120)
    assert desk.states() == []
    assert await desk.told() == []
    held = [b.reason for b in await desk.told(ALERT_GROUPS) if isinstance(b, IncidentHeld)]
    assert held == ["maintenance"]


async def test_what_still_fires_at_the_end_of_a_window_opens_then() -> None:
    """The clocks of its ticket start when the window is over."""
    desk = AlertDesk(configured(windows=[window(change="CHG-7")]))
    await desk.wait(40)
    await desk.deliver(("a", 40, "firing"), ("b", 40, "firing"))
    await desk.deliver(("b", 40, "resolved"))
    await desk.wait(109)
    assert desk.states() == []
    await desk.wait(1)
    (ticket,) = desk.states()
    assert (ticket.firing, sorted(ticket.members)) == (1, ["a"])
    assert ticket.facts.accepted_at == at(150)
    first = (await desk.store.conversations([desk.tickets()[0].id]))[0]
    assert first.subject == "group is down"
    assert (await desk.kinds())[-2:] == ["unmuted", "incident_opened"]


async def test_fire_mute_resolve_unmute_ends_resolved_without_a_notice() -> None:
    """What was open before the window ends within it; what begins in it and ends is silent."""
    desk = AlertDesk(configured(windows=[window()]))
    await desk.deliver(A)
    await desk.wait(40)
    await desk.deliver(B, ("a", 35, "firing"))
    await desk.deliver(B_ENDED)
    await desk.deliver(("a", 36, "resolved"))
    await desk.wait(120)
    assert await firings(desk) == [1, 0]
    (ticket,) = desk.states()
    assert ticket.firing == 0


@pytest.mark.parametrize(
    ("zone", "day", "muted", "told"),
    [
        # Europe/London goes forward at 01:00 UTC on 29 March: 00:30 to 03:30 is two hours there.
        ("Europe/London", "2026-03-29T00:30", "2026-03-29T02:29", "2026-03-29T02:30"),
        # And back at 01:00 UTC on 25 October: the same hours are four.
        ("Europe/London", "2026-10-24T23:30", "2026-10-25T03:29", "2026-10-25T03:30"),
        # New York goes forward at 02:00 local, 07:00 UTC, on 8 March.
        ("America/New_York", "2026-03-08T05:30", "2026-03-08T07:29", "2026-03-08T07:30"),
    ],
    ids=["forward", "back", "New York"],
)
@pytest.mark.parametrize("ends", [False, True])
async def test_a_window_keeps_its_local_hours_over_a_change_of_the_clocks(
    zone: str,
    day: str,
    muted: str,
    told: str,
    ends: bool,  # noqa: FBT001
) -> None:
    """Weekly from 00:30 to 03:30 on the wall: what fires on opens at its end, else nothing."""
    weekly = window(
        starts=datetime(2026, 1, 4, 0, 30),  # noqa: DTZ001 - local, as windows are
        duration=3 * 3600,
        time_zone=zone,
        recurs="FREQ=WEEKLY;BYDAY=SU",
    )
    desk = AlertDesk(configured(windows=[weekly]))

    async def until(text: str) -> None:
        instant = datetime.fromisoformat(f"{text}+00:00")
        await desk.clock.advance((instant - desk.clock.now()).total_seconds())
        await desk.watch()

    start = datetime.fromisoformat(f"{day}+00:00")
    await desk.clock.advance((start - desk.clock.now()).total_seconds())
    minute = (start - at(0)).total_seconds() / 60
    await desk.deliver(("a", minute, "firing"))
    await until(muted)
    assert desk.states() == []
    if ends:
        await desk.deliver(("a", minute, "resolved"))
    await until(told)
    assert [t.firing for t in desk.states()] == ([] if ends else [1])


async def test_a_window_is_for_what_it_names_alone() -> None:
    """Of two alerts of one group the one in the window is not told, the other one is."""
    desk = AlertDesk(configured(windows=[window(items=["db-1"])]))
    await desk.wait(40)
    await desk.deliver(
        alert("a", 40, "firing", configuration_item="db-1"),
        alert("b", 40, "firing", configuration_item="db-2"),
    )
    (ticket,) = desk.states()
    assert (ticket.firing, sorted(ticket.members)) == (1, ["b"])
    await desk.wait(111)
    (ticket,) = desk.states()
    assert (ticket.firing, sorted(ticket.members)) == (2, ["a", "b"])


async def test_a_window_that_outlives_the_ticket_opens_a_new_one() -> None:
    """What was muted and never told has no place in a ticket that is closed."""
    desk = AlertDesk(configured(windows=[window(items=["db-1"])]))
    await desk.wait(40)
    first = await desk.deliver(
        alert("a", 40, "firing", configuration_item="db-1"), alert("b", 40, "firing")
    )
    await desk.close(first.ticket or "")
    await desk.wait(111)
    assert [sorted(t.members) for t in desk.states()] == [["b"], ["a"]]
    assert desk.states()[1].follows == first.ticket


async def test_a_ticket_that_takes_over_what_fires_keeps_the_raised_priority() -> None:
    """The alerts began as P3 and rose to P1 before their ticket was closed."""
    desk = AlertDesk(configured(windows=[window(items=["db-1"])]))
    await desk.wait(40)
    first = await desk.deliver(
        alert("a", 40, "firing", configuration_item="db-1", severity="warning"),
        alert("b", 40, "firing", severity="warning"),
    )
    await desk.deliver(alert("c", 41, "firing", configuration_item="db-1", severity="critical"))
    await desk.close(first.ticket or "")
    await desk.wait(111)
    after = desk.states()[1]
    assert sorted(after.members) == ["a", "c"]
    assert after.facts.priority == "P1"
    assert after.priority_because is not None
    assert after.priority_because.priority == "P1"


async def test_a_crash_between_a_timer_and_its_ticket_is_found() -> None:
    """The group has opened, its ticket has not: the note that was left says so."""
    opened = 0
    for number in range(60):
        crash = CrashAt(number)
        dying = AlertDesk(configured(windows=[window()]), faults=crash)
        await dying.wait(40)
        await dying.deliver(("a", 40, "firing"))
        await dying.clock.advance(7_000)
        crash.armed = True
        try:
            await dying.watch()
        except Crash:
            crash.died = True
        crash.armed = False
        healthy = dying.other()
        await healthy.wait(5)
        (ticket,) = healthy.states()
        assert ticket.firing == 1
        assert healthy.data.collection("alert_unsettled") == {}
        opened += 1
        if not crash.died:
            break
    assert opened > 10


async def test_alerts_that_nobody_tells_of_expire_and_are_not_resolved() -> None:
    """After four hours: marked, told as expired, and firing again when they are told again."""
    desk = AlertDesk(configured({"expire": 4 * 3600}))
    await desk.deliver(A, B)
    await desk.wait(200)
    await desk.deliver(A, ("b", 199, "firing"))
    await desk.wait(41)
    assert [
        b.fingerprints for b in await desk.told(ALERT_GROUPS) if isinstance(b, AlertsExpired)
    ] == [("a",)]
    changed = [b for b in await desk.told() if isinstance(b, AlertsChanged)]
    assert [(b.firing, b.expired) for b in changed][-1] == (1, 1)
    assert changed[-1].changes[0].status is AlertStatus.EXPIRED
    await desk.deliver(A)
    (ticket,) = desk.states()
    assert ticket.firing == 2


async def test_deliveries_that_come_again_keep_alerts_from_expiring() -> None:
    """They go no further than their receipts, and are heard all the same."""
    desk = AlertDesk(configured({"expire": 4 * 3600}))
    told = desk.formed(delivery(A), key="once")
    await desk.hand_in([told])
    for _ in range(5):
        await desk.wait(120, watch=False)
        desk.hearing.repeated(told)
        await desk.hearing.note()
        await desk.watch()
    assert "alerts_expired" not in await desk.kinds()
    await desk.wait(241)
    assert Counter(await desk.kinds())["alerts_expired"] == 1


async def test_a_storm_over_two_processes_collects_under_one_parent() -> None:
    """Of 120 look-alike incidents ten open by themselves; the parent counts the others."""
    one = AlertDesk(configured({"storm": {"groups": 10, "within": 60}}))
    two = one.other()
    done = []
    for n in range(120):
        told = alert(f"h{n}", 0, "firing", name="HostDown")
        done.append(await (one, two)[n % 2].deliver(told, key=f"host {n}", subject=f"host {n}"))
    tickets = Counter(r.ticket for r in done)
    assert len(tickets) == 11
    (parent, count) = tickets.most_common(1)[0]
    assert count == 110
    by_id = {t.id: t.state for t in one.tickets()}
    assert len(by_id) == 11
    assert (by_id[parent or ""].firing if by_id[parent or ""] else 0) == 110  # type: ignore[union-attr]
    for n in range(120):
        await (two, one)[n % 2].deliver((f"h{n}", 0, "resolved"), key=f"host {n}")
    assert {t.firing for t in one.states()} == {0}


async def test_a_storm_at_once_on_two_processes_opens_few_tickets() -> None:
    """Two batches of a hundred at the same moment: at most one parent, and it counts all it has."""
    one = AlertDesk(configured({"storm": {"groups": 10, "within": 60}}), faults=FlakyAt(3, 0.0))
    two = one.other(faults=FlakyAt(4, 0.0))
    made = [
        one.formed(
            delivery(alert(f"h{n}", 0, "firing", name="HostDown"), key=f"host {n}"), key=f"{n}"
        )
        for n in range(200)
    ]
    await asyncio.gather(one.hand_in(made[:100]), two.hand_in(made[100:]))
    calm = one.other()
    await calm.settle()
    groups = calm.groups()
    parents = {g.episodes[-1].parent for g in groups.values() if g.episodes[-1].parent}
    assert len(parents) == 1
    held = sum(g.episodes[-1].parent is not None for g in groups.values())
    assert held >= 190
    assert groups[parents.pop() or ""].firing == held
    assert len(calm.states()) == 200 - held + 1


async def test_alerts_of_other_shapes_are_no_part_of_a_storm() -> None:
    """A storm of one name does not hide an incident of another."""
    desk = AlertDesk(configured({"storm": {"groups": 2, "within": 60}}))
    for n in range(5):
        await desk.deliver(alert(f"h{n}", 0, "firing", name="HostDown"), key=f"host {n}")
    other = await desk.deliver(alert("x", 0, "firing", name="DiskFull"), key="disk")
    assert desk.states()[-1].facts.number == other.number
    assert len(desk.states()) == 4


async def test_a_heartbeat_that_does_not_come_opens_one_incident_and_its_next_beat_ends_it() -> (
    None
):
    """On two processes: since when it was due, once; the beat resolves it."""
    one = AlertDesk()
    two = one.other()
    await one.beat(every=60)
    await one.wait(0.9)
    assert one.states() == []
    await one.clock.advance(10)
    await asyncio.gather(one.watch(), two.watch())
    await two.watch()
    (ticket,) = one.states()
    assert ticket.firing == 1
    assert [o.starts_at for o in ticket.members.values()] == [at(1)]
    await two.beat(every=60)
    (ticket,) = one.states()
    assert ticket.firing == 0
    await one.wait(2)
    (ticket,) = one.states()
    assert ticket.firing == 1


async def test_a_heartbeat_is_looked_after_however_alerts_are_grouped() -> None:
    """Its group has no labels; its period is the integration's where it says none."""
    policy = {"group": "labels", "labels": ["rack"]}
    desk = AlertDesk(configured(policy, settings={"watchdog_seconds": 120, "watchdog": "Watchdog"}))
    await desk.beat(every=None)
    await desk.wait(1.9)
    assert desk.states() == []
    await desk.wait(0.2)
    assert [t.firing for t in desk.states()] == [1]
    assert [p.every_seconds for p in await desk.monitors.heartbeats(tenant="main")] == [120]


async def test_a_hint_resolves_and_mutes_what_is_known_and_opens_nothing() -> None:
    """The webhook stays the source of truth."""
    desk = AlertDesk()
    await desk.hint(("x", 0, "resolved"), muted=["y"])
    assert desk.groups() == {}
    await desk.deliver(A, B)
    await desk.hint(A_ENDED, ("c", 0, "firing"))
    assert await firings(desk) == [2, 1]
    await desk.hint(muted=["b"])
    assert desk.group().members["b"].muted == "monitor"
    await desk.deliver(("b", 3, "firing"))
    assert desk.group().members["b"].muted is None


async def test_a_delivery_without_news_writes_no_stream() -> None:
    """It is counted, and neither the group nor its ticket changes."""
    desk = AlertDesk()
    await desk.deliver(A)
    before = desk.data.collection("alert_groups").copy(), desk.data.collection("tickets").copy()
    await desk.deliver(A)
    after = desk.data.collection("alert_groups"), desk.data.collection("tickets")
    assert [{k: r["v"] for k, r in c.items()} for c in before] == [
        {k: r["v"] for k, r in c.items()} for c in after
    ]


class Counting:
    """Counts points of I/O by name."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    async def point(self, name: str) -> None:
        """Count one."""
        self.names[name] += 1


async def test_a_batch_over_many_groups_takes_few_round_trips() -> None:
    """200 receipts of 200 keys are two commits, and without news none."""
    counting = Counting()
    desk = AlertDesk(configured({"storm": None}), faults=counting)
    made = [
        desk.formed(delivery((f"f{n}", 0, "firing"), key=f"g{n}"), key=f"{n}") for n in range(200)
    ]
    await desk.hand_in(made)
    assert len(desk.states()) == 200
    assert counting.names["store.commit"] == 2
    assert counting.names["store.load"] <= 3
    counting.names.clear()
    again = [
        desk.formed(delivery((f"f{n}", 0, "firing"), key=f"g{n}"), key=f"x{n}") for n in range(200)
    ]
    await desk.hand_in(again)
    assert counting.names["store.commit"] == 0
    assert counting.names["store.load"] == 2
    assert counting.names["alerts.add_occurrences"] == 1


ACTIONS = st.one_of(
    st.tuples(
        st.just("say"),
        st.sampled_from("ab"),
        st.integers(0, 3),
        st.sampled_from(["firing", "resolved", "acknowledged"]),
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, 7, 20, 45, 130])),
    st.tuples(st.sampled_from(["close", "reopen", "follow up"])),
)


@settings(max_examples=120, deadline=None)
@given(actions=st.lists(ACTIONS, min_size=1, max_size=14), flaky=st.integers(0, 1_000))
async def test_any_day_of_a_group_ends_with_its_ticket_knowing_what_fires(
    actions: list[tuple[Any, ...]], flaky: int
) -> None:
    """Windows, expiry, flapping, closing and faults: the state is the fold, the ticket follows."""
    policy = {
        "expire": 5_400,
        "flapping": {"changes": 4, "within": 1_800, "quiet": 600},
        "storm": {"groups": 2, "within": 600},
    }
    calm = AlertDesk(configured(policy, windows=[window(items=["db-1"])]))
    one = calm.other(faults=FlakyAt(flaky, 0.05))
    for action in actions:
        if action[0] == "say":
            minute = action[2] * 10
            item = "db-1" if action[1] == "a" else None
            told = alert(action[1], minute, action[3], configuration_item=item)
            with contextlib.suppress(Infrastructure):
                await one.deliver(told)
        elif action[0] == "wait":
            await calm.clock.advance(action[1] * 60)
            with contextlib.suppress(Infrastructure):
                await one.watch()
        else:
            for document in calm.tickets()[:1]:
                work = {"close": calm.close, "reopen": calm.reopen, "follow up": calm.follow_up}
                await work[action[0]](document.id)
    await calm.settle()
    await calm.wait(1)
    streams: dict[str, list[Event[Any]]] = {}
    for event in await calm.sent(ALERT_GROUPS):
        streams.setdefault(event.subject, []).append(event)
    for key, group in calm.groups().items():
        rebuilt = fold(
            ALERT_GROUP, Document(id=key, tenant="main"), [e.encoded() for e in streams[key]]
        )
        assert rebuilt.state == group
        current = group.current
        if current is None or current.opened_at is None:
            held = current is None or current.held is not None
            assert held or not group.firing_of(current.number if current else 0)
            continue
        ticket = next(d.state for d in calm.tickets() if d.id == current.ticket)
        assert ticket is not None
        if ticket.closed or group.flapping:
            continue
        silent = {f for f in group.members if group.members[f].muted}
        fires = {f for f, o in ticket.members.items() if o.fires}
        assert fires - silent == set(group.firing_of(current.number)) - silent
    assert not [r for r in calm.store.all_receipts() if r.pending_since is not None]


async def test_a_group_whose_events_cannot_be_sent_waits_and_the_others_go_on() -> None:
    """Five hundred events wait for the broker: its receipts wait too, and are applied later."""
    desk = AlertDesk()
    for n in range(499):
        await desk.deliver((f"f{n}", 0, "firing"))
        if n % 100 == 0:
            # Its ticket's events do go out.
            await desk.streams.trim(
                TICKET, {d.id: [e.id for e in d.outbox] for d in desk.tickets()}
            )
    told = [desk.formed(delivery((f"g{n}", 0, "firing"))) for n in range(3)]
    other = desk.formed(delivery(A, key="other"))
    done = await desk.hand_in([*told, other])
    assert [r.pending_since is None for r in done] == [False, False, False, True]
    await desk.told()
    await desk.settle()
    assert sorted(t.firing for t in desk.states()) == [1, 502]


async def test_groups_are_read_with_their_counts() -> None:
    """By tenant, firing or not, the last changed first."""
    desk = AlertDesk()
    await desk.deliver(A, key="x")
    await desk.wait(1)
    await desk.deliver(A, key="y")
    await desk.deliver(A_ENDED, key="y")
    found = await desk.monitors.groups(tenant="main", firing=None, limit=10)
    assert [(d.state.firing, n) for d, n in found if d.state] == [(0, 2), (1, 1)]
    firing = await desk.monitors.groups(tenant="main", firing=True, limit=10)
    assert [n for _, n in firing] == [1]
    assert await desk.monitors.groups(tenant="other", firing=None, limit=10) == []
    assert await desk.monitors.group(firing[0][0].id, tenant="other") is None
