"""Door ``icinga2``: what the notification commands for Icinga 2 post.

The commands and their script are in ``deploy/integrations/icinga2``.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.domain.normal import NormalForm
from services.intake.doors.monitoring.hosts import HostNotification, host_read
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, repaired
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a notification.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    told = read_json(repaired(raw), HostNotification)
    return host_read(told, raw, settings_of(setup, MonitorSettings))


DOOR = Door(
    name="icinga2",
    title="Icinga 2, by the notification commands in deploy/integrations/icinga2",
    parse=parse,
    channel=Channel.MONITORING,
    settings=MonitorSettings,
    entrances=(
        HttpEntrance(path="/v1/alerts/icinga2", media_types=(JSON,), model=HostNotification),
    ),
    source="https://icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics/#notifications",
)
