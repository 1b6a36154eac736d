"""Run intake: ``python -m services.intake``."""

from __future__ import annotations

from services.intake.app import create_app
from services.intake.settings import IntakeSettings
from shared.service import serve

if __name__ == "__main__":
    settings = IntakeSettings.from_environment()
    serve(create_app(settings), settings)
