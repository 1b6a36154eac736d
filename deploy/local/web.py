"""The health probe of everything that answers HTTP."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_PROBE_SECONDS = 2.0
_OK = range(200, 300)


def answers_ok(url: str) -> bool:
    """Tell whether a GET of the http:// URL gets a 2xx answer within two seconds."""
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", target)
        return connection.getresponse().status in _OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
