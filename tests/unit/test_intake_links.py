"""Merges in any order and at once: every chain ends, and both sides agree in the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from services.intake.domain.links import (
    LINKS_KEPT_MAX,
    Links,
    decide_absorbed,
    decide_children,
    decide_merged,
    decide_not_absorbed,
    decide_parent,
    decide_parent_solved,
    decide_released,
    decide_unmerged,
    require_child,
    require_mergeable,
    require_parent,
    require_target,
)
from shared.contracts.envelope import Body
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.links import LINKED_MAX
from shared.kernel import CommandRejected

FACTS = TicketFacts(
    number="T-000042",
    kind=Kind.INCIDENT,
    channel=Channel.EMAIL,
    priority=Priority.P3,
    impact=Level.MEDIUM,
    urgency=Level.MEDIUM,
    contact="c",
    accepted_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
)
TICKETS = ("a", "b", "c", "d")


class State(BaseModel):
    """What of a ticket links look at."""

    model_config = ConfigDict(frozen=True)

    facts: TicketFacts = FACTS
    closed: bool = False
    alert_key: str | None = None
    links: Links = Links()


class Desk:
    """Tickets, and deeds whose steps are done in whatever order."""

    def __init__(self) -> None:
        self.states = {ticket: State() for ticket in TICKETS}

    def write(self, ticket: str, decide: Callable[[State], Sequence[Body]]) -> None:
        """Decide on a ticket, and fold what follows."""
        for body in decide(self.states[ticket]):
            links = self.states[ticket].links.after(body)
            assert links is not None
            self.states[ticket] = self.states[ticket].model_copy(update={"links": links})

    def settled(self, ticket: str) -> set[str]:
        """Return the links of the merges into a ticket of which both halves are done."""
        absorbed = self.states[ticket].links.absorbed
        return {link for t, link in absorbed.items() if self.states[t].links.merge == link}

    def absorb(self, source: str, into: str, link: str) -> bool:
        """Do the first half of a merge; return whether it could be done."""
        try:
            self.write(into, lambda s: decide_absorbed(s, source=source, link=link, by="x"))
        except CommandRejected:
            return False
        return True

    def merge(self, source: str, into: str, link: str, *, seen: set[str] | None = None) -> None:
        """Do the second half, or undo the first; ``seen`` was looked up some time before."""
        settled = self.settled(source) if seen is None else seen
        self.write(
            source,
            lambda s: decide_merged(s, into=into, link=link, by="x", settled=settled),
        )
        if self.states[source].links.merge != link:
            self.write(
                into,
                lambda s: decide_not_absorbed(
                    s, source=source, link=link, undo=f"{link}-undo", by="x"
                ),
            )

    def end_of(self, ticket: str) -> str:
        """Follow the merges from a ticket to where they end."""
        seen = {ticket}
        while (into := self.states[ticket].links.merged_into) is not None:
            assert into not in seen, "a ring"
            seen.add(into)
            ticket = into
        return ticket


MERGES = st.lists(
    st.tuples(st.sampled_from(TICKETS), st.sampled_from(TICKETS)).filter(lambda m: m[0] != m[1]),
    max_size=6,
)


@given(merges=MERGES, chance=st.randoms(use_true_random=False))
def test_no_interleaving_of_merges_closes_a_ring(
    merges: list[tuple[str, str]], chance: object
) -> None:
    """Two halves each, in any order that keeps the first before the second, some repeated.

    Others come between a look at what is merged into the source and the half that needs it.
    """
    desk = Desk()
    order = [i for i in range(len(merges)) for _ in range(6)]
    seen: dict[int, set[str]] = {}
    chance.shuffle(order)  # type: ignore[attr-defined]
    step = dict.fromkeys(range(len(merges)), 0)
    given_up: set[int] = set()
    for i in order:
        source, into = merges[i]
        # Both halves may be done again, as a sweeper does that overlaps with another.
        if step[i] % 3 == 0:
            if not desk.absorb(source, into, f"l{i}"):
                given_up.add(i)
        elif step[i] % 3 == 1:
            seen[i] = desk.settled(source)
        elif i not in given_up:
            desk.merge(source, into, f"l{i}", seen=seen[i])
        step[i] += 1
        for ticket in TICKETS:
            desk.end_of(ticket)


@given(merges=MERGES)
def test_merges_one_after_the_other_agree_on_both_sides(merges: list[tuple[str, str]]) -> None:
    """Who is merged is absorbed there, and nobody else is."""
    desk = Desk()
    for i, (source, into) in enumerate(merges):
        if desk.absorb(source, into, f"l{i}"):
            desk.merge(source, into, f"l{i}")
    for ticket in TICKETS:
        merged = {t for t in TICKETS if desk.states[t].links.merged_into == ticket}
        assert set(desk.states[ticket].links.absorbed) == merged


def test_two_that_are_merged_into_each_other_at_once_close_no_ring() -> None:
    """One looks before the other begins, the other after the first is done: still no ring."""
    desk = Desk()
    desk.absorb("a", "b", "l1")
    before = desk.settled("a")
    desk.absorb("b", "a", "l2")
    desk.merge("a", "b", "l1", seen=before)
    desk.merge("b", "a", "l2")
    assert {desk.end_of("a"), desk.end_of("b")} <= {"a", "b"}


def test_a_deed_that_is_done_again_after_its_undoing_stays_undone() -> None:
    """A slow process that repeats a merge must not take back what an agent undid."""
    desk = Desk()
    desk.absorb("a", "b", "l1")
    desk.merge("a", "b", "l1")
    desk.write("b", lambda s: decide_released(s, source="a", link="l2", by="x"))
    desk.write("a", lambda s: decide_unmerged(s, into="b", link="l2", by="x"))
    desk.absorb("a", "b", "l1")
    desk.merge("a", "b", "l1")
    assert desk.states["a"].links.merged_into is None
    assert desk.states["b"].links.absorbed == {}


def test_a_merge_that_comes_to_nothing_undoes_no_other() -> None:
    """A ticket that is merged by one deed stays so, while another of the same two is refused."""
    desk = Desk()
    desk.absorb("a", "b", "l1")
    desk.merge("a", "b", "l1")
    desk.merge("a", "b", "l2")
    assert desk.states["a"].links.merged_into == "b"
    assert desk.states["b"].links.absorbed == {"a": "l1"}


def test_the_deeds_that_are_remembered_are_bounded() -> None:
    """The oldest are forgotten first."""
    desk = Desk()
    for n in range(LINKS_KEPT_MAX + 5):
        desk.absorb("a", "b", f"l{n}")
        desk.write("b", lambda s, n=n: decide_released(s, source="a", link=f"u{n}", by="x"))  # type: ignore[misc]
    assert len(desk.states["b"].links.done) == LINKS_KEPT_MAX


MERGED = State(links=Links(merged_into="z", merge="l"))


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (None, "not-found"),
        (MERGED, "already-merged"),
        (State(closed=True), "closed"),
        (State(alert_key="k"), "about-alerts"),
        (State(links=Links(parent="p")), "linked"),
        (State(links=Links(children=("p",))), "linked"),
    ],
)
def test_what_cannot_be_merged(state: State | None, code: str) -> None:
    """Each with a reason of its own."""
    with pytest.raises(CommandRejected) as caught:
        require_mergeable(state, settled=())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        (None, "not-found", 422),
        (MERGED, "already-merged", 409),
        (State(closed=True), "closed", 409),
        (State(links=Links(absorbed={str(n): "l" for n in range(LINKED_MAX)})), "too-many", 409),
    ],
)
def test_what_takes_no_other_in(state: State | None, code: str, status: int) -> None:
    """The field is the target's; a ticket about alerts takes others in."""
    with pytest.raises(CommandRejected) as caught:
        require_target(state)
    assert (caught.value.code, caught.value.status, caught.value.field) == (code, status, "into")
    require_target(State(alert_key="k"))


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (State(closed=True), State()),
        (MERGED, State()),
        (State(links=Links(parent="p")), State()),
        (State(), MERGED),
        (State(), State(links=Links(children=("x",)))),
        (State(), State(links=Links(parent="other"))),
    ],
)
def test_who_is_no_parent_or_no_child(parent: State, child: State) -> None:
    """Families have two generations, and a child one parent."""
    refused = []
    requirements: tuple[Callable[[], None], ...] = (
        lambda: require_parent(parent, children=["c"]),
        lambda: require_child(child, parent="p"),
    )
    for require in requirements:
        try:
            require()
        except CommandRejected as error:
            refused.append(error.code)
    assert len(refused) == 1


def test_a_child_is_solved_once_for_each_resolution_of_its_parent() -> None:
    """And only by its own parent."""
    desk = Desk()
    desk.write("a", lambda s: decide_children(s, children=["b"], link="l", by="x"))
    desk.write("b", lambda s: decide_parent(s, parent="a", link="l", by="x"))
    child = desk.states["b"]
    assert len(decide_parent_solved(child, parent="a", link="r1", code="solved")) == 1
    assert decide_parent_solved(child, parent="z", link="r1", code="solved") == []
    desk.write("b", lambda s: decide_parent_solved(s, parent="a", link="r1", code="solved"))
    assert decide_parent_solved(desk.states["b"], parent="a", link="r1", code="solved") == []
