"""The plots of a month's page: what is drawn and written follows from the report's numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest

from services.sla.domain.report import Day
from services.sla.domain.report_html import page_of
from services.sla.domain.report_svg import Bar, bars_svg, days_svg
from tests.handlers.test_sla_reports import CLOSED, july

SVG = "{http://www.w3.org/2000/svg}"
ROUNDED = 0.11
"""Lengths are written with one digit."""


@dataclass(frozen=True)
class Rect:
    """A rectangle as it is drawn."""

    style: str
    x: float
    y: float
    width: float
    height: float


def plots(page: str) -> list[ET.Element]:
    """Return the plots of a page, in order."""
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]  # noqa: S314


def rects(plot: ET.Element) -> list[Rect]:
    """Return the rectangles of a plot or of a part of it."""
    return [
        Rect(
            found.attrib["class"],
            *(float(found.attrib[name]) for name in ("x", "y", "width", "height")),
        )
        for found in plot.iter(f"{SVG}rect")
    ]


def texts(plot: ET.Element) -> list[str]:
    """Return the texts of a plot, in order."""
    return [found.text or "" for found in plot.iter(f"{SVG}text")]


def drawn_bars(plot: ET.Element) -> list[tuple[str, str, list[tuple[str, float]]]]:
    """Return label, value and parts of each bar; a part as its share of the bar's ground."""
    written = texts(plot)
    found: list[tuple[str, str, list[tuple[str, float]]]] = []
    x = 0.0
    for rect in rects(plot):
        if rect.style == "ground":
            label, value = written[2 * len(found) : 2 * len(found) + 2]
            ground, x = rect, rect.x
            found.append((label, value, []))
            continue
        assert rect.x == pytest.approx(x, abs=ROUNDED), "parts stand one after the other"
        assert (rect.y, rect.height) == (ground.y, ground.height)
        found[-1][2].append((rect.style, rect.width / ground.width))
        x += rect.width
    return found


def drawn_days(plot: ET.Element) -> list[tuple[str, float, float]]:
    """Return title, met and missed of each column, measured on the lines of the plot's own axis."""
    lines = [float(line.attrib["y1"]) for line in plot.iter(f"{SVG}line")]
    values = [int(text) for text in texts(plot)[: len(lines)]]
    zero, unit = lines[0], (lines[0] - lines[-1]) / (values[-1] - values[0])
    for y, value in zip(lines, values, strict=True):
        assert y == pytest.approx(zero - unit * value, abs=ROUNDED)
    found: list[tuple[str, float, float]] = []
    for group in plot.iter(f"{SVG}g"):
        columns = {rect.style: rect for rect in rects(group)}
        met, missed = columns.get("met"), columns.get("missed")
        top = zero
        for rect in filter(None, (met, missed)):
            assert rect.y + rect.height == pytest.approx(top, abs=ROUNDED), "missed is on met"
            top = rect.y
        heights = [rect.height / unit if rect else 0.0 for rect in (met, missed)]
        found.append((group.findtext(f"{SVG}title") or "", heights[0], heights[1]))
    return found


async def test_the_plots_of_a_page_have_the_values_of_its_report() -> None:
    """Days, promises and causes of July, in both languages; two of them worked out by hand."""
    sla = await july()
    sla.clock.set(CLOSED)
    report = await sla.report()
    for lang, met, missed in (("en", "Met", "Missed"), ("zh", "达成", "未达成")):
        days, promises, causes = plots(page_of(report, lang=lang))
        columns = drawn_days(days)
        assert [title for title, _, _ in columns] == [
            f"{day.day}: {met} {day.met}, {missed} {day.missed}" for day in report.days
        ]
        for (_, kept, broken), day in zip(columns, report.days, strict=True):
            assert (kept, broken) == pytest.approx((day.met, day.missed), abs=0.01)
        assert [round(kept) for _, kept, _ in columns][:4] == [0, 3, 1, 0]
        assert [round(broken) for _, _, broken in columns][:4] == [0, 2, 0, 0]

        bars = drawn_bars(promises)
        assert len(bars) == len(report.promises)
        for (label, value, parts), promise in zip(bars, report.promises, strict=True):
            whole = promise.met + promise.missed
            assert label.startswith(promise.customer or promise.policy)
            assert value == f"{100 * promise.met / whole:.2f} %  ({promise.met}/{whole})"
            counts = (("met", promise.met), ("missed", promise.missed))
            expected = [(style, count / whole) for style, count in counts if count]
            assert [style for style, _ in parts] == [style for style, _ in expected]
            assert [share for _, share in parts] == pytest.approx(
                [share for _, share in expected], abs=0.001
            )

        # 37,800 of 54,000 seconds at Global, 16,200 at London.
        assert [(label, value) for label, value, _ in drawn_bars(causes)] == [
            ("global", "70.00 %"),
            ("london", "30.00 %"),
        ]
        widths = [parts for _, _, parts in drawn_bars(causes)]
        assert [[style for style, _ in parts] for parts in widths] == [["other"], ["other"]]
        assert [parts[0][1] for parts in widths] == pytest.approx([0.7, 0.3], abs=0.001)


@pytest.mark.parametrize(
    ("counts", "axis"),
    [
        ([(0, 0), (0, 0)], ["0", "1"]),
        ([(1, 0), (0, 1)], ["0", "1"]),
        ([(3, 3), (0, 7), (5, 0)], ["0", "2", "4", "6", "8"]),
        ([(137, 60), (12, 1)], ["0", "50", "100", "150", "200"]),
    ],
)
def test_columns_are_as_high_as_their_counts(
    counts: list[tuple[int, int]], axis: list[str]
) -> None:
    """On an axis of round numbers that the highest column fits under."""
    days = [
        Day(day=f"2026-07-{number:02d}", met=met, missed=missed)
        for number, (met, missed) in enumerate(counts, start=1)
    ]
    (plot,) = plots(days_svg("Days", days, met="met", missed="missed"))
    assert texts(plot)[: len(axis)] == axis
    assert len(list(plot.iter(f"{SVG}line"))) == len(axis)
    most = int(axis[-1])
    for (_, kept, broken), (met, missed) in zip(drawn_days(plot), counts, strict=True):
        assert (kept, broken) == pytest.approx((met, missed), abs=most / 1_000)


def test_bars_are_as_long_as_their_parts() -> None:
    """A part of nothing is not drawn, a long label is cut, and the title is read aloud."""
    given = [
        Bar("whole", [(1.0, "met"), (0.0, "missed")], "100 %"),
        Bar("x" * 60, [(0.25, "met"), (0.5, "missed")], "25 %"),
        Bar("none", [], "–"),
    ]
    (plot,) = plots(bars_svg("A & B", given))
    assert (plot.attrib["aria-label"], plot.findtext(f"{SVG}title")) == ("A & B", "A & B")
    whole, part, none = drawn_bars(plot)
    assert whole[:2] == ("whole", "100 %")
    assert dict(whole[2]) == pytest.approx({"met": 1.0})
    assert part[:2] == (f"{'x' * 37}…", "25 %")
    assert dict(part[2]) == pytest.approx({"met": 0.25, "missed": 0.5}, abs=0.001)
    assert none == ("none", "–", [])
