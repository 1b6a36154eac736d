"""Words for the reasons by which people call for help, as they are shipped."""

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
