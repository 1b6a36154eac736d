from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.matching import AgentView, choose_agent, speaks
from shared.contracts.routing import Candidate, Presence
from tests.support.routing import at


def agent(
    name: str,
    *,
    load: int = 0,
    capacity: int = 10,
    presence: Presence = Presence.AVAILABLE,
    languages: tuple[str, ...] = ("en",),
    taken_at: datetime | None = None,
) -> AgentView:
    """Return an agent who is available and idle."""
    return AgentView(
        agent=name,
        presence=presence,
        languages=languages,
        capacity=capacity,
        load=load,
        taken_at=taken_at,
    )


def chosen(*agents: AgentView, language: str = "en") -> str | None:
    """Return who is given a ticket of weight 1."""
    return choose_agent(agents, language=language, weight=1, desk="london", because=None).agent


def test_the_least_loaded_by_share_is_chosen() -> None:
    """Two of ten is less than one of four."""
    assert chosen(agent("a", load=1, capacity=4), agent("b", load=2, capacity=10)) == "b"


def test_who_speaks_the_language_comes_before_who_is_less_loaded() -> None:
    """A Chinese ticket goes to the busier agent who speaks Chinese, of whatever script."""
    loaded = agent("b", load=9, languages=("en", "zh-Hant-TW"))
    assert chosen(agent("a"), loaded, language="zh") == "b"


def test_nobody_who_speaks_the_language_is_no_reason_to_wait() -> None:
    """A ticket in a language that nobody speaks goes to the least loaded."""
    assert chosen(agent("a", load=1), agent("b"), language="sv") == "b"


def test_the_longest_without_a_ticket_comes_first_among_equals() -> None:
    """Never is the longest; then the earlier time; then the name."""
    early, late = agent("c", taken_at=at(8)), agent("b", taken_at=at(9))
    assert chosen(late, early) == "c"
    assert chosen(late, early, agent("z")) == "z"
    assert chosen(agent("y"), agent("x")) == "x"


def test_away_offline_and_full_agents_are_left_out_and_counted() -> None:
    """Nobody is free: the explanation counts why, and names nobody."""
    choice = choose_agent(
        [
            agent("a", presence=Presence.AWAY),
            agent("b", presence=Presence.OFFLINE),
            agent("c", load=10),
            agent("d", capacity=0),
        ],
        language="en",
        weight=1,
        desk="london",
        because=None,
    )
    assert choice.agent is None
    assert choice.explanation.left_out == {"away": 1, "offline": 1, "full": 2}
    assert choice.explanation.candidates == ()
    assert choice.explanation.rule == "nobody of london is free"


def test_the_explanation_names_the_five_best_with_their_share() -> None:
    """Of six free agents the five least loaded are shown, the chosen one first."""
    choice = choose_agent(
        [agent(name, load=load) for load, name in enumerate("abcdef")],
        language="en",
        weight=1,
        desk="london",
        because=None,
    )
    assert choice.explanation.candidates == (
        Candidate(name="a", chosen=True, score=0.0),
        Candidate(name="b", score=0.1),
        Candidate(name="c", score=0.2),
        Candidate(name="d", score=0.3),
        Candidate(name="e", score=0.4),
    )
    assert choice.explanation.rule == (
        "a is the least loaded of 6 free agents of london; speaks en"
    )


def test_a_language_is_compared_by_its_first_part() -> None:
    """zh-Hans is Chinese as zh is; zh is not za."""
    assert speaks(["zh-Hans"], "zh")
    assert speaks(["en", "zh"], "zh-Hant-TW")
    assert not speaks(["za"], "zh")


VIEWS = st.lists(
    st.builds(
        AgentView,
        agent=st.sampled_from([f"a{n}" for n in range(12)]),
        presence=st.sampled_from(Presence),
        languages=st.sampled_from([("en",), ("zh",), ("en", "zh"), ("zh-Hans",)]),
        capacity=st.integers(0, 4),
        load=st.integers(0, 5),
        taken_at=st.sampled_from([None, at(1), at(2), at(3)]),
    ),
    max_size=12,
    unique_by=lambda view: view.agent,
)


def _beats(one: AgentView, other: AgentView) -> bool:
    """Whether an agent is preferred to another, spelled out rule by rule."""
    speak = [any(tag[:2] == "zh" for tag in view.languages) for view in (one, other)]
    if speak[0] != speak[1]:
        return speak[0]
    # Shares are compared without division: a/b < c/d where a*d < c*b.
    shares = one.load * other.capacity, other.load * one.capacity
    if shares[0] != shares[1]:
        return shares[0] < shares[1]
    if one.taken_at != other.taken_at:
        return one.taken_at is None or (
            other.taken_at is not None and one.taken_at < other.taken_at
        )
    return one.agent < other.agent


@given(views=VIEWS, weight=st.integers(1, 3))
def test_the_choice_is_that_of_a_search_through_all_pairs(
    views: list[AgentView], weight: int
) -> None:
    """The agent is the one whom no other free agent beats, found by comparing everyone."""
    free = [
        view
        for view in views
        if view.presence is Presence.AVAILABLE and view.load + weight <= view.capacity
    ]
    best = [v for v in free if not any(_beats(other, v) for other in free if other is not v)]
    choice = choose_agent(views, language="zh", weight=weight, desk="d", because=None)
    assert [choice.agent] == ([best[0].agent] if best else [None])
    assert len(best) == min(1, len(free))
    assert sum(choice.explanation.left_out.values()) == len(views) - len(free)


@given(tickets=st.integers(0, 30), agents=st.integers(1, 6))
def test_equal_agents_get_equal_work(tickets: int, agents: int) -> None:
    """Of any number of tickets, equal agents hold numbers that differ by one at most."""
    loads = {f"a{n}": 0 for n in range(agents)}
    for _ in range(tickets):
        views = [agent(name, load=load, capacity=100) for name, load in loads.items()]
        name = chosen(*views)
        assert name is not None
        loads[name] += 1
    assert max(loads.values()) - min(loads.values()) <= 1
