"""Run knowledge: ``python -m services.knowledge``."""

from services.knowledge.app import create_app
from services.knowledge.settings import KnowledgeSettings
from shared.service import serve

if __name__ == "__main__":
    settings = KnowledgeSettings.from_environment()
    serve(create_app(settings), settings)
