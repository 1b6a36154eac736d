"""Reliability as a picture: what was said against what came, one line for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from services.sla.domain.foresight.calibration import Reliability

SIZE: Final = 360
LEFT: Final = 56
TOP: Final = 48
COLOURS: Final = ("#1f6feb", "#c2322a", "#1f7148", "#a15c00", "#7b4fb0", "#0f766e")
STYLE: Final = """
svg { color-scheme: light dark; } .page { fill: #ffffff; }
text { font: 12px system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif; fill: #17202d; }
.head { font-size: 15px; font-weight: 650; } .grid { stroke: #c9d1dd; }
.ideal { stroke: #5d6a7d; stroke-dasharray: 5 4; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0f1318; } text { fill: #e8ecf2; } .grid { stroke: #3c4757; } .ideal { stroke: #96a2b3; }
}
"""


def reliability_svg(found: Mapping[str, Reliability]) -> str:
    """Return the plot as an SVG document; the diagonal is what good predictions lie on."""
    width, height = LEFT + SIZE + 390, TOP + SIZE + 56
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">'
        ),
        "<title>Reliability of predicted breaches</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="head" x="{LEFT}" y="26">Said against came / 预测与实际</text>',
    ]
    for tenth in range(0, 11, 2):
        x, y = _x(tenth / 10), _y(tenth / 10)
        parts += [
            f'<line class="grid" x1="{x}" y1="{_y(0)}" x2="{x}" y2="{_y(1)}"/>',
            f'<line class="grid" x1="{_x(0)}" y1="{y}" x2="{_x(1)}" y2="{y}"/>',
            f'<text x="{x}" y="{_y(0) + 18}" text-anchor="middle">{tenth * 10} %</text>',
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tenth * 10} %</text>',
        ]
    ends = f'x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"'
    parts.append(f'<line class="ideal" {ends}/>')
    if not found:
        parts.append(f'<text x="{LEFT + 12}" y="{TOP + 24}">nothing scored yet / 尚无评分</text>')
    for index, (name, scores) in enumerate(found.items()):
        parts += _line(index, name, scores)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _line(index: int, name: str, scores: Reliability) -> list[str]:
    colour = COLOURS[index % len(COLOURS)]
    points = " ".join(f"{_x(b.said)},{_y(b.came)}" for b in scores.bands)
    most = max(band.n for band in scores.bands)
    found = [f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>']
    found += [
        f'<circle cx="{_x(b.said)}" cy="{_y(b.came)}" r="{2 + 5 * (b.n / most) ** 0.5:.1f}" '
        f'fill="{colour}"><title>n = {b.n}: {b.said:.3f} said, {b.came:.3f} came</title></circle>'
        for b in scores.bands
    ]
    words = f"{name.replace('|', ' at ')}: n = {scores.n}, Brier {scores.brier:.4f}"
    y = TOP + 12 + 20 * index
    x = LEFT + SIZE + 20
    found.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
    found.append(f'<text x="{x + 16}" y="{y}">{escape(words)}</text>')
    return found


def _x(share: float) -> float:
    return round(LEFT + SIZE * share, 1)


def _y(share: float) -> float:
    return round(TOP + SIZE * (1 - share), 1)
