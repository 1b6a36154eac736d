"""The registry of topics: who writes what, under which key, for whom.

Tests hold it against the running services. The flow map of ARCHITECTURE.md and the AsyncAPI
document are generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts import (
    alerts,
    calls,
    contacts,
    control,
    handover,
    intake,
    knowledge,
    lifecycle,
    links,
    monitors,
    notify,
    offering,
    routing,
    sla,
)
from shared.contracts.envelope import EVENT_BYTES_MAX, Body

RETENTION_FOREVER = -1
RETENTION_WEEK_MS = 7 * 24 * 3600 * 1000
SECTION_EVENT_BYTES_MAX = 900 * 1024
"""A section of the configuration travels whole; the broker's own limit is a mebibyte a record."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    ``source`` is the CloudEvents source of its events, None where outsiders write.
    ``broadcast`` topics are read whole by every process of every service, without a group.
    """

    name: str
    owner: str
    source: str | None
    key: str
    events: tuple[type[Body], ...]
    consumers: tuple[str, ...]
    partitions: int = 12
    retention_ms: int = RETENTION_FOREVER
    broadcast: bool = False
    event_bytes_max: int = EVENT_BYTES_MAX
    """A body larger than this is refused when it is written."""

    def body(self, event_type: str) -> type[Body] | None:
        """Return the model of a type, or None where the type is unknown here."""
        return next((body for body in self.events if body.type == event_type), None)


EVERYBODY = ("intake", "routing", "sla", "notify", "knowledge", "console", "control")

CONFIGURATION = Topic(
    name="heliodesk.configuration",
    owner="control",
    source="/control/configuration",
    key="tenant and section",
    events=(control.SectionStored, control.ConfigurationApplied),
    consumers=EVERYBODY,
    partitions=1,
    broadcast=True,
    event_bytes_max=SECTION_EVENT_BYTES_MAX,
)
IDENTITIES = Topic(
    name="heliodesk.identities",
    owner="control",
    source="/control/identity",
    key="identity",
    events=(control.IdentityChanged, control.SigningKeyPublished),
    consumers=EVERYBODY,
    partitions=1,
    broadcast=True,
)
REQUESTS = Topic(
    name="heliodesk.requests",
    owner="intake",
    source="/intake/ticket",
    key="ticket",
    events=(
        intake.RequestAccepted,
        intake.MessageAdded,
        intake.RequestReclassified,
        intake.AlertsChanged,
        intake.ConversationClosed,
        intake.ConversationReopened,
        intake.MessageAmended,
        intake.FollowupRefused,
        links.RequestAbsorbed,
        links.RequestMerged,
        links.RequestReleased,
        links.RequestUnmerged,
        links.RequestSplit,
        links.RequestUnsplit,
        links.RequestsLinked,
        links.RequestsUnlinked,
        links.ParentLinked,
        links.ParentUnlinked,
        links.ParentSolved,
        links.EffectLinked,
        links.EffectUnlinked,
        links.CauseLinked,
        links.CauseUnlinked,
        links.LinkSuggested,
    ),
    consumers=("routing", "sla", "notify", "knowledge", "console"),
)
CONTACTS = Topic(
    name="heliodesk.contacts",
    owner="intake",
    source="/intake/contact",
    key="contact",
    events=(
        contacts.ContactRecorded,
        contacts.ContactLinked,
        contacts.ContactUnlinked,
        contacts.ContactMerged,
        contacts.ContactAbsorbed,
        contacts.ContactUnmerged,
        contacts.ContactReleased,
        contacts.ContactCodeAsked,
        contacts.ContactCodeTried,
    ),
    consumers=("notify",),
)
CALLS = Topic(
    name="heliodesk.calls",
    owner="intake",
    source="/intake/call",
    key="call",
    events=(calls.CallChanged, calls.CallDirected),
    consumers=(),
)
ALERT_GROUPS = Topic(
    name="heliodesk.alert-groups",
    owner="intake",
    source="/intake/alert-group",
    key="alert group",
    events=(
        monitors.EpisodeBegan,
        monitors.AlertsObserved,
        monitors.AlertsMoved,
        monitors.AlertsHeard,
        monitors.AlertsExpired,
        monitors.GroupMuted,
        monitors.GroupUnmuted,
        monitors.IncidentOpened,
        monitors.IncidentHeld,
        monitors.FlappingStarted,
        monitors.FlappingEnded,
    ),
    consumers=(),
)
TICKETS = Topic(
    name="heliodesk.tickets",
    owner="routing",
    source="/routing/ticket",
    key="ticket",
    events=(
        routing.TicketQueued,
        routing.TicketReferred,
        offering.TicketOffered,
        routing.TicketAssigned,
        routing.TicketAccepted,
        routing.TicketPended,
        routing.TicketResumed,
        routing.TicketResolved,
        routing.TicketReopened,
        routing.TicketClosed,
        routing.TicketRegarded,
        routing.FollowupRequested,
        routing.EscalationDeferred,
        lifecycle.TicketStarted,
        lifecycle.TicketConfirmed,
        lifecycle.TicketReminded,
        lifecycle.TicketEscalated,
        lifecycle.TaskAdded,
        lifecycle.TaskAssigned,
        lifecycle.TaskStarted,
        lifecycle.TaskDone,
        lifecycle.TaskCancelled,
        lifecycle.WatcherAdded,
        lifecycle.WatcherRemoved,
    ),
    consumers=("intake", "sla", "notify", "console"),
)
SHIFTS = Topic(
    name="heliodesk.shifts",
    owner="routing",
    source="/routing/agent",
    key="agent, handover, or item of one",
    events=(
        routing.PresenceChanged,
        routing.HoldTaken,
        routing.HoldReleased,
        offering.OfferAnswered,
        *handover.HANDOVER_EVENTS,
        *handover.HANDOVER_ITEM_EVENTS,
    ),
    consumers=("routing", "notify", "console"),
)
CLOCKS = Topic(
    name="heliodesk.clocks",
    owner="sla",
    source="/sla/clocks",
    key="ticket",
    events=(
        sla.ClocksStarted,
        sla.ClocksChanged,
        sla.ClockWarned,
        sla.ClockBreached,
        sla.ClockBreachWithdrawn,
        sla.ClockEscalated,
        sla.ClocksRerated,
    ),
    consumers=("routing", "sla", "notify", "console"),
)
NOTICES = Topic(
    name="heliodesk.notices",
    owner="notify",
    source="/notify/notices",
    key="ticket",
    events=(
        notify.NoticePlanned,
        notify.NoticeSent,
        notify.WatchingChanged,
        notify.NoticeDeferred,
        notify.NoticeFailed,
    ),
    consumers=("console",),
)
SUGGESTIONS = Topic(
    name="heliodesk.suggestions",
    owner="knowledge",
    source="/knowledge/suggestions",
    key="ticket",
    events=(knowledge.ArticlesSuggested,),
    consumers=("console",),
)
KNOWLEDGE = Topic(
    name="heliodesk.knowledge",
    owner="knowledge",
    source="/knowledge/article",
    key="article",
    events=(knowledge.ArticlePublished, knowledge.ArticleRetired),
    consumers=("knowledge",),
    partitions=3,
    broadcast=True,
)
ALERTS = Topic(
    name="heliodesk.alerts",
    owner="integrators",
    source=None,
    key="alert",
    events=(alerts.AlertReported,),
    consumers=("intake",),
    retention_ms=RETENTION_WEEK_MS,
)

ALERTMANAGER = Topic(
    name="heliodesk.alertmanager",
    owner="integrators",
    source=None,
    key="Alertmanager's instance",
    events=(),
    consumers=("intake",),
    retention_ms=RETENTION_WEEK_MS,
)
"""Where Alertmanager's event recorder may write: JSON of its own, taken as hints."""

TOPICS = (
    CONFIGURATION,
    IDENTITIES,
    REQUESTS,
    CONTACTS,
    ALERT_GROUPS,
    CALLS,
    TICKETS,
    SHIFTS,
    CLOCKS,
    NOTICES,
    SUGGESTIONS,
    KNOWLEDGE,
    ALERTS,
    ALERTMANAGER,
)


def topic_of(body: type[Body]) -> Topic:
    """Return the topic that carries events of this body.

    Raises:
        LookupError: no topic lists it.
    """
    for topic in TOPICS:
        if body in topic.events:
            return topic
    message = f"no topic carries {body.type}"
    raise LookupError(message)
