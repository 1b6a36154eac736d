"""What every test can rely on: no sockets unless a test asks for them, and the shared fixtures."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.support.stack"]

NEEDS_SOCKETS = ("adapters", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow sockets where the level is about real things, and block them everywhere else."""
    for item in items:
        level = item.path.parent.name
        wants = level in NEEDS_SOCKETS or item.get_closest_marker("enable_socket")
        item.add_marker(pytest.mark.enable_socket if wants else pytest.mark.disable_socket)
