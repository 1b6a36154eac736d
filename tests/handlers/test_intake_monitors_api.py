"""What agents read of monitors: groups with their alerts, windows to come, heartbeats."""

from __future__ import annotations

from services.intake.api.monitors import monitor_router
from shared.organisation.intake import Maintenance
from tests.support.alerting import AlertDesk, configured
from tests.support.callers import Callers

NIGHT = Maintenance.model_validate(
    {
        "name": "night",
        "title": "Night",
        "starts": "2026-03-02T09:30",
        "duration": "2h",
        "time_zone": "Etc/UTC",
        "recurs": "FREQ=DAILY",
        "services": ["network"],
        "change": "CHG-7",
    }
)


def served(desk: AlertDesk) -> Callers:
    """Return the routes over a desk."""
    return Callers(monitor_router(desk.monitors), clock=desk.clock)


async def test_a_group_is_shown_with_its_episodes_and_alerts() -> None:
    """What fires, since when, which ticket, how many occurrences; another tenant sees nothing."""
    desk = AlertDesk()
    receipt = await desk.deliver(("a", 0, "firing"), ("b", 0, "firing"))
    await desk.deliver(("a", 1, "acknowledged"), ("b", 0, "resolved"))
    callers = served(desk)
    (key,) = desk.groups()
    shown = (await callers.call("GET", f"/v1/alert-groups/{key}", by="h-clarke")).json()
    assert (shown["firing"], shown["occurrences"]) == (1, 4)
    assert [e["ticket"] for e in shown["episodes"]] == [receipt.ticket]
    assert [(a["fingerprint"], a["status"]) for a in shown["alerts"]] == [
        ("a", "acknowledged"),
        ("b", "resolved"),
    ]
    for name, path in (("stranger", key), ("h-clarke", "nothing")):
        assert (await callers.call("GET", f"/v1/alert-groups/{path}", by=name)).status_code == 404
    assert (await callers.call("GET", "/v1/alert-groups", by="stranger")).json() == []


async def test_groups_are_listed_by_whether_they_fire() -> None:
    """All, those that fire, those that do not; a limit that is none is refused."""
    desk = AlertDesk()
    await desk.deliver(("a", 0, "firing"), key="x")
    await desk.deliver(("a", 0, "resolved"), key="y")
    callers = served(desk)
    counts = {}
    for query in ("", "?firing=true", "?firing=false", "?limit=1"):
        counts[query] = len(
            (await callers.call("GET", f"/v1/alert-groups{query}", by="h-clarke")).json()
        )
    assert counts == {"": 2, "?firing=true": 1, "?firing=false": 1, "?limit=1": 1}
    refused = await callers.call("GET", "/v1/alert-groups?limit=0", by="h-clarke")
    assert refused.status_code == 422


async def test_windows_and_heartbeats_are_listed() -> None:
    """Those of the next days, with their change; a heartbeat with when it is missed."""
    desk = AlertDesk(configured(windows=[NIGHT]))
    await desk.beat("prometheus", every=60)
    callers = served(desk)
    windows = (await callers.call("GET", "/v1/maintenance?days=2", by="h-clarke")).json()
    assert [(w["starts_at"], w["change"]) for w in windows] == [
        ("2026-03-02T09:30:00Z", "CHG-7"),
        ("2026-03-03T09:30:00Z", "CHG-7"),
    ]
    (beat,) = (await callers.call("GET", "/v1/heartbeats", by="h-clarke")).json()
    assert (beat["name"], beat["due_at"]) == ("prometheus", "2026-03-02T09:01:00Z")
    assert (await callers.call("GET", "/v1/heartbeats", by="mail-demo")).status_code == 403
