"""What `heliodesk status` shows of a component, also from a process that did not start it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from deploy.local import external, kafka, store
from deploy.local.pidfile import PidRecord
from deploy.local.process import ProcessState, Supervisor
from deploy.local.web import answers_ok


class ComponentStatus(BaseModel):
    """One component or service: `healthy` is None when it does not run or cannot be asked."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    pid: int | None
    address: str
    state: ProcessState
    healthy: bool | None
    rss_bytes: int


def component_status(
    name: str, supervisor: Supervisor, external_address: str | None
) -> ComponentStatus:
    """Look at one component: its pid file, its process, and whether it answers."""
    if external_address is not None:
        return ComponentStatus(
            name=name,
            kind=external.describe(name),
            pid=None,
            address=external.shown(name, external_address),
            state=ProcessState.EXTERNAL,
            healthy=external.answers(name, external_address),
            rss_bytes=0,
        )
    record = supervisor.recorded(name)
    running = supervisor.running(name)
    return ComponentStatus(
        name=name,
        kind=record.kind if record else "",
        pid=running.pid if running else None,
        address=record.address if record else "",
        state=supervisor.state(name),
        healthy=_healthy(running) if running else None,
        rss_bytes=supervisor.rss_bytes(name),
    )


def _healthy(record: PidRecord) -> bool | None:
    if record.name in (kafka.NAME, store.NAME):
        return external.answers(record.name, record.address)
    return None if record.health_url is None else answers_ok(record.health_url)
