"""Monitors: what is muted, what storms and what beats is told of as it is to be, once each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from services.intake.domain.alert_groups import ALERT_GROUP, AlertGroup
from services.intake.handlers.groups import FINGERPRINT_LENGTH, STORM
from shared.contracts.monitors import OpeningAction
from tests.sim.desk_monitors import (
    CLOCK_ERROR,
    RETURNS,
    STOPS,
    group_of,
    heartbeat_key,
    now_of,
)
from tests.sim.desk_stage import WINDOW
from tests.sim.desk_told import Told

if TYPE_CHECKING:
    from tests.sim.world import World


def check_monitors(told: Told) -> Iterator[str]:
    """Yield what is wrong with what monitors told."""
    groups = {
        key: group
        for key in told.rows("intake", ALERT_GROUP.name)
        if (group := group_of(told.world, key)) is not None
        and not {e.ticket for e in group.episodes} & told.aside
    }
    for key, group in groups.items():
        yield from _check_told(key, group)
    yield from _check_muted(told, groups)
    yield from _check_storms(told, groups)
    yield from _check_heartbeats(groups)


def _check_told(key: str, group: AlertGroup) -> Iterator[str]:
    """What fires is muted no more after the window, and somebody is told of it."""
    current = group.current
    muted = [f for f, m in group.members.items() if m.fires and m.muted is not None]
    if muted:
        yield f"alert {key[:8]}: {muted} are muted after the window"
    if current is None or not group.firing_of(current.number):
        return
    told = current.opened_at is not None or current.parent is not None
    if current.action is not OpeningAction.RECORD and not told:
        yield f"alert {key[:8]}: fires, and nobody is told"


def _check_muted(told: Told, groups: dict[str, AlertGroup]) -> Iterator[str]:
    """What was over within the window never notifies; what was not opens after it."""
    for key, muted in told.stage.muted.items():
        group = groups.get(key)
        if group is None:
            continue
        opened = [e.opened_at for e in group.episodes if e.opened_at is not None]
        if muted.began and any(at < WINDOW[1] - CLOCK_ERROR for at in opened):
            yield f"{muted.fingerprint}: opened at {opened}, within the window"
        if muted.began and muted.over:
            tickets = {e.ticket for e in group.episodes}
            if opened or tickets & told.requests.keys() or tickets & told.notices.keys():
                yield f"{muted.fingerprint}: was over within the window, and notified"
        elif group.firing and not opened:
            yield f"{muted.fingerprint}: fires after the window, and has no incident"


def _check_storms(told: Told, groups: dict[str, AlertGroup]) -> Iterator[str]:
    """Each group of a storm is one alert of the group that collects it, and fires there as here."""
    children: dict[str, dict[str, bool]] = {}
    for key, group in groups.items():
        for episode in group.episodes:
            if episode.parent is not None:
                fires = bool(group.firing_of(episode.number))
                found = children.setdefault(episode.parent, {})
                name = key[:FINGERPRINT_LENGTH]
                found[name] = found.get(name, False) or fires
    for key, group in groups.items():
        if group.current is None or group.current.scope != STORM:
            continue
        counted = {f: m.fires for f, m in group.members.items()}
        if counted != children.get(key, {}):
            yield f"storm {key[:8]}: counts {counted}, {children.get(key)} are in it"
    for key in children.keys() - told.rows("intake", ALERT_GROUP.name).keys():
        yield f"storm {key[:8]}: collects, and is not there"


def _check_heartbeats(groups: dict[str, AlertGroup]) -> Iterator[str]:
    """A heartbeat that stopped has one incident, and that of one that came back is over."""
    for name, fires in ((STOPS, True), (RETURNS, False)):
        group = groups.get(heartbeat_key(name))
        if group is None:
            continue
        numbers = [e.number for e in group.episodes if e.opened_at is not None]
        if len(numbers) != 1 or bool(group.firing) is not fires:
            yield f"the heartbeat that {name}: incidents {numbers}, fires {group.firing}"


def unfinished_monitors(world: World, aside: Collection[str]) -> Iterator[str]:
    """Yield what monitors still wait for, parked tickets aside."""
    now = now_of(world)
    if now < WINDOW[1] + CLOCK_ERROR:
        yield "the maintenance window is open"
    for key, row in world.disks["intake"].collection(ALERT_GROUP.name).items():
        due_at = row["state"]["due_at"] if row["state"] else None
        if due_at is not None and due_at <= now and not _tickets(world, key) & set(aside):
            yield f"alert {key[:8]} is due"
    for name, fires in ((STOPS, True), (RETURNS, False)):
        key = heartbeat_key(name)
        group = group_of(world, key)
        as_it_is_to_be = group is not None and bool(group.firing) is fires
        if not as_it_is_to_be and not _tickets(world, key) & set(aside):
            yield f"the heartbeat that {name} is waited for"


def _tickets(world: World, key: str) -> set[str]:
    group = group_of(world, key)
    return {e.ticket for e in group.episodes} if group else set()
