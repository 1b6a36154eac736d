"""Run notify: ``python -m services.notify``."""

from services.notify.app import create_app
from services.notify.settings import NotifySettings
from shared.service import serve

if __name__ == "__main__":
    settings = NotifySettings.from_environment()
    serve(create_app(settings), settings)
