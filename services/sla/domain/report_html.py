"""The report of a month as a page: one file, no script, ready to be printed or kept as PDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from services.sla.domain.report import Breach, Correction, Line, Promise, Report
from services.sla.domain.report_svg import Bar, bars_svg, days_svg
from services.sla.domain.report_words import Words
from services.sla.domain.scorecard import Measured

BREACHES_MAX: Final = 300
"""Breaches that the page lists; the CSV has all."""
BARS_MAX: Final = 20

STYLE: Final = """
:root { --ink: #17202d; --quiet: #5d6a7d; --line: #d5dbe5; --ground: #eef1f6; --page: #fff;
  --met: #2f7d57; --missed: #c2322a; --other: #4a6fa5; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 24px; color: var(--ink); background: var(--page);
  font: 14px/1.45 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "Noto Sans SC", sans-serif; }
header { border-bottom: 2px solid var(--ink); padding-bottom: 10px; margin-bottom: 16px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 26px 0 8px; break-after: avoid; }
p { margin: 4px 0; } .quiet { color: var(--quiet); }
.status { display: inline-block; border: 1px solid; border-radius: 4px; padding: 0 8px; margin-left: 8px;
  font-size: 13px; font-weight: 600; vertical-align: middle; color: var(--met); }
.status.provisional { color: #8a5a00; }
dl.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 0; }
dl.figures div { border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; }
dl.figures dt { color: var(--quiet); } dl.figures dd { margin: 0; font-size: 24px; font-weight: 650; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--quiet); font-weight: 600; } td.n, th.n { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
td.bad { color: var(--missed); font-weight: 600; }
tr { break-inside: avoid; } thead { display: table-header-group; }
section { overflow-x: auto; } th, td.t { white-space: nowrap; }
.breaches { font-size: 12px; } td.w { min-width: 190px; } td.w span { display: block; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 24px; }
svg.plot { display: block; width: 100%; max-width: 760px; height: auto; break-inside: avoid; }
svg.plot text { font-size: 12px; fill: var(--ink); } svg .grid { stroke: var(--line); }
svg .ground { fill: var(--ground); } svg .met { fill: var(--met); } svg .missed { fill: var(--missed); }
svg .other { fill: var(--other); }
footer { margin-top: 28px; border-top: 1px solid var(--line); padding-top: 8px; }
@media (max-width: 700px) { dl.figures { grid-template-columns: 1fr 1fr; } .two { display: block; } }
@page { size: A4; margin: 14mm 12mm; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } table { font-size: 10px; }
  .breaches { font-size: 8.5px; } section { overflow: visible; } th, td { padding: 3px 4px; }
  td.w { min-width: 104px; } .breaches th, .breaches td.t { white-space: normal; }
  svg, .status, * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

Head = Sequence[tuple[str, str]]
"""Columns: a word and a class."""


def page_of(report: Report, *, lang: str) -> str:
    """Return the page of a report in ``en`` or ``zh``."""
    page = _Page(report, Words(lang, report.time_zone))
    words = page.words
    title = escape(f"{words('title')} {report.month}")
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in page.parts() if part)
        + "\n</body>\n</html>\n"
    )


class _Page:
    def __init__(self, report: Report, words: Words) -> None:
        self.report = report
        self.words = words

    def parts(self) -> Iterator[str]:
        report, words = self.report, self.words
        yield self._header()
        yield self._figures()
        yield self._scorecard()
        if not report.cells:
            yield f"<p>{words('no-clock')}</p>"
        else:
            yield self._section(
                "days",
                days_svg(words("days"), report.days, met=words("met"), missed=words("missed")),
            )
            yield self._promises()
            yield self._section("customers", self._lines("customer", report.customers))
            desks = self._section("desks", self._lines("desk", report.desks))
            priorities = self._section("priorities", self._lines("priority", report.priorities))
            yield f'<div class="two"><div>{desks}</div><div>{priorities}</div></div>'
            yield self._causes()
            yield self._pauses()
            yield self._breaches()
        yield self._corrections()
        yield self._resolution_changes()
        yield f'<footer class="quiet">{words("rules")}</footer>'

    def _header(self) -> str:
        report, words = self.report, self.words
        why = words(
            report.because or "closed-why",
            at=words.at(report.as_of),
            closes=words.at(report.closes_at),
        )
        asked = [
            f"{words(name)}: {value}"
            for name, value in report.filters.model_dump().items()
            if value is not None
        ]
        filters = f"<p>{escape(' · '.join(asked))}</p>" if asked else ""
        zone = escape(words("zone", zone=report.time_zone))
        return (
            f"<header><h1>{words('title')} {report.month}"
            f'<span class="status {report.status}">{words(report.status)}</span></h1>{filters}'
            f'<p class="quiet">{why} {zone}</p></header>'
        )

    def _figures(self) -> str:
        total, words = self.report.total, self.words
        figures = (
            ("attained", words.share(total.share)),
            ("clocks", str(total.met + total.missed)),
            ("met", str(total.met)),
            ("missed", str(total.missed)),
        )
        boxes = "".join(
            f"<div><dt>{words(name)}</dt><dd>{value}</dd></div>" for name, value in figures
        )
        return f'<dl class="figures">{boxes}</dl>'

    def _scorecard(self) -> str:
        words, measures = self.words, self.report.scorecard
        if not measures:
            return ""
        head = (
            ("agreement", ""),
            ("party", ""),
            ("metric", ""),
            ("target", "n"),
            ("value", "n"),
            ("cases", "n"),
            ("kept", ""),
        )
        table = self._table(head, [self._measure(one) for one in measures])
        why = f'<p class="quiet">{words("scorecard-why")}</p>'
        return self._section("scorecard", why + table)

    def _measure(self, one: Measured) -> tuple[str, ...]:
        words = self.words
        limit = "≤" if one.measure.endswith("_max") else "≥"
        target = f"{one.target:g}" if one.why == "no-marks" else words.share(one.target)
        verdict = words(one.why or ("yes" if one.kept else "no"))
        counted = one.why in {None, "no-marks"}
        return (
            one.title or one.agreement,
            one.party or "",
            words(one.measure),
            f"{limit} {target}",
            words.share(one.value, up=one.measure.endswith("_max")),
            f"{one.numerator}/{one.denominator}" if counted else "–",
            verdict if one.kept is not False else f"✗ {verdict}",
        )

    def _promises(self) -> str:
        words, promises = self.words, self.report.promises
        bars = [
            Bar(
                label=self._promise(one),
                parts=_parts(one.met, one.missed),
                value=f"{words.share(one.share)}  ({one.met}/{one.met + one.missed})",
            )
            for one in promises[:BARS_MAX]
        ]
        table = self._table(
            (
                ("customer", ""),
                ("agreement", ""),
                ("promise", ""),
                ("met", "n"),
                ("missed", "n"),
                ("attained", "n"),
            ),
            [
                (
                    self._name(one.customer),
                    self._name(one.agreement),
                    f"{words(one.kind)} · {words(one.metric)} · {one.policy}",
                    *self._count(one),
                )
                for one in promises
            ],
        )
        return self._section("promises", bars_svg(words("promises"), bars) + table)

    def _promise(self, one: Promise) -> str:
        parts = (one.customer, one.agreement or one.policy, self.words(one.metric))
        return " · ".join(part for part in parts if part)

    def _lines(self, name: str, lines: Sequence[Line]) -> str:
        head = ((name, ""), ("met", "n"), ("missed", "n"), ("attained", "n"))
        return self._table(head, [(self._name(one.name), *self._count(one)) for one in lines])

    def _count(self, one: Line | Promise) -> tuple[str, str, str]:
        return str(one.met), str(one.missed), self.words.share(one.share)

    def _causes(self) -> str:
        words, causes = self.words, self.report.causes
        if not causes:
            return ""
        bars = [
            Bar(
                label=words.who(one.desk, one.supplier),
                parts=[(one.share or 0.0, "other")],
                value=words.share(one.share),
            )
            for one in causes[:BARS_MAX]
        ]
        table = self._table(
            (("who", ""), ("time", "n"), ("share", "n"), ("clocks", "n"), ("most", "n")),
            [
                (
                    words.who(one.desk, one.supplier),
                    words.time(one.seconds),
                    words.share(one.share),
                    str(one.clocks),
                    str(one.most),
                )
                for one in causes
            ],
        )
        why = f'<p class="quiet">{words("causes-why")}</p>'
        return self._section("causes", why + bars_svg(words("causes"), bars) + table)

    def _pauses(self) -> str:
        words, pauses = self.words, self.report.pauses
        if not pauses:
            return ""
        table = self._table(
            (("reason", ""), ("stood", "n"), ("count", "n"), ("clocks", "n")),
            [
                (
                    self._reason(one.reason, one.supplier),
                    words.time(one.seconds),
                    str(one.pauses),
                    str(one.clocks),
                )
                for one in pauses
            ],
        )
        return self._section("pauses", f'<p class="quiet">{words("pauses-why")}</p>{table}')

    def _reason(self, reason: str, supplier: str | None) -> str:
        text = self.words(f"p-{reason}")
        return f"{text} ({supplier})" if supplier else text

    def _breaches(self) -> str:
        words, breaches = self.words, self.report.breaches
        if not breaches:
            return self._section("breaches", f"<p>{words('no-breach')}</p>")
        shown = breaches[:BREACHES_MAX]
        head = (
            ("ticket", "t"),
            ("metric", ""),
            ("customer", ""),
            ("desk", ""),
            ("priority", ""),
            ("target", "n"),
            ("used", "n"),
            ("due", "t"),
            ("ended", "t"),
            ("spent", "w"),
            ("paused", "w"),
        )
        table = self._table(head, [self._breach(one) for one in shown], "breaches")
        note = ""
        if len(breaches) > len(shown):
            note = f'<p class="quiet">{words("more", shown=len(shown), count=len(breaches))}</p>'
        return self._section("breaches", note + table)

    def _breach(self, one: Breach) -> tuple[str, ...]:
        words = self.words
        spent = [f"{words.who(s.desk, s.supplier)}: {words.time(s.seconds)}" for s in one.spent]
        held: dict[tuple[str, str | None], float] = {}
        for pause in one.pauses:
            key = (pause.reason, pause.supplier)
            held[key] = held.get(key, 0.0) + pause.seconds
        pauses = [f"{self._reason(*key)}: {words.time(time)}" for key, time in held.items()]
        return (
            one.number,
            f"{words(one.metric)} · {one.agreement or one.policy}",
            self._name(one.customer),
            self._name(one.desk),
            one.priority,
            words.time(one.target_seconds),
            words.time(one.used_seconds),
            words.at(one.due_at),
            words.at(one.ended_at) if one.ended_at else words("still"),
            "\n".join(spent),
            "\n".join(pauses),
        )

    def _corrections(self) -> str:
        words, found = self.words, self.report.corrections
        if not found:
            return ""
        head = (("ticket", "t"), ("promise", ""), ("customer", ""), ("was", ""), ("now", ""))
        rows = [
            (one.number, one.clock, self._name(one.customer), *self._change(one)) for one in found
        ]
        why = f'<p class="quiet">{words("corrections-why")}</p>'
        return self._section("corrections", why + self._table(head, rows[:BREACHES_MAX]))

    def _change(self, one: Correction) -> tuple[str, str]:
        words = self.words
        pairs = ((one.was, one.was_at), (one.now, one.now_at))
        was, now = (
            f"{words(outcome)}, {words.at(at)}" if outcome and at else words("nothing")
            for outcome, at in pairs
        )
        return was, now

    def _resolution_changes(self) -> str:
        words, found = self.words, self.report.resolution_changes
        if not found:
            return ""
        head = (
            ("ticket", "t"),
            ("resolved-at", "t"),
            ("customer", ""),
            ("agreement", ""),
            ("was", ""),
            ("now", ""),
        )
        rows = [
            (
                one.number,
                words.at(one.resolved_at),
                self._name(one.customer),
                ", ".join(one.agreements),
                self._stood(one.was, one.verdict_was),
                self._stood(one.now, one.verdict),
            )
            for one in found[:BREACHES_MAX]
        ]
        why = f'<p class="quiet">{words("corrections-why")}</p>'
        return self._section("resolution-changes", why + self._table(head, rows))

    def _stood(self, word: str | None, verdict: str | None) -> str:
        parts = [self.words(word or "nothing"), self.words(verdict) if verdict else ""]
        return ", ".join(part for part in parts if part)

    def _name(self, name: str | None) -> str:
        return name or f"({self.words('none')})"

    def _table(self, head: Head, rows: Sequence[Sequence[str]], style: str = "") -> str:
        names = "".join(f"<th{_class(c)}>{escape(self.words(word))}</th>" for word, c in head)
        lines = []
        for row in rows:
            cells = (
                f"<td{_class(c)}>{_cell(cell)}</td>" for (_, c), cell in zip(head, row, strict=True)
            )
            lines.append(f"<tr>{''.join(cells)}</tr>")
        body = "\n".join(lines)
        return (
            f"<table{_class(style)}><thead><tr>{names}</tr></thead>\n<tbody>{body}</tbody></table>"
        )

    def _section(self, word: str, content: str) -> str:
        return f"<section><h2>{escape(self.words(word))}</h2>{content}</section>"


def _parts(met: int, missed: int) -> list[tuple[float, str]]:
    whole = met + missed
    return [(met / whole, "met"), (missed / whole, "missed")] if whole else []


def _cell(text: str) -> str:
    """Return the content of a cell; several lines one below the other."""
    lines = text.split("\n")
    if len(lines) == 1:
        return escape(text)
    return "".join(f"<span>{escape(line)}</span>" for line in lines)


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
