"""What knowledge consumes: one row per event, and what each one decides."""

from __future__ import annotations

from typing import Any

from services.knowledge.domain.suggestions import SUGGESTIONS, suggest
from services.knowledge.handlers import Suggesting
from shared.consumer import On
from shared.contracts.intake import RequestAccepted


def on_requests(suggesting: Suggesting) -> list[On]:
    """Return the rows of ``heliodesk.requests``."""

    def on_request_accepted(state: Any, event: Any, _now: Any) -> Any:
        return suggest(state, event, suggesting.found(event.tenant, event.body.message))

    return [On(RequestAccepted, SUGGESTIONS, on_request_accepted)]
