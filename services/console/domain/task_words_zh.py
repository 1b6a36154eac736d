"""Chinese words of the page of open tasks, and of tier 0 beside the desks."""

from __future__ import annotations

from typing import Final

TASK_CHINESE: Final[dict[str, str]] = {
    "desks.unattended": "层级 0：{count}",
    "nav.tasks": "任务",
    "tasks.title": "未完成的任务",
    "tasks.lead": "请他人完成的部分工作；有未完成的任务时，工单不能标记为已解决。",
    "tasks.tab.mine": "我和我的服务台",
    "tasks.tab.all": "全部",
    "tasks.for": "由 {whose} 处理",
    "tasks.by": "{by} 提出",
    "tasks.none": "没有未完成的任务。",
    "tasks.none_hint": "可在工单页面上请他人完成任务。",
    "tasks.no_texts": "无法显示任务内容：intake 没有响应。",
    "tasks.cut": "仅显示最新 {limit} 个工单的任务。",
}
