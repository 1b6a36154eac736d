"""Public keys of vendors: fetched when a signature needs them, and kept for a while."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.intake.doors import Fetch, Raw, Setup, Signature, Unauthenticated
from services.intake.ports import PublicDocuments
from shared.clock import Clock
from shared.kernel import Infrastructure

KEPT = timedelta(hours=24)
"""Microsoft asks to look once a day; a certificate of SNS' lives for a year."""
FRESH_AGAIN = timedelta(minutes=5)
"""A caller with a made-up key must not make us fetch each time."""
DOCUMENTS_MAX = 200
STEPS_MAX = 5


@dataclass(frozen=True, slots=True)
class _Document:
    content: bytes
    at: datetime


class PublicKeys:
    """Completes the secrets of integrations whose vendors sign with public keys."""

    def __init__(self, *, documents: PublicDocuments, clock: Clock) -> None:
        self._from = documents
        self._clock = clock
        self._documents: dict[str, _Document] = {}
        self._fetching = asyncio.Lock()

    async def complete(self, signature: Signature, raw: Raw, setup: Setup) -> Setup:
        """Return the setup with what its door needs to check the signature of a call.

        Raises:
            Unauthenticated: the call says things that cannot be checked.
            Infrastructure: the vendor's keys cannot be had now.
        """
        if signature.public is None:
            return setup
        documents: dict[str, bytes] = {}
        for _ in range(STEPS_MAX):
            step = signature.public(raw, setup, documents)
            if not isinstance(step, Fetch):
                return replace(setup, secrets={**setup.secrets, **step})
            documents[step.url] = await self._document(step)
        message = "the key that it was signed with is not one of the vendor's"
        raise Unauthenticated(message)

    async def visit(self, url: str) -> None:
        """Call an address once, such as one that confirms a subscription; the vendor asks again."""
        with suppress(Infrastructure):
            await self._from.get(url)

    async def _document(self, step: Fetch) -> bytes:
        # Before the lock: what is at hand does not wait for what a stranger makes us fetch.
        kept = self._kept(step)
        if kept is not None:
            return kept
        async with self._fetching:
            kept = self._kept(step)
            if kept is not None:
                return kept
            content = await self._from.get(step.url)
            if len(self._documents) >= DOCUMENTS_MAX:
                self._documents.clear()
            self._documents[step.url] = _Document(content, self._clock.now())
            return content

    def _kept(self, step: Fetch) -> bytes | None:
        """Return a document that was fetched before; None where it is to be fetched again."""
        kept = self._documents.get(step.url)
        age = FRESH_AGAIN if step.fresh else KEPT
        young = kept is not None and self._clock.now() - kept.at < age
        return kept.content if kept is not None and young else None
