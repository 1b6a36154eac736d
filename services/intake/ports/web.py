"""Documents of other hosts."""

from __future__ import annotations

from typing import Protocol


class PublicDocuments(Protocol):
    """What is public at addresses that were chosen with care, such as vendors' keys."""

    async def get(self, url: str) -> bytes:
        """Return what is at an address; raise `Infrastructure` where it cannot be had now."""
        ...
