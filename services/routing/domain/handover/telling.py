"""A brief and a shift report in words: pure, in the reader's language and time zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.routing.domain.handover.items import ItemState, Stage
from services.routing.domain.handover.process import HandoverState
from services.routing.domain.handover.vocabulary import Lang, word
from shared.calendar.zones import zone
from shared.contracts.handover import HandoverBrief, HandoverCounts
from shared.contracts.routing import Status
from shared.contracts.sla import ClockState, ClockView

UNITS: Final = ((86_400, "d", "天"), (3_600, "h", "小时"), (60, "min", "分钟"))
RUNNING: Final = frozenset({ClockState.RUNNING, ClockState.PAUSED})


class Teller:
    """Tells in one language, with the times of one zone, as of one instant."""

    def __init__(self, *, lang: Lang, time_zone: str, now: datetime) -> None:
        self.lang = lang
        self.time_zone = time_zone
        self._zone = zone(time_zone)
        self._now = now

    def brief(self, brief: HandoverBrief, clocks: Sequence[ClockView] = ()) -> tuple[str, ...]:
        """Return what the next shift has to know of a ticket, one sentence a line."""
        lines = [
            self._what(brief),
            self._who(brief),
            self._history(brief),
            self._deeds(brief),
            *self._due(clocks),
            self._next(brief),
        ]
        return tuple(line for line in lines if line)

    def time(self, at: datetime) -> str:
        """Return an instant on the reader's clock, with the date where it is not today's."""
        local, today = at.astimezone(self._zone), self._now.astimezone(self._zone).date()
        shown = f"{local:%H:%M}"
        return shown if local.date() == today else f"{local:%Y-%m-%d} {shown}"

    def span(self, length: timedelta) -> str:
        """Return a length in its two largest units."""
        left, parts = max(0, int(length.total_seconds())), []
        for seconds, en, zh in UNITS:
            count, left = divmod(left, seconds)
            if count:
                parts.append(f"{count} {en}" if self.lang == "en" else f"{count} {zh}")
        zero = "0 min" if self.lang == "en" else "0 分钟"
        return " ".join(parts[:2]) or zero

    def _say(self, en: str, zh: str) -> str:
        return en if self.lang == "en" else zh

    def _word(self, code: str, group: str = "") -> str:
        return word(code, self.lang, group=group)

    def _what(self, brief: HandoverBrief) -> str:
        about = [name for name in (brief.service, brief.category, brief.site) if name]
        if brief.vip:
            about.append("VIP")
        kind, how = self._word(brief.kind), self._word(brief.channel, "channel")
        age = self.span(self._now - brief.accepted_at)
        within = f" ({', '.join(about)})" if about else ""
        en = f"{brief.priority} {kind} {how}{within}, open for {age}."
        return self._say(en, f"{brief.priority} {kind},{how}{within},已打开 {age}。")

    def _who(self, brief: HandoverBrief) -> str:
        if brief.waits_for is not None:
            whom, until = self._word(brief.waits_for), brief.until
            by = f"{brief.agent}: " if brief.agent else ""
            if until is None:
                return self._say(f"{by}it waits for {whom}.", f"{by}等待{whom}。")
            when = self.time(until)
            en = f"{by}it waits for {whom}, until {when}."
            return self._say(en, f"{by}等待{whom},至 {when}。")
        if brief.agent is None:
            since = self.time(brief.queued_since) if brief.queued_since else "?"
            en, zh = f"Nobody has it; it waits since {since}.", f"无人处理,自 {since} 起排队。"
            if brief.last_agent:
                en += f" {brief.last_agent} had it last."
                zh += f"上一位处理人:{brief.last_agent}。"
            return self._say(en, zh)
        if brief.status is Status.OFFERED:
            en = f"{brief.agent} was asked to take it and has not answered."
            return self._say(en, f"已询问 {brief.agent} 是否接单,尚未答复。")
        begun = brief.status is not Status.ASSIGNED
        en = f"{brief.agent} {'works on it' if begun else 'has it and has not begun'}."
        return self._say(en, f"{brief.agent} {'正在处理' if begun else '已分派,尚未开始'}。")

    def _history(self, brief: HandoverBrief) -> str:
        en, zh = [], []
        if brief.moves:
            en.append(f"went to another desk {brief.moves} times")
            zh.append(f"转派 {brief.moves} 次")
        if brief.escalations:
            en.append(f"was escalated {brief.escalations} times, is at tier {brief.tier}")
            zh.append(f"升级 {brief.escalations} 次,现为第 {brief.tier} 层")
        if brief.reopened:
            en.append("was reopened")
            zh.append("曾重新打开")
        if brief.firing:
            en.append(f"has {brief.firing} alerts that fire")
            zh.append(f"{brief.firing} 个告警仍在触发")
        if not en:
            return ""
        return self._say(f"It {'; '.join(en)}.", f"{';'.join(zh)}。")

    def _deeds(self, brief: HandoverBrief) -> str:
        if not brief.deeds:
            return ""
        done = "; ".join(
            f"{self.time(deed.at)} {self._word(deed.code)} ({deed.by}, {deed.desk})"
            for deed in brief.deeds
        )
        return self._say(f"Done last: {done}.", f"最近操作:{done}。")

    def _due(self, clocks: Iterable[ClockView]) -> list[str]:
        lines = []
        for clock in clocks:
            what = self._word(clock.metric)
            if clock.breached_at is not None:
                at = self.time(clock.breached_at)
                lines.append(
                    self._say(f"The {what} target passed at {at}.", f"{what}时限已于 {at} 超过。")
                )
            elif clock.state in RUNNING and clock.due_at is not None:
                at = self.time(clock.due_at)
                left = self.span(clock.due_at - self._now)
                en = f"The {what} is due at {at}, in {left}."
                lines.append(self._say(en, f"{what}时限:{at},剩余 {left}。"))
            elif clock.state is ClockState.PAUSED:
                lines.append(self._say(f"The {what} clock is paused.", f"{what}计时已暂停。"))
        return lines

    def _next(self, brief: HandoverBrief) -> str:
        step = self._word(brief.next, "next")
        drafted = brief.next_by == "system"
        en = f"Next: {step}." if drafted else f"Next: {step} (says {brief.next_by})."
        return self._say(en, f"下一步:{step}。" if drafted else f"下一步:{step}({brief.next_by})。")

    def item(self, item: ItemState) -> str:
        """Return what became of an item, in one line."""
        stage = self._word(item.stage, "stage")
        said: list[str] = []
        if item.stage is Stage.MOVED and item.receipts:
            last = item.receipts[-1]
            said = [f"→ {last.to} {self.time(last.at)}", self._word(last.why)]
        elif item.stage is Stage.KEPT:
            said = [item.kept_by] if item.kept_by and item.kept_by != "system" else []
            said.append(self._word(item.kept_reason or "", "reason"))
            if item.opens_at is not None:
                opens = self.time(item.opens_at)
                said.append(self._say(f"somebody opens {opens}", f"{opens} 开放"))
        elif item.stage is Stage.LEFT:
            said = [
                self._word(item.left_why or ""),
                *([f"→ {item.left_to}"] if item.left_to else []),
            ]
        elif item.stage is Stage.OFFERED and item.answer_until is not None:
            until = self.time(item.answer_until)
            said = [
                self._say(f"to {item.offered_to} until {until}", f"{item.offered_to},至 {until}")
            ]
        elif item.stage is Stage.DECLINED:
            said = [item.answered_by or "", self._word(item.declined_reason or "", "reason")]
        return f"{item.number}  {stage}" + (f": {', '.join(said)}" if said else "")

    def report(
        self,
        state: HandoverState,
        items: Sequence[ItemState],
        counts: HandoverCounts,
        late: int,
        *,
        titles: Mapping[str, str],
    ) -> str:
        """Return the shift report of both desks as text: counts, items, matters, signatures.

        ``titles`` are those of the matters in the reader's language, by name.
        """
        closes = self.time(state.closes_at) if state.closes_at else "?"
        lines = [
            self._say(
                f"Shift of {state.desk} until {closes}, handed over to {state.to}",
                f"{state.desk} 班次至 {closes},交接给 {state.to}",
            ),
            self._counts(counts),
        ]
        if late:
            lines.append(self._say(f"Targets passed: {late}", f"超时目标:{late}"))
        lines += [f"  {self.item(item)}" for item in items]
        for matter in state.matters:
            note = state.notes.get(matter.name)
            how = self._word(note.state, "state") if note else self._say("not said", "未说明")
            by = f" ({note.by}, {self.time(note.at)})" if note else ""
            text = f": {note.text}" if note and note.text else ""
            lines.append(f"{titles.get(matter.name, matter.name)}: {how}{by}{text}")
        for side in ("giving", "taking"):
            signed = state.signatures.get(side)
            by = (
                f"{signed.by}, {self.time(signed.at)}"
                if signed
                else self._say("unsigned", "未签字")
            )
            lines.append(f"{self._word(side)}: {by}")
        for alarm in state.alarms:
            whom = ", ".join(alarm.tell)
            lines.append(f"! {self.time(alarm.at)} {self._word(alarm.reason, 'alarm')} → {whom}")
        return "\n".join(lines) + "\n"

    def _counts(self, counts: HandoverCounts) -> str:
        en = (
            f"New {counts.came}, taken over {counts.taken_over}, resolved {counts.resolved}, "
            f"moved {counts.moved}, kept {counts.kept}, left {counts.left}, "
            f"waiting {counts.waiting}"
        )
        zh = (
            f"新到 {counts.came},接手 {counts.taken_over},解决 {counts.resolved},"
            f"移交 {counts.moved},保留 {counts.kept},离开 {counts.left},待处理 {counts.waiting}"
        )
        return self._say(en, zh)
