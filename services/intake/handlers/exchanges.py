"""What the settings of telephone exchanges say of a call."""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.domain.call_routing import Line, lines_of
from services.intake.doors import DOORS
from services.intake.doors.phone.settings import PhoneSettings
from shared.organisation import Configuration


def line_dialled(settings: Sequence[PhoneSettings], dialled: str) -> Line:
    """Return what a dialled number says of a call; nothing where no exchange has it."""
    for found in settings:
        lines = [(line.number, line.line()) for line in found.lines]
        line = lines_of(lines, dialled=dialled, country=found.country)
        if line is not None:
            return line
    return Line()


def is_exchange(configuration: Configuration, integration: str) -> bool:
    """Return whether an integration is a telephone exchange that is switched on."""
    return integration in _exchanges(configuration)


def phone_settings_of(
    configuration: Configuration, integration: str | None
) -> tuple[PhoneSettings, ...]:
    """Return the settings of one exchange, or of all where none of that name is one."""
    found = _exchanges(configuration)
    if integration is not None and integration in found:
        return (found[integration],)
    return tuple(found.values())


def _exchanges(configuration: Configuration) -> dict[str, PhoneSettings]:
    found: dict[str, PhoneSettings] = {}
    for item in configuration.integrations.integrations:
        door = DOORS.get(item.door)
        if door is None or not item.enabled or not issubclass(door.settings, PhoneSettings):
            continue
        try:
            settings = door.settings.model_validate(item.settings)
        except ValueError:
            continue  # One that does not fit its door says nothing.
        found[item.name] = settings
    return found
