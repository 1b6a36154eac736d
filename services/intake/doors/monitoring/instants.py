"""Instants as monitors write them: with zones and without, in seconds and in fractions of them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.kernel import instant

_ISO: TypeAdapter[datetime] = TypeAdapter(datetime)
_LENGTHS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From which number on an instant counts nanoseconds, microseconds, milliseconds."""


def instant_of(value: Any, *, zone: tzinfo = UTC) -> datetime | None:
    """Return an instant in milliseconds; None where the value is none.

    Args:
        value: a text of RFC 3339 or ISO 8601, or a number since 1970: seconds, or milliseconds,
            microseconds or nanoseconds where it is that large. A number may be a text.
        zone: of texts that name none.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        number = _number(value)
        return _iso(value.strip(), zone) if number is None else unix_instant(number)
    return unix_instant(value) if isinstance(value, int | float) else None


def unix_instant(number: float) -> datetime | None:
    """Return the instant of a number since 1970; None where it is none of the years 1 to 9999."""
    scale = next((scale for least, scale in _LENGTHS if abs(number) >= least), 1.0)
    try:
        return instant(datetime.fromtimestamp(number / scale, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _number(value: str) -> float | None:
    try:
        return float(value) if value.strip()[:1] in set("0123456789-+") else None
    except ValueError:
        return None


def _iso(value: str, zone: tzinfo) -> datetime | None:
    try:
        found = _ISO.validate_python(value)
        return instant(found if found.tzinfo else found.replace(tzinfo=zone))
    except (ValidationError, ValueError, OverflowError):
        return None


def zabbix_instant(date: str, time: str, *, zone: tzinfo) -> datetime | None:
    """Return the instant of Zabbix' two fields, ``2026.03.02`` and ``10:00:00``."""
    return _iso(f"{date.strip().replace('.', '-')}T{time.strip()}", zone)
