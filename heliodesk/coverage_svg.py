"""Coverage as a picture: a heat band for each row, days from left to right, hours downwards.

One file that any browser shows, in light and dark, with a text for who cannot see it.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from shared.calendar.days import to_ms
from shared.coverage import Coverage, Row, kept_words
from shared.coverage.heat import HOURS, Heat, heat_blocks
from shared.coverage.intervals import total
from shared.coverage.telling import asks_words, hours_words, names, scope_words, want_words

WIDTH: Final = 1_040
LEFT: Final = 48
BAND_WIDTH: Final = WIDTH - LEFT - 16
BAND_HEIGHT: Final = 72
ROW_HEIGHT: Final = BAND_HEIGHT + 74
TICK_DAYS_MIN: Final = 70
"""Below this many days the weeks are marked, and above it the months."""
LINE_CHARACTERS_MAX: Final = 150

WORDS: Final = {
    Heat.BROKEN: "promised, nobody there",
    Heat.GAP: "nobody there",
    Heat.THIN: "fewer than promised",
    Heat.BY_HOURS: "open, no roster",
    Heat.ONE: "one agent",
    Heat.FEW: "two or three",
    Heat.MANY: "four or more",
}

STYLE: Final = """
svg { color-scheme: light dark; }
.page { fill: #ffffff; } .ink { fill: #17202d; } .quiet { fill: #5d6a7d; } .bad { fill: #a9211b; }
text { font: 12px system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif; }
.head { font-size: 17px; font-weight: 650; } .name { font-size: 13px; font-weight: 600; }
.tick { stroke: #5d6a7d; stroke-opacity: .45; } .edge { fill: none; stroke: #c9d1dd; }
.broken { fill: #c2322a; } .gap { fill: #e4e9f1; } .thin { fill: #e9a23b; }
.by-hours { fill: #b9a6dd; } .one { fill: #a9d3b6; } .few { fill: #57a878; } .many { fill: #1f7148; }
.provisional { fill: none; stroke: #7b4fb0; stroke-width: 2; stroke-dasharray: 5 3; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0f1318; } .ink { fill: #e8ecf2; } .quiet { fill: #96a2b3; } .bad { fill: #ff9f97; }
  .tick { stroke: #96a2b3; } .edge { stroke: #3c4757; }
  .broken { fill: #f0564b; } .gap { fill: #232b38; } .thin { fill: #c98a2b; }
  .by-hours { fill: #7a67a6; } .one { fill: #2d5e42; } .few { fill: #3f8f64; } .many { fill: #7fd9a6; }
  .provisional { stroke: #c3a2ec; }
}
"""


def coverage_svg(found: Coverage, source: str) -> str:
    """Return the picture of an analysis that begins at midnight, as an SVG document."""
    days = round((found.end - found.start) / timedelta(days=1))
    top = 92 + 18 * len(found.promises)
    height = top + ROW_HEIGHT * len(found.rows) + 8
    last = found.end - timedelta(days=1)
    title = f"Coverage of {source}, {found.start:%Y-%m-%d} to {last:%Y-%m-%d}"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}">'
        ),
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        _text(LEFT, 30, title, "head ink"),
        _text(
            LEFT, 50, "A column is a day, a line an hour in UTC; its worst instant counts.", "quiet"
        ),
        *_legend(72),
    ]
    for number, kept in enumerate(found.promises):
        words = kept_words(kept)
        style = "ink" if kept.holds else "bad"
        parts.append(_text(LEFT, 98 + 18 * number, words[:1].upper() + words[1:], style))
    for number, row in enumerate(found.rows):
        parts += _row(found, row, number + 1, days, top + number * ROW_HEIGHT)
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, style: str) -> str:
    shown = text if len(text) <= LINE_CHARACTERS_MAX else f"{text[:LINE_CHARACTERS_MAX]}…"
    return f'<text x="{x:g}" y="{y:g}" class="{style}">{escape(shown)}</text>'


def _legend(y: int) -> list[str]:
    found, x = [], LEFT
    for heat, words in WORDS.items():
        found.append(
            f'<rect class="{heat.code}" x="{x}" y="{y - 10}" width="12" height="12" rx="2"/>'
        )
        found.append(_text(x + 17, y, words, "quiet"))
        x += 32 + round(6.2 * len(words))
    found.append(f'<rect class="provisional" x="{x}" y="{y - 10}" width="12" height="12"/>')
    found.append(_text(x + 17, y, "not official yet", "quiet"))
    return found


def _row(found: Coverage, row: Row, number: int, days: int, y: int) -> list[str]:
    start = to_ms(found.start)
    described = _described(row)
    band = y + 36
    scopes = "; ".join(scope_words(scope) for scope in row.scopes)
    asks = "; ".join(filter(None, (asks_words(row.asks), want_words(row.want))))
    parts = [
        f'<g role="img" aria-label={quoteattr(f"Row {number}: {described}")}>',
        f"<title>{escape(described)}</title>",
        _text(LEFT, y + 14, f"{number}  {names(row.candidates.every_desk)} · {asks}", "name ink"),
        _text(LEFT, y + 30, scopes, "quiet"),
        (
            f'<svg x="{LEFT}" y="{band}" width="{BAND_WIDTH}" height="{BAND_HEIGHT}" '
            f'viewBox="0 0 {days} {HOURS}" preserveAspectRatio="none" shape-rendering="crispEdges">'
        ),
    ]
    parts += [
        f'<rect class="{block.heat.code}" x="{block.x}" y="{block.y}" width="{block.width}" '
        f'height="{block.height}"/>'
        for block in heat_blocks(row, start, days)
    ]
    parts.append("</svg>")
    parts.append(
        f'<rect class="edge" x="{LEFT}" y="{band}" width="{BAND_WIDTH}" height="{BAND_HEIGHT}"/>'
    )
    day_ms = 86_400_000
    for begins, ends in row.provisional:
        x = LEFT + BAND_WIDTH * (begins - start) / day_ms / days
        width = BAND_WIDTH * (ends - begins) / day_ms / days
        parts.append(
            f'<rect class="provisional" x="{x:.1f}" y="{band - 2}" width="{max(2, width):.1f}" '
            f'height="{BAND_HEIGHT + 4}"/>'
        )
    for hour in (0, 12, HOURS):
        parts.append(_text(14, band + BAND_HEIGHT * hour / HOURS + 4, f"{hour:02d}", "quiet"))
    for day in range(days):
        at = found.start.astimezone(UTC) + timedelta(days=day)
        if at.day == 1 if days > TICK_DAYS_MIN else at.weekday() == 0:
            x = LEFT + BAND_WIDTH * day / days
            bottom = band + BAND_HEIGHT
            parts.append(
                f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{band}" y2="{bottom + 5}"/>'
            )
            if x < LEFT + BAND_WIDTH - 24:
                label = f"{at:%b}" if days > TICK_DAYS_MIN else f"{at:%d %b}"
                parts.append(_text(x + 3, bottom + 14, label, "quiet"))
    return [*parts, "</g>"]


def _described(row: Row) -> str:
    """Return a row as a sentence: the picture for who cannot see it."""
    counts = [window.agents for window in row.timeline.windows()]
    parts = [
        f"requests for {names(row.candidates.every_desk)}",
        f"asking for {asks_words(row.asks)}",
        f"{min(counts)} to {max(counts)} agents at once",
    ]
    for words, stretches in (
        ("promised and uncovered", row.broken),
        ("nobody", row.gaps),
        ("thin", row.thin),
        ("more than one desk", row.overlaps),
    ):
        if stretches:
            parts.append(f"{words} {len(stretches)} times, {hours_words(total(stretches))} in all")
    return "; ".join(parts)
