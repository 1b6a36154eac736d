"""Alertmanager's event recorder, read from its topic."""

from __future__ import annotations

from dataclasses import replace

from services.intake.doors.examples import HERE
from shared.contracts.topics import ALERTMANAGER
from shared.organisation import Integration, IntegrationsSection
from shared.streams import Record
from tests.support.intake import TENANT, Intake


async def test_the_event_recorder_is_read_from_its_topic() -> None:
    """A recorded notification of a group that is not known is a hint: kept, and opens nothing."""
    intake = Intake()
    known = intake.configurations.current(TENANT)
    recorder = Integration(name="recorder-demo", door="recorder")
    section = IntegrationsSection(integrations=(*known.integrations.integrations, recorder))
    intake.configurations.install(TENANT, replace(known, integrations=section))
    payload = (HERE / "monitoring" / "examples" / "recorder" / "notification.json").read_bytes()
    records = [
        Record(ALERTMANAGER.name, 0, 0, b"am-1", payload, ()),
        Record(
            ALERTMANAGER.name,
            0,
            1,
            b"am-1",
            (HERE / "monitoring" / "examples" / "recorder" / "startup.json").read_bytes(),
            (),
        ),
        Record(ALERTMANAGER.name, 0, 2, b"am-1", b"no JSON", ()),
    ]
    await intake.use_cases.recording.process(records)
    await intake.settle()
    assert [r.by for r in intake.store.all_receipts()] == ["recorder-demo"]
    assert not intake.tickets()
    dead = await intake.streams.rows(limit=10)
    assert [row.record.offset for row in dead] == [2]
