"""The pipeline's figures as tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from heliodesk.documents import SERVICES
from tests.benchmarks.measure import Circumstances, Spread, percentile, ratios
from tests.benchmarks.report import Grid, Result, against, rows_of, shown

if TYPE_CHECKING:
    from tests.benchmarks.pipeline import Plan, Round

TARGET: Final = 2.5
BACKENDS: Final = ("kafka", "store")
MEBIBYTE: Final = 1024 * 1024


def result_of(rounds: Sequence[Round], plan: Plan, *, around: Circumstances, store: str) -> Result:
    """Return what the rounds come to."""
    figures = _figures(rounds, plan)
    title = f"pipeline: {plan.requests} requests at once {plan.concurrency}, store {store}"
    return Result(
        name="pipeline",
        circumstances=around,
        grids=(
            _services_grid(rounds, plan),
            _work_grid(rounds, plan),
            _ratios_grid(rounds, plan, title),
        ),
        figures={"store": store, **figures},
        notes=_notes(rounds, plan),
    )


def _services_grid(rounds: Sequence[Round], plan: Plan) -> Grid:
    rows = []
    for name in (*SERVICES, *BACKENDS, "mail"):
        handled = rounds[0].handled(name)
        rows.append(
            [
                name,
                shown(_net_ms(rounds, name, plan)),
                shown(_raw_ms(rounds, name, plan)),
                f"{100 * _idle_share(rounds, name).median:.1f} %",
                f"{handled / plan.requests:.1f}" if handled else "",
                f"{_event_us(rounds, name).median:.0f}" if handled else "",
                f"{rounds[-1].rss[name] / MEBIBYTE:.0f}",
            ]
        )
    return Grid(
        title="pipeline: per process",
        columns=(
            "process",
            "CPU ms/ticket, net of idle",
            "raw",
            "idle",
            "events/ticket",
            "net us/event",
            "RSS MiB",
        ),
        rows=rows_of(rows),
    )


def _per_ticket_ms(seconds: float, plan: Plan) -> float:
    return seconds * 1_000 / plan.requests


def _net_ms(rounds: Sequence[Round], name: str, plan: Plan) -> Spread:
    return Spread.of(_per_ticket_ms(found.used.net(name), plan) for found in rounds)


def _raw_ms(rounds: Sequence[Round], name: str, plan: Plan) -> Spread:
    return Spread.of(_per_ticket_ms(found.used.cpu[name], plan) for found in rounds)


def _idle_share(rounds: Sequence[Round], name: str) -> Spread:
    return Spread.of(found.used.idle[name] for found in rounds)


def _event_us(rounds: Sequence[Round], name: str) -> Spread:
    return Spread.of(found.used.net(name) * 1e6 / max(1, found.handled(name)) for found in rounds)


def _work_grid(rounds: Sequence[Round], plan: Plan) -> Grid:
    last = rounds[-1]
    rows = [
        [
            item.topic,
            f"{item.records / plan.requests:.2f}",
            f"{len(item.sample)}",
            f"{len(item.groups)}",
        ]
        for item in last.traffic
    ]
    rows += [
        [
            f"{name}'s documents",
            f"{found.inserted / plan.requests:.2f} new, {found.updated / plan.requests:.2f} again",
            f"{found.bytes_mean}",
            "",
        ]
        for name, found in last.writes.items()
        if found.total
    ]
    return Grid(
        title="pipeline: the work of one round, which the floor repeats",
        columns=("topic or documents", "per ticket", "mean bytes", "groups"),
        rows=rows_of(rows),
    )


def _ratios_grid(rounds: Sequence[Round], plan: Plan, title: str) -> Grid:
    def row(
        name: str, ours: list[float], floor: list[float], *, target: float | None = None
    ) -> list[str]:
        found = ratios(ours, floor)
        return [
            name,
            shown(Spread.of(ours)),
            shown(Spread.of(floor)),
            shown(found) if target is None else against(found, target=target),
        ]

    pairs = {name: _pair(rounds, plan, name) for name in _MEASURES}
    return Grid(
        title=title,
        columns=("", "product", "floor", "ratio"),
        rows=rows_of(
            [
                row(
                    _MEASURES[name],
                    *pairs[name],
                    target=TARGET if name == "services_net_ms" else None,
                )
                for name in _MEASURES
            ]
        ),
    )


_MEASURES: Final = {
    "services_net_ms": "services' CPU ms/ticket, net of idle",
    "services_raw_ms": "services' CPU ms/ticket, raw",
    "kafka_net_ms": "broker's CPU ms/ticket, net of idle",
    "store_net_ms": "store's CPU ms/ticket, net of idle",
    "all_net_ms": "all of them, net of idle",
    "tickets_per_second": "tickets/s",
}


def _pair(rounds: Sequence[Round], plan: Plan, name: str) -> tuple[list[float], list[float]]:
    """Return a figure of each round, the product's and the floor's."""

    def of(found: Round) -> tuple[float, float]:
        used, floor = found.used, found.floor
        match name:
            case "services_net_ms":
                seconds = used.net_of(SERVICES), floor.cpu_seconds
            case "services_raw_ms":
                seconds = used.raw_of(SERVICES), floor.cpu_seconds
            case "kafka_net_ms":
                seconds = used.net("kafka"), floor.used.net("kafka")
            case "store_net_ms":
                seconds = used.net("store"), floor.used.net("store")
            case "all_net_ms":
                seconds = (
                    used.net_of((*SERVICES, *BACKENDS)),
                    floor.cpu_seconds + floor.used.net_of(BACKENDS),
                )
            case _:
                return plan.requests / found.seconds, plan.requests / floor.seconds
        return _per_ticket_ms(seconds[0], plan), _per_ticket_ms(seconds[1], plan)

    ours, floor = zip(*(of(found) for found in rounds), strict=True)
    return list(ours), list(floor)


def _latencies(rounds: Sequence[Round], share: float) -> Spread:
    return Spread.of(percentile(found.latencies_ms, share) / 1_000 for found in rounds)


def _notes(rounds: Sequence[Round], plan: Plan) -> tuple[str, ...]:
    half, most = _latencies(rounds, 0.5), _latencies(rounds, 0.99)
    idle = Spread.of(sum(100 * found.used.idle[name] for name in SERVICES) for found in rounds)
    burst = f"all {plan.requests} as fast as {plan.concurrency} senders can"
    return (
        f"sent -> acknowledgement recorded ({burst}): p50 {shown(half)} s, p99 {shown(most)} s",
        f"the {len(SERVICES)} services idle: {shown(idle)} % of one core together",
    )


def _figures(rounds: Sequence[Round], plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {
        "requests": plan.requests,
        "concurrency": plan.concurrency,
        "rounds": len(rounds),
    }
    for name in _MEASURES:
        ours, floor = _pair(rounds, plan, name)
        found[name] = {
            "product": Spread.of(ours).plain(),
            "floor": Spread.of(floor).plain(),
            "ratio": ratios(ours, floor).plain(),
        }
    found["latency_seconds"] = {
        "p50": _latencies(rounds, 0.5).plain(),
        "p99": _latencies(rounds, 0.99).plain(),
    }
    found["services"] = {
        name: {
            "net_ms_per_ticket": _net_ms(rounds, name, plan).plain(),
            "raw_ms_per_ticket": _raw_ms(rounds, name, plan).plain(),
            "idle_share": _idle_share(rounds, name).plain(),
            "net_us_per_event": _event_us(rounds, name).plain(),
            "rss_bytes": rounds[-1].rss[name],
        }
        for name in SERVICES
    }
    found["records_per_ticket"] = {
        item.topic: item.records / plan.requests for item in rounds[-1].traffic
    }
    found["writes_per_ticket"] = {
        name: writes.total / plan.requests for name, writes in rounds[-1].writes.items()
    }
    return found
