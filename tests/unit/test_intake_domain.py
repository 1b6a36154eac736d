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
    merged,
    newer_than,
)
from services.intake.domain.classify import classify_request
from services.intake.domain.classify_alerts import classify_alerts
from services.intake.domain.messages import Message
from services.intake.domain.normal import Alert, AlertGroup, Party, Request
from services.intake.domain.ticket import (
    TICKET,
    Ticket,
    decide_accepted,
    decide_closed,
    decide_message,
    decide_reopened,
)
from services.intake.domain.ticket_alerts import Told, decide_told
from shared.aggregate import Document, Step, fold, plan
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import AlertsChanged, AlertStatus, Direction
from shared.contracts.routing import Status, TicketClosed
from shared.kernel import CommandRejected
from shared.organisation import Integration
from shared.threads import number_text, ordinal_of
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
    """2,000 members at most; what fires stays."""
    full = {f"r{n:04d}": at(n, "resolved") for n in range(1_999)} | {"f": at(0)}
    after = merged(full, {"new": at(5_000)})
    assert len(after) == 2_000
    assert "r0000" not in after
    assert {"f", "new", "r0001"} <= set(after)


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


def told(*silent: str, flapping: bool = False, left_out: int = 0, **members: Occurrence) -> Told:
    """Return what there is to be told of a group."""
    return Told(
        members=members,
        silent=silent,
        flapping=flapping,
        left_out=left_out,
        priority=Priority.P2,
    )


def event(subject: str = "t") -> Any:
    """Return as much of an event as the decisions look at."""

    class _Event:
        pass

    made = _Event()
    made.subject = subject  # type: ignore[attr-defined]
    made.body = TicketClosed(  # type: ignore[attr-defined]
        facts=FACTS, status=Status.CLOSED, desk="london", reason="solved"
    )
    return made


def test_a_ticket_is_accepted_once() -> None:
    """Accepting again changes nothing."""
    document = run(accepted, accepted)
    assert document.seq == 1
    assert document.state is not None
    assert (document.state.firing, document.state.alert_key) == (2, "k")
    assert document.state.ordinal == 42


def test_alerts_change_a_ticket_only_when_they_are_news() -> None:
    """Firing counts down to 0 as alerts end; echoes change nothing."""
    document = run(
        accepted,
        lambda s: decide_told(s, told(a=at(0, "resolved"), b=at(0))),
        lambda s: decide_told(s, told(a=at(0), b=at(0))),
        lambda s: decide_told(s, told(b=at(0, "resolved"), a=at(0, "resolved"))),
    )
    assert document.seq == 3
    assert document.state is not None
    assert document.state.firing == 0


def test_an_end_whose_beginning_was_never_told_is_not_told() -> None:
    """What fired and ended in silence is nobody's concern."""
    document = run(accepted, lambda s: decide_told(s, told(c=at(1, "resolved"))))
    assert document.seq == 1


def test_what_is_silent_is_not_told_and_its_end_is_where_it_was_known() -> None:
    """Within a window an open ticket still gets ends, and no beginnings."""
    document = run(
        accepted,
        lambda s: decide_told(s, told("c", a=at(0, "resolved"), c=at(1))),
    )
    assert document.state is not None
    assert (document.state.firing, sorted(document.state.members)) == (1, ["a", "b"])


def test_a_ticket_of_a_group_that_flaps_is_left_alone() -> None:
    """No end is told, and a new alert is; when it is over, what is true then."""
    over: dict[str, Any] = {"a": at(0, "resolved"), "b": at(0, "resolved")}
    document = run(
        accepted,
        lambda s: decide_told(s, told(flapping=True, **over)),
        lambda s: decide_told(s, told(flapping=True, c=at(1), **over)),
    )
    assert (document.seq, document.state.firing if document.state else 0) == (2, 3)
    ended = run(accepted, lambda s: decide_told(s, told(**over)))
    assert ended.state is not None
    assert ended.state.firing == 0


def test_more_changes_than_an_event_takes_are_several_events() -> None:
    """Of 1,100 each is told, 500 at a time, and the last one counts them all."""
    many: dict[str, Any] = {f"f{n}": at(1) for n in range(1_100)}
    document = run(accepted, lambda s: decide_told(s, told(**many)))
    bodies = [AlertsChanged.model_validate_json(e.body) for e in document.outbox[1:]]
    assert [(len(b.changes), b.firing, b.fresh) for b in bodies] == [
        (500, 502, 500),
        (500, 1_002, 500),
        (100, 1_102, 100),
    ]


def test_an_expired_alert_that_is_told_of_again_fires_again() -> None:
    """Its start is the same: that it is heard of is the news."""
    document = run(
        accepted,
        lambda s: decide_told(s, told(a=at(0, "expired"), b=at(0))),
        lambda s: decide_told(s, told(a=at(0), b=at(0))),
    )
    bodies = [AlertsChanged.model_validate_json(e.body) for e in document.outbox[1:]]
    assert [(b.firing, b.expired) for b in bodies] == [(1, 1), (2, 0)]


def test_a_closed_ticket_is_told_of_what_fires_alone() -> None:
    """Routing then says what becomes of it; ends on it change nothing."""
    document = run(
        accepted,
        lambda s: decide_closed(s, event(), T0),
        lambda s: decide_told(s, told(a=at(0, "resolved"))),
        lambda s: decide_told(s, told(c=at(1))),
    )
    assert document.seq == 3
    assert document.state is not None
    assert (document.state.closed, document.state.firing) == (True, 3)


def test_the_state_is_the_fold_of_its_events() -> None:
    """A ticket that is rebuilt from its topic is the ticket that was lost, marks included."""
    row = Message(
        id="m2",
        tenant="main",
        ticket="t",
        n=2,
        direction=Direction.INBOUND,
        channel=Channel.EMAIL,
        author="c",
        at=T0,
    )
    document = run(
        accepted,
        lambda s: decide_message(s, row),
        lambda s: decide_told(s, told(a=at(0, "resolved"), c=at(1))),
        lambda s: decide_closed(s, event(), T0),
        lambda s: decide_reopened(s, event(), T0),
    )
    rebuilt = fold(TICKET, Document(id="t", tenant="main"), document.outbox)
    assert rebuilt.state == document.state
    assert rebuilt.seq == 5


def test_the_events_carry_all_that_changed() -> None:
    """A consumer can follow the alerts by the changes alone."""
    document = run(accepted, lambda s: decide_told(s, told(c=at(1), a=at(0))))
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
        # Opsgenie's senders say priorities; no table needs to.
        (("p2",), Priority.P2),
        (("p4", "warning"), Priority.P3),
    ],
)
def test_the_gravest_severity_makes_the_priority(
    severities: tuple[str, ...], expected: Priority
) -> None:
    """By the integration's table, or as it is said; what nobody knows is medium by medium."""
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
