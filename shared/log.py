"""Structured logs: one JSON line per event handled, to the standard output."""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

import structlog

Log = structlog.typing.FilteringBoundLogger


def configure(*, service: str, level: str) -> Log:
    """Set up logging of this process and return its log.

    Args:
        service: a field of every line.
        level: DEBUG, INFO, WARNING or ERROR.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    # Libraries log in their own words; only what needs attention is passed on.
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stdout,
        format='{"library":"%(name)s","event":%(message)r}',
    )
    return cast("Log", structlog.get_logger(service=service))


def silent() -> Log:
    """Return a log that writes nothing, for tests."""

    def drop(_logger: Any, _name: str, _event: Any) -> Any:
        raise structlog.DropEvent

    return cast("Log", structlog.wrap_logger(None, processors=[drop]))
