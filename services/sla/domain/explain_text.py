"""An explanation as text for people, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.sla.domain.explain import (
    ClockExplanation,
    DeskLine,
    Pause,
    Step,
    TicketExplanation,
)

LANGUAGES: Final = ("en", "zh")

_EN: Final[Mapping[str, str]] = {
    "head": "Ticket {number} as of {at}: {status}, desk {desk}, agent {agent}",
    "none": "No policy applies to this ticket: it has no clocks.",
    "clock": "{metric}, policy {policy} (configuration {version}): {state}",
    "sums": "  Target {target}, used {used}, {left}; {elapsed} on the calendar since {started}.",
    "left": "{time} left",
    "over": "{time} over",
    "due": "  Due {at}.",
    "due-none": "  No due time: the clock stands still, or waits for its first desk.",
    "breached": "  Breached: the due time {at} passed.",
    "ended": "  Ended {at}.",
    "warn": "  Warning point {at}.",
    "desks": "  Counted:",
    "line": "  - {desk}, calendar {calendar} ({zone}, configuration {version}), {start} to {end}: {used}",
    "merged": "  - {count} earlier lines, {start} to {end}: {used}",
    "window": "      {start} to {end}: {time}, together {total}",
    "closed": "      closed all the time",
    "more": "      and {count} more windows",
    "pauses": "  Not counted:",
    "pause": "  - {reason} (by {by}), {start} to {end}: {time} on the calendar",
    "ahead": "  Still to come until the due time, by {calendar} ({zone}):",
    "steps": "  Escalation:",
    "step": "  - step {step} at {share}: {when}",
    "done": "done",
    "at": "due {at}",
    "later": "not yet",
    "now": "now",
    "nobody": "none",
    "no-desk": "no desk yet",
    "response": "Response",
    "resolution": "Resolution",
    "running": "running",
    "paused": "paused",
    "met": "met",
    "missed": "missed",
    "cancelled": "cancelled",
    "customer": "waits for the contact",
    "supplier": "waits for a supplier",
    "change": "waits for a change",
    "until": "waits until an instant",
    "resolved": "resolved, then reopened",
    "unmerged": "went on in another ticket, then taken back",
    "d": "{n} d",
    "h": "{n} h",
    "m": "{n} min",
    "s": "{n} s",
    "join": " ",
}
_ZH: Final[Mapping[str, str]] = {
    "head": "工单 {number}，截至 {at}：{status}，服务台 {desk}，处理人 {agent}",
    "none": "没有适用于此工单的策略，因此没有时钟。",
    "clock": "{metric}，策略 {policy}（配置版本 {version}）：{state}",
    "sums": "  目标 {target}，已用 {used}，{left}；自 {started} 起日历时间 {elapsed}。",
    "left": "剩余 {time}",
    "over": "超出 {time}",
    "due": "  到期时间 {at}。",
    "due-none": "  暂无到期时间：时钟已暂停，或在等待首个服务台。",
    "breached": "  已违约：到期时间 {at} 已过。",
    "ended": "  结束于 {at}。",
    "warn": "  预警时间 {at}。",
    "desks": "  计入时间：",
    "line": "  - {desk}，日历 {calendar}（{zone}，配置版本 {version}），{start} 至 {end}：{used}",
    "merged": "  - 更早的 {count} 段，{start} 至 {end}：{used}",
    "window": "      {start} 至 {end}：{time}，累计 {total}",
    "closed": "      期间一直未营业",
    "more": "      以及另外 {count} 个时段",
    "pauses": "  不计入时间：",
    "pause": "  - {reason}（操作者 {by}），{start} 至 {end}：日历时间 {time}",
    "ahead": "  到期前还将计入（日历 {calendar}，{zone}）：",
    "steps": "  升级：",
    "step": "  - 第 {step} 步，{share}：{when}",
    "done": "已执行",
    "at": "预定 {at}",
    "later": "尚未到",
    "now": "现在",
    "nobody": "无",
    "no-desk": "尚无服务台",
    "response": "响应",
    "resolution": "解决",
    "running": "计时中",
    "paused": "已暂停",
    "met": "已达成",
    "missed": "未达成",
    "cancelled": "已取消",
    "customer": "等待联系人",
    "supplier": "等待供应商",
    "change": "等待变更",
    "until": "等待至指定时间",
    "resolved": "已解决后重新打开",
    "unmerged": "曾并入另一工单，后撤销",
    "d": "{n}天",
    "h": "{n}小时",
    "m": "{n}分",
    "s": "{n}秒",
    "join": "",
}
_WORDS: Final = {"en": _EN, "zh": _ZH}
_DAYS_ZH: Final = {
    "Mon": "周一",
    "Tue": "周二",
    "Wed": "周三",
    "Thu": "周四",
    "Fri": "周五",
    "Sat": "周六",
    "Sun": "周日",
}
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000))


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
    """Return a duration exactly, such as ``1 d 2 h 30 min``; a day is 24 hours of time."""
    return _Text(lang).time(seconds)


class _Text:
    def __init__(self, lang: str) -> None:
        self._lang = "zh" if lang.lower().startswith("zh") else "en"
        self._words = _WORDS[self._lang]

    def ticket(self, found: TicketExplanation) -> Iterator[str]:
        yield self._say(
            "head",
            number=found.number,
            at=self._at(found.at),
            status=found.status or self._word("nobody"),
            desk=found.desk or self._word("no-desk"),
            agent=found.agent or self._word("nobody"),
        )
        if not found.clocks:
            yield self._word("none")
        for clock in found.clocks:
            yield ""
            yield from self._clock(clock)

    def _clock(self, clock: ClockExplanation) -> Iterator[str]:
        yield self._say(
            "clock",
            metric=self._word(clock.metric),
            policy=clock.policy,
            version=clock.configversion,
            state=self._word(clock.state),
        )
        left = "left" if clock.left_seconds >= 0 else "over"
        yield self._say(
            "sums",
            target=self.time(clock.target_seconds),
            used=self.time(clock.used_seconds),
            left=self._say(left, time=self.time(abs(clock.left_seconds))),
            elapsed=self.time(clock.elapsed_seconds),
            started=self._at(clock.started_at),
        )
        if clock.due_at is not None:
            yield self._say("due", at=self._at(clock.due_at))
        elif clock.ended_at is None:
            yield self._word("due-none")
        for word, at in (
            ("warn", clock.warn_at),
            ("breached", clock.breached_at),
            ("ended", clock.ended_at),
        ):
            if at is not None:
                yield self._say(word, at=self._at(at))
        yield from self._list("desks", [text for d in clock.desks for text in self._desk(d)])
        yield from self._list("pauses", [self._pause(pause) for pause in clock.pauses])
        if clock.ahead is not None:
            ahead = clock.ahead
            yield self._say("ahead", calendar=ahead.calendar, zone=ahead.time_zone)
            yield from self._windows(ahead)
        if clock.ended_at is None:
            yield from self._list("steps", [self._step(step) for step in clock.steps])

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
        yield self._say(
            "line",
            desk=line.desk or self._word("no-desk"),
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
        return self._say(
            "pause",
            reason=self._word(pause.reason),
            by=pause.by,
            start=self._at(pause.started_at),
            end=self._end(pause.ended_at),
            time=self.time(pause.seconds),
        )

    def _step(self, step: Step) -> str:
        if step.done:
            when = self._word("done")
        elif step.at is not None:
            when = self._say("at", at=self._at(step.at))
        else:
            when = self._word("later")
        return self._say("step", step=step.step, share=f"{step.at_share * 100:g} %", when=when)

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
        return _DAYS_ZH.get(text[:3], text[:3]) + text[3:]

    def _word(self, word: str) -> str:
        """Return a word; one that only a newer release knows is shown as it is."""
        return self._words.get(word, word)

    def _say(self, word: str, **values: object) -> str:
        return self._words[word].format(**values)
