"""The plots of a report: inline SVG, the same on screen and on paper, with a text for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from services.sla.domain.report import Day

WIDTH: Final = 720
LABEL: Final = 250
BAR: Final = 16
ROW: Final = 26
DAYS_HEIGHT: Final = 150
LEFT: Final = 36
VALUE: Final = 150
LABEL_CHARACTERS_MAX: Final = 38


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its label, its parts of the whole width (0 to 1, each with a class), and its value."""

    label: str
    parts: Sequence[tuple[float, str]]
    value: str


def bars_svg(title: str, bars: Sequence[Bar]) -> str:
    """Return horizontal bars."""
    room = WIDTH - LABEL - VALUE
    height = ROW * len(bars) + 4
    found = [_head(title, height)]
    for number, bar in enumerate(bars):
        top = number * ROW + 4
        middle = top + BAR - 4
        found.append(_text(LABEL - 8, middle, _short(bar.label), "end"))
        found.append(_rect(LABEL, top, room, BAR, "ground"))
        x = float(LABEL)
        for share, style in bar.parts:
            width = room * share
            found.append(_rect(x, top, width, BAR, style))
            x += width
        found.append(_text(LABEL + room + 8, middle, bar.value, "start"))
    return "".join([*found, "</svg>"])


def days_svg(title: str, days: Sequence[Day], *, met: str, missed: str) -> str:
    """Return a column for each day: what was met, and on top of it what was missed."""
    most = max((day.met + day.missed for day in days), default=0)
    step, top = _scale(most)
    bottom = DAYS_HEIGHT + 8
    found = [_head(title, DAYS_HEIGHT + 48)]
    for value in range(0, top + 1, step):
        y = bottom - DAYS_HEIGHT * value / top
        found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        found.append(_text(LEFT - 6, y + 4, str(value), "end"))
    width = (WIDTH - LEFT) / max(1, len(days))
    for number, day in enumerate(days):
        x = LEFT + number * width
        kept, broken = (DAYS_HEIGHT * count / top for count in (day.met, day.missed))
        label = escape(f"{day.day}: {met} {day.met}, {missed} {day.missed}")
        found.append(f"<g><title>{label}</title>")
        found.append(_rect(x + 2, bottom - kept, width - 4, kept, "met"))
        found.append(_rect(x + 2, bottom - kept - broken, width - 4, broken, "missed"))
        found.append("</g>")
        if number % 2 == 0:
            found.append(_text(x + width / 2, bottom + 16, str(int(day.day[-2:])), "middle"))
    legend = bottom + 34
    found.append(_rect(LEFT, legend - 9, 10, 10, "met"))
    found.append(_text(LEFT + 16, legend, met, "start"))
    found.append(_rect(LEFT + 120, legend - 9, 10, 10, "missed"))
    found.append(_text(LEFT + 136, legend, missed, "start"))
    return "".join([*found, "</svg>"])


def _scale(most: int) -> tuple[int, int]:
    """Return a step of 1, 2 or 5 times a power of ten, and a top of at most five of them."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            step = factor * size
            if step * 5 >= most:
                return step, step * max(1, -(-most // step))
        size *= 10


def _head(title: str, height: int) -> str:
    label = escape(title, quote=True)
    return (
        f'<svg class="plot" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{label}</title>'
    )


def _rect(x: float, y: float, width: float, height: float, style: str) -> str:
    if width <= 0 or height <= 0:
        return ""
    return (
        f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _short(text: str) -> str:
    cut = len(text) > LABEL_CHARACTERS_MAX
    return f"{text[: LABEL_CHARACTERS_MAX - 1]}…" if cut else text
