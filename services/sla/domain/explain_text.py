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

LANGUAGES: Final = ("en", "zh")

_EN: Final[Mapping[str, str]] = {
    "head": "Ticket {number} as of {at}: {status}, desk {desk}, agent {agent}",
    "none": "No policy applies to this ticket: it has no clocks.",
    "clock": "{metric}, policy {policy} (configuration {version}){more}: {state}",
    "agreed": ", agreement {name}",
    "cycle": ", cycle {n}",
    "of": "{metric} of {subject}",
    "target": "  Target {target}, since {started}{by}.",
    "business": "  Business time: {used} used, {left}.",
    "calendar": "  Calendar time: {used} used, {left}{due}.",
    "by-it": "; by it due {at}",
    "rule": " ({rule})",
    "settled": "  Of the time before {at} only sums are kept, and no pauses.",
    "left": "{time} left",
    "over": "{time} over",
    "due": "  Due {at}.",
    "due-none": "  No due time: the clock stands still, or waits for its first desk.",
    "breached": "  Breached: the due time {at} passed.",
    "ended": "  Ended {at}{by}.",
    "cancelled-at": "  Cancelled {at}{by}.",
    "desks": "  Counted:",
    "waited": ", waiting for {supplier}",
    "line": "  - {desk}{waited}, calendar {calendar} ({zone}, configuration {version}), {start} to {end}: {used}",
    "merged": "  - {count} earlier lines, {start} to {end}: {used}",
    "window": "      {start} to {end}: {time}, together {total}",
    "closed": "      closed all the time",
    "more": "      and {count} more windows",
    "pauses": "  Not counted:",
    "pause": "  - {reason} (by {by}), {start} to {end}: {time} on the calendar{why}",
    "why": "; {rule}: {condition}",
    "ahead": "  Still to come until the due time, by {calendar} ({zone}):",
    "warnings": "  Warnings:",
    "warning": "  - {point}: {when}",
    "steps": "  Escalation:",
    "step": "  - step {step} at {point}: {when}",
    "after": "{time} used",
    "before": "{time} left",
    "done": "done",
    "at": "due {at}",
    "later": "not yet",
    "now": "now",
    "nobody": "none",
    "no-desk": "no desk yet",
    "response": "Response",
    "next-response": "Next response",
    "update": "Update",
    "resolution": "Resolution",
    "own": "Time to own",
    "wait": "Wait of the requester",
    "hold": "Hold",
    "supplier-clock": "Supplier's time",
    "running": "running",
    "paused": "paused",
    "met": "met",
    "missed": "missed",
    "cancelled": "cancelled",
    "customer": "waits for the contact",
    "supplier": "waits for a supplier",
    "change": "waits for a change",
    "until": "waits until an instant",
    "unknown": "waits, nobody said why",
    "resolved": "resolved, then reopened",
    "given-up": "no longer with it",
    "unmerged": "went on in another ticket, then taken back",
    "merged-ticket": "part of another ticket",
    "condition": "by a condition of the policy",
    "unfit": "the policy does not fit any more",
    "reopened": "reopened",
    "d": "{n} d",
    "h": "{n} h",
    "m": "{n} min",
    "s": "{n} s",
    "join": " ",
}
_ZH: Final[Mapping[str, str]] = {
    "head": "工单 {number}，截至 {at}：{status}，服务台 {desk}，处理人 {agent}",
    "none": "没有适用于此工单的策略，因此没有时钟。",
    "clock": "{metric}，策略 {policy}（配置版本 {version}）{more}：{state}",
    "agreed": "，协议 {name}",
    "cycle": "，第 {n} 轮",
    "of": "{metric}（{subject}）",
    "target": "  目标 {target}，自 {started} 起{by}。",
    "business": "  工作时间：已用 {used}，{left}。",
    "calendar": "  日历时间：已用 {used}，{left}{due}。",
    "by-it": "；按日历时间到期 {at}",
    "rule": "（{rule}）",
    "settled": "  {at} 之前只保留合计，不再列出暂停。",
    "left": "剩余 {time}",
    "over": "超出 {time}",
    "due": "  到期时间 {at}。",
    "due-none": "  暂无到期时间：时钟已暂停，或在等待首个服务台。",
    "breached": "  已违约：到期时间 {at} 已过。",
    "ended": "  结束于 {at}{by}。",
    "cancelled-at": "  取消于 {at}{by}。",
    "desks": "  计入时间：",
    "waited": "，等待 {supplier}",
    "line": "  - {desk}{waited}，日历 {calendar}（{zone}，配置版本 {version}），{start} 至 {end}：{used}",
    "merged": "  - 更早的 {count} 段，{start} 至 {end}：{used}",
    "window": "      {start} 至 {end}：{time}，累计 {total}",
    "closed": "      期间一直未营业",
    "more": "      以及另外 {count} 个时段",
    "pauses": "  不计入时间：",
    "pause": "  - {reason}（操作者 {by}），{start} 至 {end}：日历时间 {time}{why}",
    "why": "；{rule}：{condition}",
    "ahead": "  到期前还将计入（日历 {calendar}，{zone}）：",
    "warnings": "  预警：",
    "warning": "  - {point}：{when}",
    "steps": "  升级：",
    "step": "  - 第 {step} 步，{point}：{when}",
    "after": "已用 {time}",
    "before": "剩余 {time}",
    "done": "已执行",
    "at": "预定 {at}",
    "later": "尚未到",
    "now": "现在",
    "nobody": "无",
    "no-desk": "尚无服务台",
    "response": "响应",
    "next-response": "后续响应",
    "update": "进展通报",
    "resolution": "解决",
    "own": "受理",
    "wait": "请求人等待",
    "hold": "持有",
    "supplier-clock": "供应商用时",
    "running": "计时中",
    "paused": "已暂停",
    "met": "已达成",
    "missed": "未达成",
    "cancelled": "已取消",
    "customer": "等待联系人",
    "supplier": "等待供应商",
    "change": "等待变更",
    "until": "等待至指定时间",
    "unknown": "等待，原因未说明",
    "resolved": "已解决后重新打开",
    "given-up": "已转交他处",
    "unmerged": "曾并入另一工单，后撤销",
    "merged-ticket": "已并入其他工单",
    "condition": "按策略条件",
    "unfit": "策略不再适用",
    "reopened": "重新打开",
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
_RULE_WORDS: Final = {"merged": "merged-ticket"}
"""Words of rules that stand for something else too."""
_REASON_WORDS: Final = _RULE_WORDS | {"pauses_when": "condition", "stops_when": "condition"}
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
        return self._say("rule", rule=self._word(_RULE_WORDS.get(rule, rule)))

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
            reason=self._word(_REASON_WORDS.get(pause.reason, pause.reason)),
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
        return _DAYS_ZH.get(text[:3], text[:3]) + text[3:]

    def _word(self, word: str) -> str:
        """Return a word; one that only a newer release knows is shown as it is."""
        return self._words.get(word, word)

    def _say(self, word: str, **values: object) -> str:
        return self._words[word].format(**values)
