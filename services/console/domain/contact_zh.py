"""Chinese words of a requester's contact: referral, tier 0, a person, a visit."""

from __future__ import annotations

from typing import Final

CONTACT_WORDS: Final[dict[str, str]] = {
    "say.referred": "{by} 将联系人从{was}转介至{desk}，今后由其负责与联系人就此工单联系。",
    "say.queued.tier_0": "交由请求人自助及自动化处理（0 级），后台服务台为{desk}。",
    "say.person_how": "如需人工：回复“人工”二字、在电话菜单中选择人工，或在此处转交。",
    "say.person_at": "否则将于 {person_at} 转给{desk}的客服人员。",
    "say.queued.person-asked": "{by} 要求人工服务：工单在{desk}等待处理。",
    "say.queued.person_waited": "自助服务时间内未解决：工单在{desk}等待客服人员处理。",
    "say.queued.visit": "{by} 要求上门服务：由{desk}前往现场。",
    "say.resolved.self-service": "请求人已自行完成，未经客服人员。",
    "say.resolved.automation": "自动化已完成处理，未经客服人员（{by}）。",
    "resolution.self-service": "请求人自行完成",
    "resolution.automation": "自动化完成",
    "notice.referral": "联系服务台变更通知",
    "fact.contact_desk": "联系服务台",
    "act.person": "转人工处理",
    "act.done.person": "工单正在等待人工处理。",
    "refusal.at-tier-0": "该工单正由请求人自助处理：请先转人工。",
}
