"""Groups of alerts: decisions are taken in batches, storms are seen, tickets follow.

A turn is one decision on one group. All turns of a batch are decided with one load, one commit,
and one of each for the tickets; those that lose to another process decide again. The group's
document is the only place where an incident begins, so there is one for a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.intake.domain.alert_decisions import decide_observed
from services.intake.domain.alert_groups import ALERT_GROUP, AlertGroup, Episode
from services.intake.domain.alert_rows import AlertOccurrence, AlertWords, Outbreak
from services.intake.domain.alert_settling import Context, Observation
from services.intake.domain.alerts import alert_key
from services.intake.domain.text import shortened
from services.intake.domain.ticket import Ticket
from services.intake.handlers.following import Following
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.writing import Waits
from services.intake.ports import AlertStore
from shared.aggregate import Document, OutboxFull, Step, Write, plan
from shared.clock import Clock
from shared.commit import CONFLICTS_MAX, Committer
from shared.configuration import Configurations
from shared.contracts.intake import AlertStatus
from shared.contracts.monitors import EpisodeBegan, GroupEvent, IncidentOpened, ObservedAlert
from shared.kernel import Infrastructure, derived_id, rfc3339
from shared.organisation import UnknownName
from shared.organisation.integrations import AlertPolicy

STORM = "storm"
"""The scope of a group that collects a storm."""
SUBJECT_MAX = 300
FINGERPRINT_LENGTH = 32

Group = Document[AlertGroup]
Decide = Callable[[AlertGroup | None, Context], Sequence[GroupEvent]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One decision on a group that is due.

    ``words`` are kept where the decision begins an episode with them.
    """

    group: str
    tenant: str
    integration: str
    at: datetime
    decide: Decide
    words: AlertWords | None = None
    trace: str | None = None


class AlertGroups:
    """Decides on groups of alerts. Every method may raise `Infrastructure`."""

    def __init__(
        self,
        *,
        rows: AlertStore,
        following: Following,
        committer: Committer,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._following = following
        self._committer = committer
        self._configurations = configurations
        self._clock = clock

    async def load(self, groups: Iterable[str]) -> dict[str, Group]:
        """Return the groups that exist, by alert key."""
        return await self._committer.store.load(ALERT_GROUP, list(groups))

    async def take(self, turns: Sequence[Turn]) -> dict[str, Outcome]:
        """Take turns, those of one group in their order; return, by alert key, what became of it."""
        waits: dict[str, Outcome] = {}
        settled, tickets = await self._decide(turns, waits)
        parents = [t for group in settled.values() if (t := self._parent(group)) is not None]
        collecting: dict[str, Group] = {}
        if parents:
            collecting, more = await self._collect(parents, waits)
            tickets = {**tickets, **more}
        traces = {t.words.id: t.trace for t in turns if t.words is not None and t.trace}
        everything = {**settled, **collecting}
        outcomes = await self._following.follow(
            list(everything.values()), known=tickets, traces=traces
        )
        for key, group in settled.items():
            parent = group.state.current.parent if group.state and group.state.current else None
            if parent is not None:
                outcomes[key] = waits.get(parent) or outcomes.get(parent, outcomes[key])
        outcomes |= waits
        return {t.group: outcomes.get(t.group, Outcome()) for t in turns}

    async def _decide(
        self, turns: Sequence[Turn], waits: dict[str, Outcome]
    ) -> tuple[dict[str, Group], dict[str, Document[Ticket]]]:
        """Decide until nobody loses; return the groups as they are then, and their tickets."""
        waiting: dict[str, list[Turn]] = {}
        for turn in turns:
            waiting.setdefault(turn.group, []).append(turn)
        settled: dict[str, Group] = {}
        tickets: dict[str, Document[Ticket]] = {}
        for _ in range(CONFLICTS_MAX):
            if not waiting:
                return settled, tickets
            groups = await self.load(waiting)
            tickets |= await self._following.tickets(groups.values())
            lost = await self._round(waiting, groups, tickets, settled, waits)
            waiting = {key: waiting[key] for key in lost}
        message = f"{len(waiting)} alert keys changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _round(
        self,
        waiting: Mapping[str, Sequence[Turn]],
        groups: Mapping[str, Group],
        tickets: Mapping[str, Document[Ticket]],
        settled: dict[str, Group],
        waits: dict[str, Outcome],
    ) -> list[str]:
        """Decide once; return the keys that lost to another writer."""
        closed = {i for i, d in tickets.items() if d.state is not None and d.state.closed}
        writes: dict[str, Write[AlertGroup]] = {}
        for key, turns in waiting.items():
            group = groups.get(key) or Document(id=key, tenant=turns[0].tenant)
            try:
                write = self._planned(group, turns, closed, parent=None)
            except Waits as reason:
                waits[key] = Outcome(waits=str(reason))
                continue
            if write is not None:
                writes[key] = write
            elif group.state is not None:
                settled[key] = group
        for key, parent in (await self._storms(writes, waiting)).items():
            group = groups.get(key) or Document(id=key, tenant=waiting[key][0].tenant)
            held = self._planned(group, waiting[key], closed, parent=parent)
            if held is not None:
                writes[key] = held
        if not writes:
            return []
        await self._rows.add_words(_begun(writes, waiting))
        lost = await self._committer.store.commit(list(writes.values()))
        won = [w for key, w in writes.items() if key not in lost]
        await self._committer.relay.submit(won)
        settled.update({w.after.id: w.after for w in won})
        return list(lost)

    def _planned(
        self, group: Group, turns: Sequence[Turn], closed: set[str], *, parent: str | None
    ) -> Write[AlertGroup] | None:
        """Return the write of a group's turns; None where they are no news.

        Raises:
            Waits: too many of its events wait for the broker.
        """
        steps = [self._step(turn, closed, parent=parent) for turn in turns]
        version = self._committer.configversion(group.tenant)
        try:
            decided = plan(ALERT_GROUP, group, steps, now=self._clock.now(), configversion=version)
        except OutboxFull as error:
            raise Waits(str(error)) from error
        if decided.left:
            raise Waits(f"{group.id}: too many events wait for the broker")
        return decided.write

    def _step(self, turn: Turn, closed: set[str], *, parent: str | None) -> Step:
        def decide(state: AlertGroup | None) -> Sequence[GroupEvent]:
            return turn.decide(state, self._context(turn, state, closed, parent=parent))

        return Step(decide=decide, at=turn.at, correlationid=turn.trace)

    def _context(
        self, turn: Turn, state: AlertGroup | None, closed: set[str], *, parent: str | None
    ) -> Context:
        configuration = self._configurations.current(turn.tenant)
        now = max(turn.at, state.changed_at) if state else turn.at
        policy = self._policy(turn)
        if state is not None and state.current is not None and state.current.scope == STORM:
            # What it collects expires by itself.
            policy = policy.model_copy(update={"expire": None})
        return Context(
            tenant=turn.tenant,
            group=turn.group,
            integration=turn.integration,
            now=now,
            policy=policy,
            windows=configuration.intake.maintenance,
            closed=closed,
            parent=parent,
        )

    def _policy(self, turn: Turn) -> AlertPolicy:
        """Return the integration's policy; the default where it is not configured any more."""
        try:
            return self._configurations.current(turn.tenant).integration(turn.integration).alerts
        except UnknownName:
            return AlertPolicy()

    async def _storms(
        self,
        writes: Mapping[str, Write[AlertGroup]],
        waiting: Mapping[str, Sequence[Turn]],
    ) -> dict[str, str]:
        """Return, by alert key, the group that collects the storm in which it would open."""
        opening: dict[str, Outbreak] = {}
        limits: dict[str, tuple[int, timedelta]] = {}
        for key, write in writes.items():
            episode, turn = _opened(write), waiting[key][-1]
            storm = self._policy(turn).storm
            if episode is None or episode.scope in {"", STORM} or storm is None:
                continue
            opening[key] = Outbreak(episode.scope, key, episode.number, turn.at)
            limits[episode.scope] = (storm.groups, timedelta(seconds=storm.within))
        if not opening:
            return {}
        await self._rows.add_outbreaks(list(opening.values()))
        last: dict[str, datetime] = {}
        for outbreak in opening.values():
            last[outbreak.scope] = max(outbreak.at, last.get(outbreak.scope, outbreak.at))
        began = await self._begun_storms(last, limits)
        return {
            key: alert_key(
                tenant=waiting[key][0].tenant,
                integration=waiting[key][0].integration,
                key=f"{STORM}:{outbreak.scope}:{rfc3339(began[outbreak.scope])}",
            )
            for key, outbreak in opening.items()
            if outbreak.scope in began
        }

    async def _begun_storms(
        self, last: Mapping[str, datetime], limits: Mapping[str, tuple[int, timedelta]]
    ) -> dict[str, datetime]:
        """Return, by scope, when the storm began that goes on or begins now."""
        began: dict[str, datetime] = {}
        for now in sorted(set(last.values())):
            scopes = [scope for scope, at in last.items() if at == now]
            began |= await self._rows.storms(scopes, now=now)
        await self._rows.prolong_storms({s: last[s] + limits[s][1] for s in began})
        calm = {s: at - limits[s][1] for s, at in last.items() if s not in began}
        for scope, count in (await self._rows.outbreak_counts(calm)).items():
            groups, within = limits[scope]
            if count > groups:
                now = last[scope]
                began[scope] = await self._rows.begin_storm(scope, now=now, until=now + within)
        return began

    def _parent(self, group: Group) -> tuple[Group, Episode] | None:
        current = group.state.current if group.state else None
        return (group, current) if current is not None and current.parent else None

    async def _collect(
        self, children: Sequence[tuple[Group, Episode]], waits: dict[str, Outcome]
    ) -> tuple[dict[str, Group], dict[str, Document[Ticket]]]:
        """Tell the groups that collect storms of what is in them."""
        by_parent: dict[str, list[tuple[Group, Episode]]] = {}
        for group, episode in children:
            by_parent.setdefault(episode.parent or "", []).append((group, episode))
        first = [members[0][1].words for members in by_parent.values()]
        words = await self._rows.words(first)
        turns = [
            _collecting(parent, members, words.get(members[0][1].words))
            for parent, members in by_parent.items()
        ]
        alerts = [
            AlertOccurrence(turn.group, a.fingerprint, a.starts_at, str(a.status))
            for turn, told in turns
            for a in told
        ]
        await self._rows.add_occurrences(alerts, self._clock.now())
        return await self._decide([turn for turn, _ in turns], waits)


def _collecting(
    parent: str, children: Sequence[tuple[Group, Episode]], words: AlertWords | None
) -> tuple[Turn, list[ObservedAlert]]:
    """Return the turn of a group that collects a storm: each group in it is one of its alerts."""
    group, episode = children[0]
    told = [
        ObservedAlert(
            fingerprint=child.id[:FINGERPRINT_LENGTH],
            status=AlertStatus.FIRING
            if child.state and child.state.firing_of(of.number)
            else AlertStatus.RESOLVED,
            starts_at=of.began_at,
            configuration_item=of.facts.configuration_item,
            service=of.facts.service,
        )
        for child, of in children
    ]
    message = derived_id("message", STORM, parent)
    gravest = min((of for _, of in children), key=lambda of: of.priority)
    seen = Observation(
        alerts=told,
        facts=episode.facts.model_copy(update={"priority": gravest.priority}),
        message=message,
        scope=STORM,
        because=gravest.priority_because,
    )
    subject = shortened(
        f"Alert storm: {words.subject if words else ''}", characters_max=SUBJECT_MAX
    )
    turn = Turn(
        group=parent,
        tenant=group.tenant,
        integration=group.state.integration if group.state else "",
        at=max(c.state.changed_at for c, _ in children if c.state),
        decide=lambda state, context: decide_observed(state, seen, context),
        words=AlertWords(
            id=message, tenant=group.tenant, subject=subject, text=words.text if words else ""
        ),
    )
    return turn, told


def _opened(write: Write[AlertGroup]) -> Episode | None:
    """Return the episode for which a write opens an incident."""
    opens = any(isinstance(e.body, IncidentOpened) for e in write.bodies)
    return write.after.state.current if opens and write.after.state else None


def _begun(
    writes: Mapping[str, Write[AlertGroup]], waiting: Mapping[str, Sequence[Turn]]
) -> list[AlertWords]:
    """Return the words with which episodes begin."""
    begun = {
        event.body.words
        for write in writes.values()
        for event in write.bodies
        if isinstance(event.body, EpisodeBegan)
    }
    turns = (turn for key in writes for turn in waiting[key])
    return [t.words for t in turns if t.words is not None and t.words.id in begun]
