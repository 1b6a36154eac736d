"""What every test can rely on: no sockets unless a test asks for them, and the shared fixtures."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.stack"]

# How fast the machine is says nothing of the code: no example fails for its time.
settings.register_profile("heliodesk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("heliodesk")

NEEDS_SOCKETS = ("adapters", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow sockets where the level is about real things; elsewhere pytest-socket blocks them."""
    for item in items:
        if item.path.parent.name in NEEDS_SOCKETS:
            item.add_marker(pytest.mark.enable_socket)
