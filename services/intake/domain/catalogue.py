"""What the catalogue says of a request: which item is meant, its service, how critical it is."""

from __future__ import annotations

from shared.organisation import Configuration


def configuration_item(name: str | None, configuration: Configuration) -> str | None:
    """Return a configuration item by any of its names; an unknown name is kept as it is."""
    return None if name is None else configuration.item_names.get(name.lower(), name)


def service_of(item: str | None, configuration: Configuration) -> str | None:
    """Return the service that rests on a configuration item."""
    found = configuration.items_by_name.get(item or "")
    return found.service if found else None


def criticality_of(
    item: str | None, service: str | None, configuration: Configuration
) -> str | None:
    """Return how critical a configuration item is, or else the service; None: not known."""
    found = configuration.items_by_name.get(item or "")
    if found is not None and found.criticality is not None:
        return found.criticality
    name = service or (found.service if found else None)
    known = configuration.services_by_name.get(name or "")
    return known.criticality if known else None
