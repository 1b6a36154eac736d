"""Who is given a ticket, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.board import Board
from services.routing.domain.matching import AgentView, Change, Decision, Waiting
from services.routing.domain.shifts import Shift
from shared.contracts.facts import Channel, Kind, Priority
from shared.contracts.routing import Candidate, Presence
from shared.organisation import Agent, Configuration
from shared.organisation.languages import speaks
from tests.support.routing import at, facts, organisation

NOON = at(12)


def desks(agents: Mapping[str, Mapping[str, Any]], routing: str = "") -> Configuration:
    """Return London (09-17) and the night (17-24), operations (always), and agents of London."""
    described = [
        {"id": name, "name": name, "email": f"{name}@example.org", "desks": ["london"], **given}
        for name, given in agents.items()
    ]
    files = {"routing": routing} if routing else {}
    return organisation(
        desks="""
desks:
  - {name: london, title: London, calendar: day}
  - {name: night, title: Night, calendar: night}
  - {name: operations, title: Operations, calendar: always, tier: 2}
""",
        agents=yaml.safe_dump({"agents": described}),
        topologies="""
topologies:
  - {name: all, shape: centralized, desk: london}
""",
        **files,
    )


def ticket(*, waited: float = 0, since: datetime | None = None, **changes: Any) -> Waiting:
    """Return a P3 of London in English that has waited for so many seconds at noon."""
    given: dict[str, Any] = {
        "id": "t",
        "desk": "london",
        "since": since or NOON - timedelta(seconds=waited),
    }
    for name in ("id", "desk", "reopened", "last_agent", "solver"):
        if name in changes:
            given[name] = changes.pop(name)
    return Waiting(facts=facts(**changes), **given)


def decided(
    configuration: Configuration,
    *views: AgentView,
    of: Waiting | None = None,
    now: datetime = NOON,
) -> Decision:
    """Return the decision on a ticket with the agents as they are said to stand, or idle."""
    board = Board(configuration)
    said = {view.agent: view for view in views}
    board.see([said.get(a.id, AgentView(a.id)) for a in configuration.all_agents()], now)
    return board.decide(of or ticket(), now)


def test_the_least_loaded_by_share_is_chosen() -> None:
    """Two of ten is less than one of four."""
    known = desks({"a": {"capacity": 4}, "b": {"capacity": 10}})
    assert decided(known, AgentView("a", load=1), AgentView("b", load=2)).agent == "b"


def test_who_speaks_the_language_comes_before_who_is_less_loaded() -> None:
    """A Chinese ticket goes to the busier agent who speaks Chinese, of whatever script."""
    known = desks({"a": {}, "b": {"languages": ["en", "zh-Hant-TW"]}})
    found = decided(known, AgentView("b", load=9), of=ticket(language="zh"))
    assert (found.agent, found.language) == ("b", "zh")


def test_nobody_who_speaks_the_language_is_no_reason_to_wait() -> None:
    """Where no rule says otherwise, a ticket that nobody can read goes to the least loaded."""
    found = decided(desks({"a": {}, "b": {}}), AgentView("a", load=1), of=ticket(language="sv"))
    assert (found.agent, found.language) == ("b", None)
    assert found.explanation().rule.endswith("nobody free speaks sv")


def test_the_longest_without_a_ticket_comes_first_among_equals() -> None:
    """Never is the longest; then the earlier time; then the name."""
    early, late = AgentView("c", taken_at=at(8)), AgentView("b", taken_at=at(9))
    assert decided(desks({"b": {}, "c": {}}), late, early).agent == "c"
    assert decided(desks({"b": {}, "c": {}, "z": {}}), late, early).agent == "z"
    assert decided(desks({"y": {}, "x": {}})).agent == "x"


def test_away_offline_and_full_agents_are_left_out_and_counted() -> None:
    """Nobody is free: the explanation counts why, and names nobody."""
    known = desks({"a": {}, "b": {}, "c": {}, "d": {"capacity": 0}})
    found = decided(
        known,
        AgentView("a", presence=Presence.AWAY),
        AgentView("b", presence=Presence.OFFLINE),
        AgentView("c", load=10),
    )
    because = found.explanation()
    assert (found.agent, found.decided) == (None, "nobody-free")
    assert because.left_out == {"away": 1, "offline": 1, "full": 2}
    assert because.candidates == ()
    assert because.rule == "nobody of london is free"


def test_the_explanation_names_the_five_best_with_their_share() -> None:
    """Of six free agents the five least loaded are shown, the chosen one first."""
    known = desks({name: {} for name in "abcdef"})
    loads = [AgentView(name, load=load) for load, name in enumerate("abcdef")]
    because = decided(known, *loads).explanation()
    assert because.candidates == tuple(
        Candidate(name=name, chosen=name == "a", score=score, desk="london")
        for name, score in zip("abcde", (0.0, 0.1, 0.2, 0.3, 0.4), strict=True)
    )
    assert because.rule == "a is the least loaded of 6 free agents of london; speaks en"
    assert (because.decided, because.policy, because.free) == ("least-loaded", None, 6)


def test_a_language_is_compared_by_its_first_part() -> None:
    """zh-Hans is Chinese as zh is; zh is not za."""
    assert speaks(["zh-Hans"], "zh")
    assert speaks(["en", "zh"], "zh-Hant-TW")
    assert not speaks(["za"], "zh")


@given(tickets=st.integers(0, 30), agents=st.integers(1, 6))
def test_equal_agents_get_equal_work(tickets: int, agents: int) -> None:
    """Of any number of tickets, equal agents hold numbers that differ by one at most."""
    known = desks({f"a{n}": {"capacity": 100} for n in range(agents)})
    board = Board(known)
    board.see([AgentView(a.id) for a in known.all_agents()], NOON)
    loads = dict.fromkeys((a.id for a in known.all_agents()), 0)
    for _ in range(tickets):
        found = board.decide(ticket(), NOON)
        assert found.agent is not None
        board.take(found, NOON)
        loads[found.agent] += 1
    assert max(loads.values()) - min(loads.values()) <= 1


SKILLED = """
rules:
  - name: network
    when: service == "network"
    skills: {network: 2}
    optional_skills:
      - {skill: vpn, level: 2, after: 10m}
      - {skill: voice, after: 5m}
"""


def test_optional_skills_drop_out_one_by_one_and_required_ones_never() -> None:
    """Voice is asked for until 5 minutes have passed, vpn until 10, network for ever."""
    known = desks(
        {
            "all": {"skills": {"network": 2, "vpn": 2, "voice": 1}, "capacity": 1},
            "vpn": {"skills": {"network": 5, "vpn": 3}, "capacity": 1},
            "net": {"skills": {"network": 2}, "capacity": 1},
            "low": {"skills": {"network": 1, "vpn": 5, "voice": 5}},
        },
        SKILLED,
    )
    board = Board(known)
    board.see([AgentView(a.id) for a in known.all_agents()], NOON)
    given_to: dict[int, list[str]] = {}
    for seconds in (0, 299, 300, 599, 600, 100_000):
        found = board.decide(ticket(waited=seconds, service="network"), NOON)
        given_to[seconds] = [ranked.agent for ranked in found.candidates]
    assert given_to == {
        0: ["all"],
        299: ["all"],
        300: ["all", "vpn"],
        599: ["all", "vpn"],
        600: ["all", "net", "vpn"],
        100_000: ["all", "net", "vpn"],
    }
    full = [AgentView(name, load=1) for name in ("all", "vpn", "net")]
    found = decided(known, *full, of=ticket(service="network"))
    assert found.left_out == {"skill": 3, "full": 1}
    assert found.changes == (
        Change(NOON + timedelta(minutes=5), "skill", "voice"),
        Change(NOON + timedelta(minutes=10), "skill", "vpn"),
    )


def test_a_ticket_that_nobody_could_ever_have_says_so() -> None:
    """Full is one thing; that nobody here has the skill is another, and nothing will change it."""
    known = desks(
        {"ann": {}, "ops": {"desks": ["operations"], "skills": {"vpn": 1}}},
        """
rules:
  - {name: vpn, when: service == "vpn", skills: {vpn: 1}}
""",
    )
    found = decided(known, of=ticket(service="vpn"))
    assert (found.decided, found.left_out, found.changes) == ("nobody-able", {"skill": 1}, ())
    because = found.explanation()
    assert because.rule == "nobody of london has the skills and the language for it"
    full = AgentView("ops", load=10)
    elsewhere = decided(known, full, of=ticket(service="vpn", desk="operations"))
    assert elsewhere.decided == "nobody-free"


def test_a_required_language_gives_way_to_its_fallbacks_in_time() -> None:
    """First Chinese, after 5 minutes English too, after 30 anybody; the first is preferred."""
    known = desks(
        {"zh": {"languages": ["zh"]}, "en": {}, "sv": {"languages": ["sv"]}},
        """
rules:
  - name: all
    language: {required: true, fallbacks: [{language: en, after: 5m}], any_after: 30m}
""",
    )
    busy = AgentView("zh", load=9)

    def best(seconds: float, *views: AgentView) -> list[str]:
        found = decided(known, *views, of=ticket(waited=seconds, language="zh-Hans"))
        return [ranked.agent for ranked in found.candidates]

    assert best(299, busy) == ["zh"]
    assert best(300, busy) == ["zh", "en"]
    assert best(1800, busy) == ["zh", "en", "sv"]
    full = AgentView("zh", load=10)
    found = decided(known, full, of=ticket(language="zh"))
    assert (found.agent, found.left_out) == (None, {"full": 1, "language": 2})
    assert [(c.what, c.name) for c in found.changes] == [("language", "en"), ("any-language", "")]
    instead = decided(known, full, of=ticket(waited=300, language="zh")).explanation()
    assert (
        instead.rule == "en is the least loaded of 1 free agent of london; speaks en instead of zh"
    )


RINGS = """
rules:
  - name: overflow
    overflow:
      - {after: 10m, desks: [night]}
      - {after: 1h, desks: [operations]}
"""


def test_rings_are_added_by_age_and_the_own_desk_stays_first() -> None:
    """After an hour operations may take it too, behind London's own; the night is closed."""
    known = desks({"own": {}, "ops": {"desks": ["operations"]}, "owl": {"desks": ["night"]}}, RINGS)
    assert [r.agent for r in decided(known, of=ticket(waited=3599)).candidates] == ["own"]
    found = decided(known, AgentView("own", load=9), of=ticket(waited=3600))
    assert [(r.agent, r.desk) for r in found.candidates] == [
        ("own", "london"),
        ("ops", "operations"),
    ]
    assert found.left_out == {"closed": 1}
    found = decided(known, AgentView("own", load=10), of=ticket(waited=3600))
    assert (found.agent, found.desk) == ("ops", "operations")
    waits = decided(known, AgentView("own", load=10), of=ticket(waited=600))
    assert waits.changes == (
        Change(NOON + timedelta(minutes=50), "desk", "operations"),
        Change(at(17), "opens", "night"),
    )


def test_a_ring_takes_work_of_a_desk_that_is_closed() -> None:
    """At 03:00 London is closed: operations takes what has waited for an hour."""
    known = desks({"own": {}, "ops": {"desks": ["operations"]}}, RINGS)
    found = decided(known, of=ticket(since=at(2)), now=at(3))
    assert (found.agent, found.left_out) == ("ops", {"closed": 1})


def test_a_desk_that_closes_too_soon_gets_nothing_new() -> None:
    """With an hour needed London gets nothing after 16:00, and it is told when it opens again."""
    known = desks({"own": {}}, "rules: [{name: all, open_at_least: 1h}]")
    assert decided(known, now=at(16), of=ticket(since=at(16))).agent == "own"
    found = decided(known, now=at(16, 1), of=ticket(since=at(16)))
    assert (found.agent, found.decided, found.left_out) == (None, "nobody-open", {"closing": 1})
    assert found.changes == (Change(at(9, day=3), "opens", "london"),)


AFFINITY = "rules: [{name: known, affinity: {wait: 15m}}]"


def test_a_ticket_waits_for_who_knows_it_and_not_for_ever() -> None:
    """Ann solved it and is full: Bob gets it after a quarter of an hour, not before."""
    known = desks({"ann": {}, "bob": {}}, AFFINITY)
    again = ticket(reopened=True, solver="ann")
    assert decided(known, AgentView("ann", load=9), of=again).agent == "ann"
    full = AgentView("ann", load=10)
    found = decided(known, full, of=again)
    assert (found.agent, found.decided) == (None, "affinity-wait")
    assert found.left_out == {"full": 1, "affinity": 1}
    assert found.changes == (Change(NOON + timedelta(minutes=15), "affinity", ""),)
    late = ticket(waited=900, reopened=True, solver="ann")
    assert decided(known, full, of=late).agent == "bob"
    assert decided(known, AgentView("ann", load=9), of=late).agent == "ann"


def test_nobody_waits_for_an_agent_who_has_gone_home_or_cannot_do_it_any_more() -> None:
    """Offline, of another desk, or configured no more: the ticket goes to whoever is free."""
    known = desks({"ann": {}, "bob": {}, "ops": {"desks": ["operations"]}}, AFFINITY)
    away = AgentView("ann", presence=Presence.AWAY)
    assert decided(known, away, of=ticket(last_agent="ann")).agent is None
    home = AgentView("ann", presence=Presence.OFFLINE)
    assert decided(known, home, of=ticket(last_agent="ann")).agent == "bob"
    for name in ("ops", "gone"):
        assert decided(known, home, of=ticket(last_agent=name)).agent == "bob"


def test_big_work_takes_more_of_the_capacity() -> None:
    """A change weighs five, a rule says seven for VIPs: who holds four of ten takes no seven."""
    known = desks(
        {"ann": {"capacity": 10}},
        "{weights: {change: 5}, rules: [{name: vip, when: vip, weight: 7}]}",
    )
    held = AgentView("ann", load=4)
    found = decided(known, held, of=ticket(kind=Kind.CHANGE))
    assert (found.agent, found.weight) == ("ann", 5)
    assert decided(known, held, of=ticket(kind=Kind.CHANGE, vip=True)).left_out == {"full": 1}


def test_a_channel_has_a_capacity_of_its_own() -> None:
    """Who has one call takes no second one, and mails all the same."""
    known = desks({"ann": {"capacity_by_channel": {"phone": 1}}})
    calls = AgentView("ann", load=1, load_by_channel={"phone": 1})
    found = decided(known, calls, of=ticket(channel=Channel.PHONE))
    assert (found.agent, found.left_out) == (None, {"channel-full": 1})
    assert decided(known, calls, of=ticket(channel=Channel.EMAIL)).agent == "ann"


def test_a_reserve_keeps_the_last_agents_for_grave_faults() -> None:
    """Of three with room for one each, a P3 gets two; the last one is left for the P1."""
    known = desks(
        {name: {"capacity": 1} for name in "abc"},
        "desks: {london: {reserves: [{priority: P1, agents: 1}]}}",
    )
    held = [AgentView("a", load=1), AgentView("b", load=1)]
    assert decided(known, held[0]).agent == "b"
    found = decided(known, *held)
    assert (found.agent, found.left_out) == (None, {"full": 2, "reserved": 1})
    assert decided(known, *held, of=ticket(priority=Priority.P1)).agent == "c"


def test_a_reserve_can_be_a_share_of_those_with_a_skill() -> None:
    """A quarter of the network people's eight stays free for P2 and graver; others do not count."""
    known = desks(
        {
            "a": {"capacity": 4, "skills": ["network"]},
            "b": {"capacity": 4, "skills": ["network"]},
            "c": {"capacity": 1},
        },
        "desks: {london: {reserves: [{priority: P2, share: 0.25, skill: network}]}}",
    )
    views = [AgentView("a", load=3), AgentView("b", load=3)]
    assert decided(known, *views).agent == "c"
    found = decided(known, *views, AgentView("c", load=1))
    assert (found.agent, found.left_out) == (None, {"full": 1, "reserved": 2})
    assert decided(known, *views, of=ticket(priority=Priority.P2)).agent == "c"


def test_an_agent_of_two_desks_stays_reserved_for_both() -> None:
    """The only network expert is kept for London's P1s also against work of operations."""
    known = desks(
        {"ann": {"desks": ["london", "operations"], "capacity": 1}},
        "desks: {london: {reserves: [{priority: P1, agents: 1}]}}",
    )
    assert decided(known, of=ticket(desk="operations")).left_out == {"reserved": 1}


RAMP = "desks: {london: {ramp: {lasts: 3m, per_minute: 2, more: 1}}}"


@pytest.mark.parametrize(
    ("seconds", "given", "agent", "again"),
    [
        (10, (), "ann", None),
        (10, (5, 6), None, 60),
        (60, (5, 6), "ann", None),
        (61, (59, 60, 61), None, 119),
        (119, (59, 60, 61), "ann", None),
        (125, (122, 123, 124, 124), None, 180),
        (180, (122, 123, 124, 124), "ann", None),
    ],
)
def test_after_signing_in_work_comes_slowly_at_first(
    seconds: int, given: tuple[int, ...], agent: str | None, again: int | None
) -> None:
    """Two in the first minute, three in the second, four in the third, then as many as fit."""
    known = desks({"ann": {}}, RAMP)
    began = at(10)
    view = AgentView(
        "ann",
        load=len(given),
        signed_in_at=began,
        recent=tuple(began + timedelta(seconds=second) for second in given),
    )
    now = began + timedelta(seconds=seconds)
    found = decided(known, view, now=now, of=ticket(since=began))
    assert found.agent == agent
    if again is not None:
        assert found.left_out == {"ramp": 1}
        assert found.changes == (Change(began + timedelta(seconds=again), "ramp", "ann"),)


def test_a_ramp_bears_a_clock_that_was_set_back() -> None:
    """Given at second 50 and, by a clock set back, at 20: the next one may come at second 80."""
    known = desks({"ann": {}}, "desks: {london: {ramp: {lasts: 10m, per_minute: 2}}}")
    began = at(10)
    given = tuple(began + timedelta(seconds=second) for second in (50, 20))
    view = AgentView("ann", load=2, signed_in_at=began, recent=given)
    board = Board(known)
    board.see([view], began + timedelta(seconds=55))
    waiting = ticket(since=began)
    found = board.decide(waiting, began + timedelta(seconds=55))
    assert found.changes == (Change(began + timedelta(seconds=80), "ramp", "ann"),)
    assert board.decide(waiting, began + timedelta(seconds=80)).agent == "ann"


def test_the_place_in_the_queue_follows_priority_then_what_the_desk_puts_ahead_then_age() -> None:
    """VIPs first, then reopened ones, then the longest waiting; a P2 is before all of them."""
    rules = Board(desks({}, "desks: {london: {ahead: [vip, reopened]}}")).rules
    queue = [
        ticket(id="old", waited=900),
        ticket(id="vip", vip=True),
        ticket(id="again", reopened=True, waited=5),
        ticket(id="both", reopened=True, vip=True),
        ticket(id="grave", priority=Priority.P2),
        ticket(id="new"),
    ]
    ordered = sorted(queue, key=lambda waiting: rules.place(waiting, NOON))
    assert [waiting.id for waiting in ordered] == ["grave", "both", "vip", "again", "old", "new"]


def test_a_ticket_rises_with_its_age_and_never_to_the_grave_faults() -> None:
    """A P5 is a P4 after an hour and a P2 after three; a P1 that just came is still before it."""
    rules = Board(desks({}, "rules: [{name: all, ageing: {after: 1h, best: P2}}]")).rules
    old = ticket(id="old", priority=Priority.P5)

    def ahead_of(hours: float, priority: Priority) -> bool:
        other = ticket(id="new", priority=priority, since=NOON)
        waiting = replace(old, since=NOON - timedelta(hours=hours))
        return rules.place(waiting, NOON) < rules.place(other, NOON)

    assert not ahead_of(0.99, Priority.P4)
    assert ahead_of(1, Priority.P4)
    assert not ahead_of(2.99, Priority.P2)
    assert ahead_of(3, Priority.P2)
    assert not ahead_of(500, Priority.P1)
    grave = replace(old, facts=facts(priority=Priority.P1), since=NOON)
    assert rules.place(grave, NOON)[0] == 1


def test_an_agent_of_whom_nothing_is_known_is_given_nothing() -> None:
    """A board that was told of nobody gives nothing to anybody."""
    known = desks({"ann": {}})
    assert Board(known).decide(ticket(), NOON).left_out == {"offline": 1}


def test_a_ticket_of_a_desk_that_is_gone_waits() -> None:
    """Nobody is of a desk that is configured no more; the sweep moves the ticket."""
    found = decided(desks({"ann": {}}), of=ticket(desk="gone"))
    assert (found.agent, found.decided, found.changes) == (None, "nobody-open", ())


def test_shifts_begin_and_end_by_themselves_and_a_clock_may_be_set_back() -> None:
    """From noon to one nobody is on shift; at 11:59, once more, somebody is."""
    known = desks({"ann": {}})

    def lunch(_configuration: Configuration, _agent: Agent, now: datetime) -> Shift:
        if now < NOON:
            return Shift(None, NOON)
        return Shift("off-shift", at(13)) if now < at(13) else Shift(None, None)

    board = Board(known, shift=lunch)
    board.see([AgentView("ann")], at(11))
    waiting = ticket(since=at(11))
    found = {minute: board.decide(waiting, at(*minute)) for minute in ((11, 59), (12, 0), (13, 0))}
    assert [decision.agent for decision in found.values()] == ["ann", None, "ann"]
    assert found[12, 0].left_out == {"off-shift": 1}
    assert board.decide(waiting, at(12, 30)).agent is None
    assert board.decide(waiting, at(11, 59)).agent == "ann"
