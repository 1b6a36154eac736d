"""The reason of a forecast in words, for people: English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from services.sla.domain.foresight.forecast import Forecast
from services.sla.domain.foresight.outcomes import LEVELS

Language = Literal["en", "zh"]
_HOUR: Final = 3_600
_MINUTE: Final = 60


def outlook(found: Iterable[tuple[str, float, str]], lang: Language) -> str:
    """Return a paragraph of (clock, probability, reason); empty where there are none."""
    lines = [f"  {clock}: {_percent(probability)} %. {why}" for clock, probability, why in found]
    if not lines:
        return ""
    head = "Outlook: how probable it is that the target is passed"
    return "\n".join([head if lang == "en" else "预测:超过目标的概率", *lines, ""])


def reason(found: Forecast, lang: Language, *, paused: bool = False) -> str:
    """Return in one or more sentences why a clock is thought to pass its target, or not."""
    parts = [_main(found, lang)]
    queue = found.traits.queue
    if queue is not None and found.level == LEVELS[-1]:
        parts.append(
            f"It began with {queue} open tickets at the desk."
            if lang == "en"
            else f"开始时该服务台有 {queue} 张未结工单。"
        )
    if paused:
        parts.append("The clock is paused." if lang == "en" else "计时已暂停。")
    elif found.closed_until is not None:
        at = _at(found.closed_until)
        parts.append(
            f"The desk is closed until {at}." if lang == "en" else f"服务台在 {at} 之前不营业。"
        )
    return (" " if lang == "en" else "").join(parts)


def _main(found: Forecast, lang: Language) -> str:
    percent = _percent(found.probability)
    used, target = duration(found.used_seconds, lang), duration(found.target_seconds, lang)
    alike = _alike(found, lang)
    if lang == "en":
        if found.used_seconds >= found.target_seconds:
            return f"The target of {target} is used up."
        return (
            f"Of clocks like this one that had lasted {used}, {percent} % passed {target} "
            f"(like it: {alike}; {found.n} have ended)."
        )
    if found.used_seconds >= found.target_seconds:
        return f"目标时间 {target} 已用完。"
    return (
        f"已用时 {used} 的同类计时中,{percent}% 超过了 {target}(同类:{alike};已结束 {found.n} 个)。"
    )


def _percent(probability: float) -> str:
    """Return a share in percent: never 100 or 0 by rounding."""
    if 0 < probability < 1:
        return f"{min(99.0, max(1.0, round(probability * 100))):.0f}"
    return f"{probability * 100:.0f}"


def _alike(found: Forecast, lang: Language) -> str:
    traits = found.traits
    depth = LEVELS.index(found.level)
    unset = "no category" if lang == "en" else "无类别"
    names = [
        _METRICS[lang].get(traits.metric, traits.metric),
        traits.priority,
        traits.desk or "-",
        traits.category or unset,
        "as many open tickets" if lang == "en" else "未结工单数相近",
    ]
    return (", " if lang == "en" else "、").join(names[: depth + 1])


_METRICS: Final = {
    "en": {"next-response": "next response", "own": "time to own", "wait": "waiting for us"},
    "zh": {
        "response": "首次响应",
        "next-response": "后续响应",
        "update": "进展通报",
        "resolution": "解决",
        "own": "受理",
        "wait": "客户等待",
        "hold": "持有",
        "supplier": "供应商",
    },
}


def duration(seconds: float, lang: Language) -> str:
    """Return business seconds as hours and minutes, cut to whole minutes."""
    hours, rest = divmod(int(seconds), _HOUR)
    minutes = rest // _MINUTE
    if lang == "en":
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{hours} 小时 {minutes} 分" if hours else f"{minutes} 分"


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
