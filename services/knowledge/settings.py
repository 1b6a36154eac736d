"""Settings of knowledge, from ``KNOWLEDGE_…`` and the ``HELIODESK_…`` that all services share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class KnowledgeSettings(ServiceSettings):
    """Where intake is, and how sure a suggestion must be."""

    model_config = SettingsConfigDict(
        env_prefix="KNOWLEDGE_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18106
    metrics_port: int = 19106
    intake_url: str = "http://127.0.0.1:18101"
    suggestion_score_min: Annotated[float, Field(ge=0)] = 3.5
    """In units of one rare word found in an article's text; one in the title counts three. Below
    this, words that happen to be in both texts suggest articles about something else."""
