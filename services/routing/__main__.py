"""Runs routing: ``python -m services.routing``."""

from __future__ import annotations

from services.routing.app import create_app
from services.routing.settings import RoutingSettings
from shared.service import serve

if __name__ == "__main__":
    settings = RoutingSettings.from_environment()
    serve(create_app(settings), settings)
