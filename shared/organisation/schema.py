"""JSON Schemas of the sections, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.organisation.configuration import ROSTER_PREFIX, SECTION_MODELS
from shared.organisation.places import AgentsSection

if TYPE_CHECKING:
    from shared.organisation.words import Model


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return section to JSON Schema (2020-12); ``rosters/DESK`` stands for every roster.

    A schema knows the shape of one file. References between files, overlapping hours and
    conditions are what `parse_sections` checks.
    """
    models: dict[str, type[Model]] = dict(SECTION_MODELS)
    models[f"{ROSTER_PREFIX}DESK"] = AgentsSection
    return {
        section: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(mode="validation"),
        }
        for section, model in models.items()
    }
