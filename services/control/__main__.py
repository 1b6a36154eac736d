"""Runs one process of control."""

from __future__ import annotations

from services.control.app import create_app
from services.control.settings import ControlSettings
from shared.service import serve


def main() -> None:
    """Read the settings and run until told to stop."""
    settings = ControlSettings.from_environment()
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
