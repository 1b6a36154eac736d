"""An explanation as text for people, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.sla.domain.explain import (
    ClockExplanation,
    DeskLine,
    Mark,
    Pause,
    TicketExplanation,
)
from services.sla.domain.explain_words import DAYS_ZH, REASON_WORDS, RULE_WORDS, WORDS

LANGUAGES: Final = ("en", "zh")

_UNITS: Final = (("h", 3_600_000), ("m", 60_000))


def render(explanation: TicketExplanation | Mapping[str, Any], *, lang: str = "en") -> str:
    """Return an explanation as text.

    Args:
        explanation: the model, or the JSON that ``GET /v1/clocks/{ticket}/explain`` answers.
        lang: ``en`` or ``zh``; any other language reads English.
    """
    if not isinstance(explanation, TicketExplanation):
        explanation = TicketExplanation.model_validate(explanation)
    return "\n".join(_Text(lang).ticket(explanation)) + "\n"


def duration(seconds: float, *, lang: str = "en") -> str:
    """Return a duration exactly, such as ``26 h 30 min``: days of business time have no fixed length."""
    return _Text(lang).time(seconds)


class _Text:
    def __init__(self, lang: str) -> None:
        self._lang = "zh" if lang.lower().startswith("zh") else "en"
        self._words = WORDS[self._lang]

    def ticket(self, found: TicketExplanation) -> Iterator[str]:
        yield self._say(
            "head",
            number=found.number,
            at=self._at(found.at),
            status=found.status or self._word("nobody"),
            desk=found.desk or self._word("no-desk"),
            agent=found.agent or self._word("nobody"),
        )
        for one in found.ratings:
            yield self._say(
                "rerated",
                at=self._at(one.at),
                by=one.by,
                version=one.version,
                because=one.because,
            )
        if not found.clocks:
            yield self._word("none")
        for clock in found.clocks:
            yield ""
            yield from self._clock(clock)

    def _clock(self, clock: ClockExplanation) -> Iterator[str]:
        yield self._head(clock)
        yield self._say(
            "target",
            target=self.time(clock.target_seconds),
            started=self._at(clock.started_at),
            by=self._by(clock.started_by),
        )
        yield self._say(
            "business", used=self.time(clock.used_seconds), left=self._left(clock.left_seconds)
        )
        due = clock.calendar_due_at
        yield self._say(
            "calendar",
            used=self.time(clock.elapsed_seconds),
            left=self._left(clock.calendar_left_seconds),
            due="" if due is None else self._say("by-it", at=self._at(due)),
        )
        if clock.due_at is not None:
            yield self._say("due", at=self._at(clock.due_at))
        elif clock.ended_at is None:
            yield self._word("due-none")
        if clock.breached_at is not None:
            yield self._say("breached", at=self._at(clock.breached_at))
        if clock.ended_at is not None:
            word = "cancelled-at" if clock.state == "cancelled" else "ended"
            yield self._say(word, at=self._at(clock.ended_at), by=self._by(clock.ended_by))
        if clock.settled_until is not None:
            yield self._say("settled", at=self._at(clock.settled_until))
        yield from self._list("desks", [text for d in clock.desks for text in self._desk(d)])
        yield from self._list("pauses", [self._pause(pause) for pause in clock.pauses])
        if clock.ahead is not None:
            ahead = clock.ahead
            yield self._say("ahead", calendar=ahead.calendar, zone=ahead.time_zone)
            yield from self._windows(ahead)
        if clock.ended_at is None:
            yield from self._list("warnings", [self._mark("warning", m) for m in clock.warnings])
            yield from self._list("steps", [self._mark("step", mark) for mark in clock.steps])

    def _head(self, clock: ClockExplanation) -> str:
        metric = self._word("supplier-clock" if clock.metric == "supplier" else clock.metric)
        if clock.subject is not None:
            metric = self._say("of", metric=metric, subject=clock.subject)
        more = ""
        if clock.agreement is not None:
            more += self._say("agreed", name=clock.agreement)
        if clock.cycle > 1:
            more += self._say("cycle", n=clock.cycle)
        return self._say(
            "clock",
            metric=metric,
            policy=clock.policy,
            version=clock.configversion,
            more=more,
            state=self._word(clock.state),
        )

    def _left(self, seconds: float) -> str:
        return self._say("left" if seconds >= 0 else "over", time=self.time(abs(seconds)))

    def _by(self, rule: str | None) -> str:
        """Return which rule it was, where it was not the default of the metric."""
        if rule is None or rule == "metric":
            return ""
        return self._say("rule", rule=self._word(RULE_WORDS.get(rule, rule)))

    def _list(self, title: str, lines: list[str]) -> Iterator[str]:
        if lines:
            yield self._word(title)
            yield from lines

    def _desk(self, line: DeskLine) -> Iterator[str]:
        values = {
            "start": self._at(line.started_at),
            "end": self._end(line.ended_at),
            "used": self.time(line.used_seconds),
        }
        if line.merged:
            yield self._say("merged", count=line.merged, **values)
            return
        waited = "" if line.supplier is None else self._say("waited", supplier=line.supplier)
        yield self._say(
            "line",
            desk=line.desk or self._word("no-desk"),
            waited=waited,
            calendar=line.calendar,
            zone=line.time_zone,
            version=line.configversion,
            **values,
        )
        yield from self._windows(line)

    def _windows(self, line: DeskLine) -> Iterator[str]:
        if not line.windows:
            yield self._word("closed")
        for window in line.windows:
            yield self._say(
                "window",
                start=self._local(window.local_from),
                end=self._local(window.local_to),
                time=self.time(window.seconds),
                total=self.time(window.total_seconds),
            )
        if line.more_windows:
            yield self._say("more", count=line.more_windows)

    def _pause(self, pause: Pause) -> str:
        why = ""
        if pause.condition is not None:
            why = self._say("why", rule=pause.rule, condition=pause.condition)
        return self._say(
            "pause",
            reason=self._word(REASON_WORDS.get(pause.reason, pause.reason)),
            by=pause.by,
            start=self._at(pause.started_at),
            end=self._end(pause.ended_at),
            time=self.time(pause.seconds),
            why=why,
        )

    def _mark(self, word: str, mark: Mark) -> str:
        if mark.done:
            when = self._word("done")
        elif mark.at is not None:
            when = self._say("at", at=self._at(mark.at))
        else:
            when = self._word("later")
        return self._say(word, step=mark.step, point=self._point(mark), when=when)

    def _point(self, mark: Mark) -> str:
        if mark.at_share is not None:
            return f"{mark.at_share * 100:g} %"
        if mark.after_seconds is not None:
            return self._say("after", time=self.time(mark.after_seconds))
        return self._say("before", time=self.time(mark.left_seconds or 0))

    def time(self, seconds: float) -> str:
        """Return a duration exactly."""
        left = round(seconds * 1_000)
        parts = []
        for unit, size in _UNITS:
            count, left = divmod(left, size)
            if count:
                parts.append(self._say(unit, n=count))
        if left or not parts:
            parts.append(self._say("s", n=f"{left / 1_000:g}"))
        return self._words["join"].join(parts)

    def _end(self, at: datetime | None) -> str:
        return self._word("now") if at is None else self._at(at)

    def _at(self, at: datetime) -> str:
        """Return an instant in UTC; seconds only where there are any."""
        at = at.astimezone(UTC)
        exact = at.second or at.microsecond
        return at.strftime("%Y-%m-%d %H:%M:%S UTC" if exact else "%Y-%m-%d %H:%M UTC")

    def _local(self, text: str) -> str:
        if self._lang == "en":
            return text
        return DAYS_ZH.get(text[:3], text[:3]) + text[3:]

    def _word(self, word: str) -> str:
        """Return a word; one that only a newer release knows is shown as it is."""
        return self._words.get(word, word)

    def _say(self, word: str, **values: object) -> str:
        return self._words[word].format(**values)
