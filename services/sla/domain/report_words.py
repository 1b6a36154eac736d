"""The words of a report's page, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from services.sla.domain.explain_text import duration
from shared.calendar.zones import zone

_EN: Final[Mapping[str, str]] = {
    "title": "Service level report",
    "closed": "Closed",
    "provisional": "Provisional",
    "closed-why": "Closed at {at}. Nothing that was told later changes this report.",
    "open": "The month is not closed yet; it will be at {closes}. Known as of {at}.",
    "as-of": "As it was known at {at}, not as it was closed at {closes}.",
    "catching-up": "Events from before the closing at {closes} are still on their way.",
    "gaps": "Events of some tickets could not be read: see the parked records of sla.",
    "zone": "Times in {zone}",
    "customer": "Customer",
    "agreement": "Agreement",
    "desk": "Desk",
    "priority": "Priority",
    "attained": "Attained",
    "met": "Met",
    "missed": "Missed",
    "clocks": "Clocks",
    "days": "Day by day",
    "promises": "What was promised",
    "promise": "Promise",
    "customers": "By customer",
    "desks": "By desk",
    "priorities": "By priority",
    "causes": "Who spent the time of the breaches",
    "causes-why": "Business time in the clocks that missed their targets, by the desk ledger.",
    "who": "Desk or supplier",
    "time": "Business time",
    "share": "Share",
    "most": "Most time in",
    "pauses": "What stopped the clocks of the breaches",
    "pauses-why": "This time is not counted; it is shown to tell what the requester saw.",
    "reason": "Reason",
    "stood": "Calendar time",
    "count": "Pauses",
    "breaches": "Breaches",
    "more": "The first {shown} of {count}; the CSV table “breaches” has all.",
    "ticket": "Ticket",
    "metric": "Measure",
    "target": "Target",
    "used": "Used",
    "due": "Due",
    "ended": "Ended",
    "spent": "Spent by",
    "paused": "Pauses",
    "still": "not over",
    "corrections": "Changes to earlier months since they were closed",
    "corrections-why": "The reports of those months stay as they are; they are told of here, once.",
    "was": "Was",
    "now": "Is",
    "nothing": "not counted",
    "none": "none",
    "no-breach": "No target was missed.",
    "no-clock": "No clock counts in this month.",
    "rules": (
        "A clock counts once: if it met its target, in the month of its end; if not, in the "
        "month of the due time that passed. Withdrawn breaches and cancelled clocks do not "
        "count. Names and customers are those as of that instant. Shares are cut, not rounded."
    ),
    "scorecard": "Scorecard of the agreements",
    "scorecard-why": (
        "Measures beside the clocks, each with the cases that count. Without a case there is no "
        "verdict; what no event tells has no value. A rate that must not be exceeded is cut upwards."
    ),
    "party": "With",
    "value": "Value",
    "cases": "Cases",
    "kept": "Kept",
    "yes": "kept",
    "no": "missed",
    "no-cases": "no case",
    "no-marks": "no marks; satisfied, of those who said",
    "not-measured": "not measured",
    "attained_min": "Clocks that met their targets",
    "first_line_rate_min": "Solved at the first line",
    "reopen_rate_max": "Resolutions reopened",
    "satisfaction_min": "Satisfaction, 1 to 5",
    "availability_min": "Availability",
    "resolution-changes": "Resolutions of earlier months that changed since they were closed",
    "resolved-at": "Resolved",
    "resolved": "resolved",
    "reopened": "reopened",
    "satisfied": "satisfied",
    "dissatisfied": "not satisfied",
    "unnamed": "not known",
    "for": "{desk}, waiting for {supplier}",
    "response": "Response",
    "next-response": "Next response",
    "update": "Update",
    "resolution": "Resolution",
    "own": "Time to own",
    "wait": "Wait of the requester",
    "hold": "Hold",
    "supplier": "Supplier's time",
    "sla": "SLA",
    "ola": "OLA",
    "uc": "UC",
    "p-customer": "waits for the contact",
    "p-supplier": "waits for a supplier",
    "p-change": "waits for a change",
    "p-until": "waits until an instant",
    "p-unknown": "waits, nobody said why",
    "p-resolved": "resolved, then reopened",
    "p-given-up": "with somebody else",
    "p-merged": "part of another ticket",
    "p-condition": "by the policy's own condition",
    "p-earlier": "earlier, only a sum is known",
}
_ZH: Final[Mapping[str, str]] = {
    "title": "服务级别报告",
    "closed": "已结账",
    "provisional": "暂定",
    "closed-why": "已于 {at} 结账，此后的任何记录都不会改变本报告。",
    "open": "本月尚未结账，将于 {closes} 结账。数据截至 {at}。",
    "as-of": "数据截至 {at}，并非 {closes} 结账时的报告。",
    "catching-up": "{closes} 结账前的部分事件仍在处理中。",
    "gaps": "部分工单的事件无法读取，请查看 sla 的搁置记录。",
    "zone": "时间以 {zone} 为准",
    "customer": "客户",
    "agreement": "协议",
    "desk": "服务台",
    "priority": "优先级",
    "attained": "达成率",
    "met": "达成",
    "missed": "未达成",
    "clocks": "时钟",
    "days": "每日情况",
    "promises": "承诺与达成",
    "promise": "承诺",
    "customers": "按客户",
    "desks": "按服务台",
    "priorities": "按优先级",
    "causes": "违约时钟的时间由谁使用",
    "causes-why": "未达成目标的时钟中，各服务台按台账使用的工作时间。",
    "who": "服务台或供应商",
    "time": "工作时间",
    "share": "占比",
    "most": "用时最多",
    "pauses": "违约时钟因何暂停",
    "pauses-why": "暂停时间不计入时钟，列出以说明请求人的实际等待。",
    "reason": "原因",
    "stood": "日历时间",
    "count": "暂停次数",
    "breaches": "违约明细",
    "more": "仅列出 {count} 条中的前 {shown} 条，全部见 CSV 表 breaches。",
    "ticket": "工单",
    "metric": "指标",
    "target": "目标",
    "used": "已用",
    "due": "到期",
    "ended": "结束",
    "spent": "用时分布",
    "paused": "暂停",
    "still": "未结束",
    "corrections": "以往月份结账后的变更",
    "corrections-why": "以往月份的报告保持不变，变更仅在此说明一次。",
    "was": "原为",
    "now": "现为",
    "nothing": "不计入",
    "none": "无",
    "no-breach": "没有未达成的目标。",
    "no-clock": "本月没有计入的时钟。",
    "rules": (
        "每个时钟只计一次：达成的计入其结束所在的月份，未达成的计入到期时间所在的月份。"
        "已撤回的违约和已取消的时钟不计入。名称和客户以当时为准。比率只舍不入。"
    ),
    "scorecard": "协议记分卡",
    "scorecard-why": "时钟以外的指标及其计入的数量。没有计入的则不作判定；事件未记录的没有数值。不得超过的比率只入不舍。",
    "party": "对方",
    "value": "实际",
    "cases": "计入",
    "kept": "是否达成",
    "yes": "达成",
    "no": "未达成",
    "no-cases": "无计入",
    "no-marks": "无评分；仅计满意者与表态者",
    "not-measured": "未测量",
    "attained_min": "时钟达成率",
    "first_line_rate_min": "一线解决率",
    "reopen_rate_max": "重新打开率",
    "satisfaction_min": "满意度（1 至 5）",
    "availability_min": "可用性",
    "resolution-changes": "以往月份结账后变更的解决记录",
    "resolved-at": "解决时间",
    "resolved": "已解决",
    "reopened": "已重新打开",
    "satisfied": "满意",
    "dissatisfied": "不满意",
    "unnamed": "未知",
    "for": "{desk}（等待 {supplier}）",
    "response": "响应",
    "next-response": "后续响应",
    "update": "进展通报",
    "resolution": "解决",
    "own": "受理",
    "wait": "请求人等待",
    "hold": "持有",
    "supplier": "供应商用时",
    "sla": "SLA",
    "ola": "OLA",
    "uc": "UC",
    "p-customer": "等待联系人",
    "p-supplier": "等待供应商",
    "p-change": "等待变更",
    "p-until": "等待至指定时间",
    "p-unknown": "等待，原因未说明",
    "p-resolved": "已解决后重新打开",
    "p-given-up": "由他人处理",
    "p-merged": "已并入其他工单",
    "p-condition": "按策略自身条件",
    "p-earlier": "更早，仅有合计",
}
_WORDS: Final = {"en": _EN, "zh": _ZH}


class Words:
    """Words of one language, and how it writes figures; instants are in one time zone."""

    def __init__(self, lang: str, time_zone: str) -> None:
        self.lang = lang
        self._words = _WORDS[lang]
        self._zone = zone(time_zone)

    def __call__(self, word: str, **values: object) -> str:
        """Return a word; one that only a newer release knows is shown as it is."""
        return self._words.get(word, word.removeprefix("p-")).format(**values)

    def at(self, instant: datetime) -> str:
        """Return an instant; seconds only where there are any."""
        local = instant.astimezone(self._zone)
        exact = local.second or local.microsecond
        return local.strftime("%Y-%m-%d %H:%M:%S" if exact else "%Y-%m-%d %H:%M")

    def time(self, seconds: float) -> str:
        """Return a duration in whole seconds; the JSON and the CSV have it exactly."""
        return duration(float(int(seconds)), lang=self.lang)

    def share(self, share: float | None, *, up: bool = False) -> str:
        """Return a share in per cent, cut to two digits: only the whole reads as 100 %.

        ``up`` is for what must not exceed a share: then it is never cut below what it is.
        """
        if share is None:
            return "–"
        millionths = round(share * 1_000_000)
        hundredths = -(-millionths // 100) if up else millionths // 100
        return f"{hundredths // 100}.{hundredths % 100:02d} %"

    def who(self, desk: str | None, supplier: str | None) -> str:
        """Return a desk, and the supplier that it waited for."""
        name = desk or self("unnamed")
        return self("for", desk=name, supplier=supplier) if supplier else name


__all__ = ["Words"]
