"""What an audit of clocks says, in English and Chinese."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from heliodesk.cli.languages import Language
from services.sla.domain.findings import Finding, Found
from services.sla.domain.ticket_log import Replayed
from shared.contracts.topics import CLOCKS, REQUESTS, TICKETS

KINDS: Final[Mapping[Language, Mapping[Found, str]]] = {
    Language.EN: {kind: kind.value for kind in Found},
    Language.ZH: {
        Found.DIFFERS: "不一致",
        Found.LOST: "遗漏",
        Found.UNPROCESSED: "尚未处理",
        Found.GAP: "缺失",
        Found.UNEXPLAINED: "无法解释",
        Found.STORED_DIFFERS: "存储不一致",
        Found.STORED_NEWER: "存储较新",
    },
}

_TEXTS: Final[Mapping[Language, Mapping[Found, str]]] = {
    Language.EN: {
        Found.DIFFERS: "{where}: {what} is recorded as {recorded}, recomputed as {recomputed}",
        Found.LOST: "{where}: {field} was processed and changed no clock; due was {recomputed}",
        Found.UNPROCESSED: "{where}: {field} has changed no clock yet",
        Found.GAP: "{where}: not in the log: {recomputed}; what depends on it is not proven",
        Found.UNEXPLAINED: "{where}: the log does not say why: {what} {recorded}",
        Found.STORED_DIFFERS: "after {where}: {what} is {recorded} in sla, {recomputed} by the log",
        Found.STORED_NEWER: "after {where}: sla is at {recorded} already, and was not compared",
    },
    Language.ZH: {
        Found.DIFFERS: "{where}：{what} 记录为 {recorded}，重算为 {recomputed}",
        Found.LOST: "{where}：{field} 已处理却未改变任何时钟；应有 {recomputed}",
        Found.UNPROCESSED: "{where}：{field} 尚未改变任何时钟",
        Found.GAP: "{where}：日志中缺少 {recomputed}；依赖它的内容无法证实",
        Found.UNEXPLAINED: "{where}：日志没有说明原因：{what} {recorded}",
        Found.STORED_DIFFERS: "{where} 之后：{what} 在 sla 中为 {recorded}，按日志为 {recomputed}",
        Found.STORED_NEWER: "{where} 之后：sla 已到 {recorded}，未作比较",
    },
}

_WHERE: Final = {Language.EN: "{topic} event {sequence}", Language.ZH: "{topic} 事件 {sequence}"}
_TOPICS: Final = {
    str(topic.source): topic.name.removeprefix("heliodesk.")
    for topic in (CLOCKS, REQUESTS, TICKETS)
}
_NOTHING: Final = {Language.EN: "nothing", Language.ZH: "无"}
_SUMMARY: Final = {
    Language.EN: (
        "{tickets} tickets, {events} events recomputed, {due_times} due times compared: "
        "{identical} tickets identical{rest}."
    ),
    Language.ZH: (
        "工单 {tickets} 个，重算事件 {events} 个，比对到期时间 {due_times} 个："
        "一致的工单 {identical} 个{rest}。"
    ),
}
_REST: Final = {Language.EN: "; findings: {kinds}", Language.ZH: "；发现：{kinds}"}
_MORE: Final = {Language.EN: "and {count} more", Language.ZH: "另有 {count} 项"}


@dataclass
class Sums:
    """What was audited."""

    tickets: int = 0
    events: int = 0
    due_times: int = 0
    identical: int = 0
    kinds: Counter[Found] = field(default_factory=Counter)

    def count(self, replayed: Replayed) -> None:
        """Take in a ticket."""
        self.tickets += 1
        self.events += replayed.events
        self.due_times += replayed.due_times
        self.identical += replayed.identical
        self.kinds.update(one.kind for one in replayed.findings)


def ticket_line(replayed: Replayed, lang: Language) -> str:
    """Return a ticket's findings as one line: how many of each kind."""
    kinds = Counter(one.kind for one in replayed.findings)
    return f"{replayed.number}: {_counted(kinds, lang)}"


def finding_line(found: Finding, lang: Language) -> str:
    """Return a finding as one line."""
    topic = _TOPICS.get(found.source, found.source)
    where = topic
    if found.sequence is not None:
        where = _WHERE[lang].format(topic=topic, sequence=found.sequence)
    return _TEXTS[lang][found.kind].format(
        where=where,
        what=" ".join(part for part in (found.clock, found.field) if part),
        field=found.field,
        recorded=_shown(found.recorded, lang),
        recomputed=_shown(found.recomputed, lang),
    )


def more_line(count: int, lang: Language) -> str:
    """Return the line that stands for findings that are not shown."""
    return _MORE[lang].format(count=count)


def summary_line(sums: Sums, lang: Language) -> str:
    """Return the last line."""
    rest = _REST[lang].format(kinds=_counted(sums.kinds, lang)) if sums.kinds else ""
    return _SUMMARY[lang].format(
        tickets=sums.tickets,
        events=sums.events,
        due_times=sums.due_times,
        identical=sums.identical,
        rest=rest,
    )


def _counted(kinds: Mapping[Found, int], lang: Language) -> str:
    comma = "，" if lang is Language.ZH else ", "
    return comma.join(f"{KINDS[lang][kind]} {kinds[kind]}" for kind in Found if kind in kinds)


def _shown(value: object, lang: Language) -> str:
    if value is None or value == []:
        return _NOTHING[lang]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
