"""The applied configuration, as each process knows it: read whole from control's topic.

A version counts as known when each section that it names has come. Versions are kept for ever,
so that a decision can be explained by the version with which it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.contracts.control import ConfigurationApplied, SectionStored
from shared.contracts.envelope import EnvelopeInvalid, ValidationError, decode
from shared.kernel import Infrastructure
from shared.organisation import Configuration
from shared.streams import Record

REQUIRE_SECONDS_MAX = 10.0
PARSED_VERSIONS_MAX = 50


class Configurations:
    """Versions by tenant. Fed by `process`; asked by everybody else.

    Invariant: `version` never decreases; a version's content never changes.
    """

    def __init__(self, *, require_seconds_max: float = REQUIRE_SECONDS_MAX) -> None:
        self._sections: dict[tuple[str, str], Any] = {}
        self._manifests: dict[tuple[str, int], dict[str, str]] = {}
        self._waiting: dict[str, list[int]] = {}
        self._known: dict[str, int] = {}
        self._applied_at: dict[tuple[str, int], datetime] = {}
        self._parsed: dict[tuple[str, int], Configuration] = {}
        self._changed = asyncio.Condition()
        self._listeners: list[Callable[[str], None]] = []
        self._require_seconds_max = require_seconds_max

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call ``listener(tenant)`` after each new version; it must not block."""
        self._listeners.append(listener)

    async def process(self, records: Sequence[Record]) -> None:
        """Take in records of ``heliodesk.configuration``; what cannot be read is passed over."""
        for record in records:
            try:
                event = decode(record.headers, record.value)
                if event.type == SectionStored.type:
                    stored = event.with_body(SectionStored).body
                    self._sections[(event.tenant, stored.digest)] = stored.content
                elif event.type == ConfigurationApplied.type:
                    applied = event.with_body(ConfigurationApplied).body
                    self._manifests[(event.tenant, applied.version)] = applied.manifest
                    self._applied_at[(event.tenant, applied.version)] = event.time
                    self._waiting.setdefault(event.tenant, []).append(applied.version)
                else:
                    continue
            except (EnvelopeInvalid, ValidationError):
                continue
            await self._settle(event.tenant)

    async def _settle(self, tenant: str) -> None:
        """Make known what is complete, in the order of versions."""
        changed = False
        for version in sorted(self._waiting.get(tenant, ())):
            manifest = self._manifests[(tenant, version)]
            if any((tenant, digest) not in self._sections for digest in manifest.values()):
                break
            self._waiting[tenant].remove(version)
            if version > self._known.get(tenant, 0):
                self._known[tenant] = version
                changed = True
        if changed:
            async with self._changed:
                self._changed.notify_all()
            for listener in self._listeners:
                listener(tenant)

    def install(
        self,
        tenant: str,
        configuration: Configuration,
        *,
        version: int = 1,
        applied_at: datetime | None = None,
    ) -> None:
        """Make a configuration known directly, as tests and dry runs do."""
        self._parsed[(tenant, version)] = replace(configuration, version=version)
        if applied_at is not None:
            self._applied_at[(tenant, version)] = applied_at
        self._known[tenant] = max(version, self._known.get(tenant, 0))
        for listener in self._listeners:
            listener(tenant)

    def version(self, tenant: str) -> int:
        """Return the newest known version of a tenant; 0 where none is applied yet."""
        return self._known.get(tenant, 0)

    @property
    def tenants(self) -> list[str]:
        """Tenants that have a configuration."""
        return sorted(self._known)

    async def require(self, tenant: str, version: int) -> None:
        """Return when a version is known here.

        Raises:
            Infrastructure: it did not come in time.
        """
        if self.version(tenant) >= version:
            return
        try:
            async with asyncio.timeout(self._require_seconds_max), self._changed:
                await self._changed.wait_for(lambda: self.version(tenant) >= version)
        except TimeoutError as error:
            message = f"configuration {version} of {tenant} is not known here yet"
            raise Infrastructure(message) from error

    def at(self, tenant: str, version: int) -> Configuration:
        """Return the configuration of a version.

        Raises:
            Infrastructure: it is not known here.
        """
        found = self._parsed.get((tenant, version))
        if found is not None:
            return found
        manifest = self._manifests.get((tenant, version))
        if manifest is None:
            message = f"configuration {version} of {tenant} is not known here yet"
            raise Infrastructure(message)
        sections = {name: self._sections[(tenant, digest)] for name, digest in manifest.items()}
        parsed = replace(Configuration.from_sections(sections), version=version)
        while len(self._parsed) >= PARSED_VERSIONS_MAX:
            self._parsed.pop(next(iter(self._parsed)))
        self._parsed[(tenant, version)] = parsed
        return parsed

    def applied_at(self, tenant: str, version: int) -> datetime | None:
        """Return when a version came into force; None where that is not known here."""
        return self._applied_at.get((tenant, version))

    def current(self, tenant: str) -> Configuration:
        """Return the newest configuration of a tenant.

        Raises:
            Infrastructure: none is applied yet; work for this tenant waits.
        """
        version = self.version(tenant)
        if version == 0:
            message = f"no configuration is applied for {tenant} yet"
            raise Infrastructure(message)
        return self.at(tenant, version)
