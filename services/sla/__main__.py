"""Runs sla: ``python -m services.sla``."""

from __future__ import annotations

from services.sla.app import create_app
from services.sla.settings import SlaSettings
from shared.service import serve

if __name__ == "__main__":
    settings = SlaSettings.from_environment()
    serve(create_app(settings), settings)
