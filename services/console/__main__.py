"""Run the console: ``python -m services.console``."""

from __future__ import annotations

from services.console.app import create_app
from services.console.settings import ConsoleSettings
from shared.service import serve


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = ConsoleSettings.from_environment()
    serve(create_app(settings), settings)


if __name__ == "__main__":
    main()
