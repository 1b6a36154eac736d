"""The words of briefs and reports, in English and Chinese. A code without a word reads as itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Lang = Literal["en", "zh"]

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    # kinds
    "incident": ("incident", "事件"),
    "service-request": ("service request", "服务请求"),
    "change": ("change", "变更"),
    "inquiry": ("inquiry", "咨询"),
    "new-requirement": ("new requirement", "新需求"),
    "complaint": ("complaint", "投诉"),
    "compliment": ("compliment", "表扬"),
    # channels
    "channel:email": ("by mail", "邮件"),
    "channel:web": ("by the portal", "自助门户"),
    "channel:chat": ("by chat", "聊天"),
    "channel:phone": ("by phone", "电话"),
    "channel:walk-up": ("in person", "现场"),
    "channel:api": ("by a program", "接口"),
    "channel:monitoring": ("by monitoring", "监控"),
    # whom it waits for
    "customer": ("the contact", "联系人"),
    "supplier": ("a supplier", "供应商"),
    "until": ("a set time", "约定时间"),
    # next steps
    "next:assign": ("find an agent for it", "安排处理人"),
    "next:begin": ("begin to work on it", "开始处理"),
    "next:continue": ("go on with the work", "继续处理"),
    "next:await-contact": ("wait for the contact's answer", "等待联系人答复"),
    "next:chase-supplier": ("ask the supplier how it stands", "催问供应商进展"),
    "next:await-change": ("wait for the change", "等待变更完成"),
    "next:resume-later": ("take it up again at the time that is set", "到约定时间再继续"),
    "next:review-resolution": ("look why the resolution did not hold", "查明解决方案为何无效"),
    "next:watch-alerts": ("watch the alerts that fire", "关注仍在触发的告警"),
    "next:call-contact": ("call the contact", "致电联系人"),
    "next:visit-site": ("visit the site", "到现场处理"),
    "next:escalate": ("escalate it", "升级"),
    "next:verify": ("verify that it works", "验证是否恢复"),
    # deeds
    "queued:new": ("came in", "进入队列"),
    "queued:transfer": ("transferred", "转派"),
    "queued:escalation": ("escalated", "升级"),
    "queued:reopened": ("queued again", "重新排队"),
    "queued:desk-closed": ("moved, its desk had closed", "因服务台关闭而转移"),
    "queued:agent-left": ("queued again, its agent has left", "处理人已离开,重新排队"),
    "queued:handover": ("handed over", "交接"),
    "queued:resumed": ("queued again, what it waited for has come", "等待结束,重新排队"),
    "queued:distributed": ("distributed by the contact point", "由接待点分派"),
    "queued:referred": ("given to the contact desk", "转到联系服务台"),
    "queued:person-asked": ("sent to a person", "转人工"),
    "queued:reorganised": ("moved by a new configuration", "因配置变更而转移"),
    "queued:returned": ("given back to a lower tier", "退回较低层级"),
    "queued:offer-expired": ("queued again, nobody answered the offer", "邀请未获答复,重新排队"),
    "queued:offer-rejected": ("queued again, the offer was refused", "邀请被拒绝,重新排队"),
    "queued:reclaimed": ("taken back from its agent", "从处理人处收回"),
    "referred": ("referred to the contact desk", "转介给联系服务台"),
    "offered": ("offered", "邀请接单"),
    "assigned": ("assigned", "分派"),
    "accepted": ("accepted", "受理"),
    "pended": ("put on hold", "挂起"),
    "resumed": ("taken up again", "恢复处理"),
    "resolved": ("resolved", "解决"),
    "reopened": ("reopened", "重新打开"),
    "closed": ("closed", "关闭"),
    "started": ("begun", "开始处理"),
    "confirmed": ("confirmed by the requester", "请求人确认"),
    "escalated": ("escalated by an agent", "人工升级"),
    "followup_requested": ("followed up", "产生后续工单"),
    "task_added": ("task added", "添加任务"),
    "task_assigned": ("task given to others", "转交任务"),
    "task_started": ("task begun", "开始任务"),
    "task_done": ("task done", "完成任务"),
    "task_cancelled": ("task cancelled", "取消任务"),
    # clocks
    "response": ("response", "响应"),
    "resolution": ("resolution", "解决"),
    # stages of an item
    "stage:drafted": ("drafted", "待交接"),
    "stage:offered": ("offered", "已提出"),
    "stage:accepted": ("accepted", "已接受"),
    "stage:declined": ("declined", "已拒绝"),
    "stage:kept": ("kept", "保留"),
    "stage:moved": ("moved", "已移交"),
    "stage:left": ("left", "已离开"),
    # why
    "policy": ("by policy", "按策略"),
    "unanswered": ("nobody answered", "无人答复"),
    "never-keep": ("too grave to be kept", "优先级过高,不得保留"),
    "desk-removed": ("its desk is gone", "服务台已撤销"),
    "returned": ("given back on purpose", "被退回"),
    "nobody-open": ("nobody is open", "无服务台开放"),
    "no-next": ("no other desk takes it over", "无接手的服务台"),
    "desk-open": ("its desk is open again", "服务台已重新开放"),
    "agent-back": ("its agent is at work again", "处理人已重新上班"),
    "moved": ("moved otherwise", "已转往别处"),
    "visit": ("somebody goes there", "须到现场处理"),
    "declined": ("declined", "被拒绝"),
    # agents' reasons, as the console offers them
    "reason:nearly-done": ("nearly done", "即将完成"),
    "reason:contact-waits": ("the contact waits for them", "联系人在等待"),
    "reason:needs-the-site": ("somebody has to be on site", "需要现场处理"),
    "reason:no-capacity": ("no capacity", "人手不足"),
    "reason:no-skill": ("nobody has the skill", "无人具备所需技能"),
    "reason:language": ("nobody speaks the language", "无人会该语言"),
    "reason:other": ("another reason", "其他原因"),
    # matters
    "state:normal": ("normal", "正常"),
    "state:attention": ("needs attention", "需要关注"),
    "state:none": ("nothing", "无"),
    # alarms
    "alarm:unsigned": ("not signed in time", "未按时签字"),
    "alarm:nobody-open": ("no desk is open that could take over", "没有可接手的服务台开放"),
    "alarm:stay": ("work has stayed too long with a closed desk", "工作滞留在已关闭的服务台"),
    "giving": ("giving side", "交班方"),
    "taking": ("taking side", "接班方"),
}


def word(code: str, lang: Lang, *, group: str = "") -> str:
    """Return the word of a code; ``group`` tells codes apart that are called the same."""
    found = WORDS.get(f"{group}:{code}" if group else code) or WORDS.get(code)
    return code if found is None else found[lang == "zh"]
