"""Words as they are shipped: for reasons of calling for help, metrics, causes, absences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REASON_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "skills": "skills are missing",
        "access": "access is missing",
        "no-progress": "no progress",
        "impact": "the impact is grave",
        "dissatisfied": "the contact is not satisfied",
        "conflict": "a conflict",
        "security": "security",
    },
    "zh": {
        "skills": "缺少技能",
        "access": "缺少权限",
        "no-progress": "没有进展",
        "impact": "影响严重",
        "dissatisfied": "联系人不满意",
        "conflict": "存在冲突",
        "security": "安全问题",
    },
}
"""Language to reason to words; a reason of the organisation's own is shown as it is written."""


def reason_word(reason: str, language: str) -> str:
    """Return the words for a reason in a language."""
    return REASON_NAMES.get(language, {}).get(reason, reason.replace("-", " "))


METRIC_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "response": "the first response",
        "next-response": "the next response",
        "update": "word to the requester",
        "resolution": "the resolution",
        "own": "somebody to take it",
        "wait": "the requester's wait",
        "hold": "the desk",
        "supplier": "the supplier",
    },
    "zh": {
        "response": "首次响应",
        "next-response": "后续响应",
        "update": "进展通报",
        "resolution": "解决",
        "own": "受理",
        "wait": "用户等待",
        "hold": "本台处理",
        "supplier": "供应商处理",
    },
}
"""Language to metric to what time is measured for."""

CAUSE_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "not-accepted": "nobody has accepted it",
        "not-resolved": "it is not resolved",
        "expected-late": "it is expected to be late",
    },
    "zh": {
        "not-accepted": "尚无人受理",
        "not-resolved": "尚未解决",
        "expected-late": "预计将超时",
    },
}
"""Language to why a step of escalation is done; none for one whose clock is only not met."""

ABSENCE_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "off-shift": "off shift",
        "on-leave": "on leave",
        "unknown": "not known any more",
        "unassigned": "nobody is assigned",
        "nobody-on-duty": "nobody is on duty",
        "no-agreement": "no agreement names a manager",
    },
    "zh": {
        "off-shift": "不在班",
        "on-leave": "休假",
        "unknown": "已不在册",
        "unassigned": "尚未分派",
        "nobody-on-duty": "无人值班",
        "no-agreement": "没有协议指定负责人",
    },
}
"""Language to why somebody else is told."""


def words_of(values: Mapping[str, str], language: str) -> dict[str, str]:
    """Return the words for a notice's codes: ``reason_word``, ``metric_word`` and so on."""

    def word(names: Mapping[str, Mapping[str, str]], field: str) -> str:
        code = values.get(field, "")
        return names.get(language, {}).get(code, code.replace("-", " "))

    cause = values.get("cause", "")
    return {
        "reason_word": reason_word(values.get("reason", ""), language),
        "metric_word": word(METRIC_NAMES, "metric"),
        "cause_word": CAUSE_NAMES.get(language, {}).get(cause, ""),
        "why_word": word(ABSENCE_NAMES, "why"),
    }
