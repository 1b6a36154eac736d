"""The benchmarks' own arithmetic: a wrong ratio is worse than none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shared.contracts.envelope import Body, numbered
from shared.contracts.notify import NoticeKind, NoticePlanned, NoticeSent, RecipientKind
from shared.organisation import validate_sections
from shared.testing.clock import START
from tests.benchmarks import calendar, organisation, routing
from tests.benchmarks.measure import Circumstances, Spread, Used, percentile, ratios
from tests.benchmarks.report import against, shown
from tests.benchmarks.traffic import Count, acknowledged_at, traffic_of, written


def test_a_spread_is_the_median_between_the_extremes() -> None:
    """Of 3, 1 and 8 the median is 3, whatever their order."""
    assert Spread.of([3.0, 1.0, 8.0]) == Spread(median=3.0, low=1.0, high=8.0)


def test_a_ratio_compares_figures_of_the_same_round() -> None:
    """Each round's figure is divided by its own floor, not by another round's."""
    assert ratios([2.0, 9.0, 20.0], [1.0, 3.0, 10.0]) == Spread(median=2.0, low=2.0, high=3.0)
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


def test_what_a_process_uses_idle_is_not_charged_to_the_work() -> None:
    """1.5 s of CPU in 10 s, of which 0.05 s a second idle, is 1 s of work; never less than none."""
    used = Used(seconds=10.0, cpu={"sla": 1.5, "mail": 0.1}, idle={"sla": 0.05, "mail": 0.5})
    assert used.net("sla") == pytest.approx(1.0)
    assert used.net("mail") == 0.0
    assert used.net_of(["sla", "mail"]) == pytest.approx(1.0)
    assert used.raw_of(["sla", "mail"]) == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("load", "floor_spread", "noisy"),
    [(0.9, 1.2, False), (1.1, 1.2, True), (0.9, 2.6, True)],
)
def test_a_run_beside_other_work_is_called_noisy(
    load: float, floor_spread: float, *, noisy: bool
) -> None:
    """On two cores a load above 1 at the start, or a floor that swings, spoils the times."""
    around = Circumstances(cores=2, load_before=load, load_after=5.0, floor_spread=floor_spread)
    assert around.noisy is noisy


def test_a_percentile_is_one_of_the_values() -> None:
    """Of a hundred values the 99th percentile is the last but none above it."""
    values = list(range(100))
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7], 0.99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_ratio_says_whether_its_aim_is_reached() -> None:
    """The median decides."""
    assert shown(Spread(2.0, 1.0, 3.0)) == "2.00 [1.00 - 3.00]"
    assert "reached" in against(Spread(2.0, 1.0, 3.0), target=2.5)
    assert "missed" in against(Spread(2.6, 1.0, 3.0), target=2.5)


def test_a_stream_counts_by_its_versions_and_a_row_by_being_there() -> None:
    """Three new streams of which two were written again are three inserts and two updates."""
    before = {"tickets": Count(rows=10, versions=40)}
    after = {"tickets": Count(rows=13, versions=45), "receipts": Count(rows=4, versions=0)}
    found = written(before, after, mean_bytes=lambda name: 100 if name == "tickets" else 300)
    assert (found.inserted, found.updated, found.total) == (7, 2, 9)
    assert found.bytes_mean == (3 * 100 + 4 * 300) // 7


@dataclass(frozen=True)
class _Raw:
    """What a consumer returns, as far as the benchmark looks at it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


def _record(ticket: str, sequence: int, body: Body, *, at: int) -> _Raw:
    event = numbered(
        source="/notify/notices",
        subject=ticket,
        sequence=sequence,
        time=START,
        tenant="main",
        configversion=1,
        body=body,
    ).encoded()
    return _Raw("heliodesk.notices", event.key, event.body, event.headers(), at)


def _planned(notice: str, kind: NoticeKind) -> NoticePlanned:
    return NoticePlanned(
        number="T-1",
        notice=notice,
        kind=kind,
        recipient_kind=RecipientKind.CONTACT,
        recipient="c-1",
        language="en",
    )


def test_a_ticket_is_done_when_its_acknowledgement_is_recorded() -> None:
    """Another notice of the ticket, or the same name at another ticket, does not count."""
    records = [
        _record("t-1", 1, _planned("ack", NoticeKind.ACKNOWLEDGEMENT), at=1),
        _record("t-1", 2, _planned("told", NoticeKind.ASSIGNMENT), at=2),
        _record("t-1", 3, NoticeSent(notice="told", message_id="m", attempts=1), at=3),
        _record("t-1", 4, NoticeSent(notice="ack", message_id="m", attempts=1), at=4),
        _record("t-2", 1, _planned("told", NoticeKind.ASSIGNMENT), at=5),
        _record("t-2", 2, NoticeSent(notice="ack", message_id="m", attempts=1), at=6),
    ]
    assert acknowledged_at(records) == {"t-1": 4}
    (traffic,) = traffic_of(records)
    assert (traffic.topic, traffic.records, traffic.groups) == (
        "heliodesk.notices",
        6,
        ("console",),
    )


def test_the_desks_of_the_rounds_are_a_configuration_that_control_takes() -> None:
    """Each round has a desk with room for its requests and a topology that leads there."""
    configuration = validate_sections(organisation.sections_for(rounds=2, requests=300))
    room = sum(agent.capacity for agent in configuration.agents_of("bench-1"))
    assert room >= 300
    assert configuration.topologies.topologies[1].name == "bench-1"


def test_the_calendar_is_measured_against_the_same_answers() -> None:
    """The floor of business time agrees with the product's, or the benchmark refuses to run."""
    result = calendar.run(rounds=1, calls=1_000)
    assert set(result.figures) >= {"add_4h", "add_200h", "between_40h", "union_add_40h"}
    assert {"common_growth_200h_over_4h", "days_between_4h"} <= set(result.figures)


def test_the_routing_benchmark_exceeds_no_capacity_and_compares_each_size() -> None:
    """A small run has a ratio for each size, both growths, and not one assignment too many."""
    found = routing.run(rounds=3, agents=(10, 40), desks=(1, 3), desks_agents=60, batches=2)
    assert found.figures["capacity_exceeded"] == 0
    assert found.figures["desks_1_agents_40"]["ratio"]["median"] > 0
    assert {"growth_agents", "growth_desks", "worst_topology"} <= found.figures.keys()
