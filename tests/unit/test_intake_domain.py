"""What intake decides: alerts that only move forward, tickets, priorities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.alerts import (
    Occurrence,
    fingerprint_of,
    firing,
    from_sortable,
    merged,
    newer_than,
    sortable,
)
from services.intake.domain.classify import classify_alerts, classify_request
from services.intake.domain.normal import Alert, AlertGroup, Party, Request
from services.intake.domain.ticket import (
    TICKET,
    Ticket,
    decide_accepted,
    decide_alerts,
    decide_closed,
    decide_message,
    decide_reopened,
    number_text,
    ordinal_of,
)
from shared.aggregate import Document, Step, fold, plan
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import AlertsChanged, AlertStatus, Direction
from shared.kernel import CommandRejected
from shared.organisation import Integration
from tests.support.intake import sample_configuration

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONFIGURATION = sample_configuration()
FACTS = TicketFacts(
    number="T-000042",
    kind=Kind.INCIDENT,
    channel=Channel.MONITORING,
    priority=Priority.P2,
    impact=Level.HIGH,
    urgency=Level.MEDIUM,
    contact="c",
    accepted_at=T0,
)


def at(minute: int, status: str = "firing") -> Occurrence:
    """Return an occurrence so many minutes after nine."""
    return Occurrence(starts_at=T0 + timedelta(minutes=minute), status=AlertStatus(status))


OCCURRENCES = st.tuples(
    st.sampled_from("abc"), st.integers(0, 3), st.sampled_from(["firing", "resolved"])
)


def reference(history: list[tuple[str, int, str]]) -> dict[str, tuple[int, str]]:
    """Return the newest state of each alert, by sorting: the plain model of it all."""
    newest: dict[str, tuple[int, str]] = {}
    for name, minute, status in sorted(history):  # "firing" sorts before "resolved"
        newest[name] = (minute, status)
    return newest


@given(history=st.lists(OCCURRENCES, max_size=12), seed=st.randoms(use_true_random=False))
def test_order_and_repetition_of_deliveries_do_not_matter(
    history: list[tuple[str, int, str]], seed: Any
) -> None:
    """Every permutation with duplicates folds to the newest occurrence of each alert."""
    shuffled = history + history[: len(history) // 2]
    seed.shuffle(shuffled)
    members: dict[str, Occurrence] = {}
    for name, minute, status in shuffled:
        members = merged(members, {name: at(minute, status)})
    expected = reference(history)
    assert members == {n: at(minute, status) for n, (minute, status) in expected.items()}
    assert firing(members) == sum(1 for _, status in expected.values() if status == "firing")


def test_resolved_is_newer_than_firing_at_the_same_start() -> None:
    """An end belongs to its start, and a later start to neither."""
    assert newer_than({"a": at(0, "resolved")}, {"a": at(0)}) == {}
    assert newer_than({"a": at(0)}, {"a": at(0, "resolved")}) == {"a": at(0, "resolved")}
    assert newer_than({"a": at(0, "resolved")}, {"a": at(1)}) == {"a": at(1)}


def test_over_the_bound_the_oldest_resolved_alerts_are_forgotten_first() -> None:
    """500 members at most; what fires stays."""
    full = {f"r{n:03d}": at(n, "resolved") for n in range(499)} | {"f": at(0)}
    after = merged(full, {"new": at(1_000)})
    assert len(after) == 500
    assert "r000" not in after
    assert {"f", "new", "r001"} <= set(after)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=2))
def test_the_sortable_text_sorts_as_the_occurrences_do(pair: list[tuple[int, bool]]) -> None:
    """What the store compares as text is what is compared here as rank, and reads back."""
    left, right = (at(m, "resolved" if r else "firing") for m, r in pair)
    assert (sortable(left) < sortable(right)) == (left.rank < right.rank)
    assert from_sortable(sortable(left)) == left


def test_a_fingerprint_that_cannot_be_a_field_is_replaced() -> None:
    """Dots and dollars are no names of fields; hexadecimal is kept as it is."""
    assert fingerprint_of("1a30ba71cca2921f") == "1a30ba71cca2921f"
    assert "." not in fingerprint_of("a.b")
    assert fingerprint_of("$a") != fingerprint_of("$b")


def run(*steps: Any) -> Document[Ticket]:
    """Return a ticket after decisions, each a function of the state."""
    document: Document[Ticket] = Document(id="t", tenant="main")
    for step in steps:
        decided = plan(TICKET, document, [Step(decide=step)], now=T0, configversion=1)
        if decided.write is not None:
            document = decided.write.after
    return document


def accepted(state: Ticket | None) -> Any:
    """Open a ticket about two alerts."""
    alerts = {"a": at(0), "b": at(0)}
    return decide_accepted(state, facts=FACTS, message="m1", alert_key="k", alerts=alerts)


def event(subject: str = "t") -> Any:
    """Return as much of an event as the decisions look at."""

    class _Event:
        pass

    made = _Event()
    made.subject = subject  # type: ignore[attr-defined]
    return made


def test_a_ticket_is_accepted_once() -> None:
    """Accepting again changes nothing."""
    document = run(accepted, accepted)
    assert document.seq == 1
    assert document.state is not None
    assert (document.state.firing, document.state.open_alert_key) == (2, "k")
    assert document.state.ordinal == 42


def test_alerts_change_a_ticket_only_when_they_are_news() -> None:
    """Firing counts down to 0 as alerts end; echoes change nothing."""
    document = run(
        accepted,
        lambda s: decide_alerts(s, {"a": at(0, "resolved")}),
        lambda s: decide_alerts(s, {"a": at(0)}),
        lambda s: decide_alerts(s, {"b": at(0, "resolved"), "a": at(0, "resolved")}),
    )
    assert document.seq == 3
    assert document.state is not None
    assert document.state.firing == 0


def test_closing_releases_the_alert_key_and_reopening_takes_it_back_where_it_is_free() -> None:
    """The key is with one open ticket at most; the ticket remembers which one was its own."""
    closed = run(accepted, lambda s: decide_closed(s, event(), T0))
    assert closed.state is not None
    assert (closed.state.closed, closed.state.open_alert_key) == (True, None)
    for free, expected in (({"t"}, "k"), (set(), None)):
        document = run(
            accepted,
            lambda s: decide_closed(s, event(), T0),
            lambda s, free=free: decide_reopened(s, event(), T0, free=free),
        )
        assert document.state is not None
        assert (document.state.closed, document.state.open_alert_key) == (False, expected)
        assert document.state.alert_key == "k"


def test_the_state_is_the_fold_of_its_events() -> None:
    """A ticket that is rebuilt from its topic is the ticket that was lost, marks included."""
    document = run(
        accepted,
        lambda s: decide_message(s, message="m2", direction=Direction.INBOUND, author="c"),
        lambda s: decide_alerts(s, {"a": at(0, "resolved"), "c": at(1)}),
        lambda s: decide_closed(s, event(), T0),
        lambda s: decide_reopened(s, event(), T0, free={"t"}),
    )
    rebuilt = fold(TICKET, Document(id="t", tenant="main"), document.outbox)
    assert rebuilt.state == document.state
    assert rebuilt.seq == 5


def test_the_events_carry_all_that_changed() -> None:
    """A consumer can follow the alerts by the changes alone."""
    document = run(accepted, lambda s: decide_alerts(s, {"c": at(1), "a": at(0)}))
    body = AlertsChanged.model_validate_json(document.outbox[-1].body)
    assert [(m.fingerprint, m.status) for m in body.changes] == [("c", "firing")]
    assert body.firing == 3


def test_numbers_are_read_as_they_are_written() -> None:
    """Six digits and more; anything else counts nothing."""
    assert number_text(7) == "T-000007"
    assert ordinal_of("T-000007") == 7
    assert ordinal_of(number_text(1_234_567)) == 1_234_567
    assert [ordinal_of(text) for text in ("", "T-", "T-x", "T-²", "T-" + "9" * 30)] == [0] * 5


def classified(integration: str, **fields: Any) -> Any:
    """Return what a request through an integration of the sample is."""
    request = Request(contact=Party(mail="a@b.c"), subject="x", **fields)
    return classify_request(
        request,
        integration=CONFIGURATION.integration(integration),
        configuration=CONFIGURATION,
        channel=Channel.API,
    )


def test_what_the_caller_leaves_out_the_integration_fills_in() -> None:
    """The sample's web integration makes inquiries of low impact: P4."""
    found = classified("requests-demo")
    assert (found.kind, found.channel, found.priority) == (
        Kind.INQUIRY,
        Channel.WEB,
        Priority.P4,
    )
    said = classified(
        "requests-demo", kind=Kind.INCIDENT, impact=Level.HIGH, urgency=Level.HIGH, site="berlin"
    )
    assert (said.kind, said.priority, said.region) == (Kind.INCIDENT, Priority.P1, "emea")


@pytest.mark.parametrize(("field", "value"), [("region", "mars"), ("site", "atlantis")])
def test_a_place_that_there_is_not_is_refused(field: str, value: str) -> None:
    """422, and the field is named."""
    with pytest.raises(CommandRejected) as caught:
        classified("requests-demo", **{field: value})
    assert (caught.value.status, caught.value.field) == (422, field)


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        (("critical", "warning"), Priority.P1),
        (("info",), Priority.P5),
        (("odd",), Priority.P3),
        ((), Priority.P3),
    ],
)
def test_the_gravest_severity_makes_the_priority(
    severities: tuple[str, ...], expected: Priority
) -> None:
    """By the integration's table; what it does not know is medium by medium."""
    group = AlertGroup(
        key="k",
        alerts=(Alert(fingerprint="a", status=AlertStatus.FIRING, starts_at=T0),),
        subject="x",
        severities=severities,
        region="mars",
    )
    integration: Integration = CONFIGURATION.integration("alertmanager-demo")
    found = classify_alerts(group, integration=integration, configuration=CONFIGURATION)
    assert (found.priority, found.region) == (expected, None)
