"""Fills an archive from the topic: after the store was lost, or is an older backup."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from services.control.domain.configuration import evolve_versions
from services.control.ports import Archive
from shared.contracts.control import ConfigurationApplied, SectionStored
from shared.contracts.envelope import Event
from shared.contracts.topics import CONFIGURATION
from shared.organisation import canonical_json

Read = Callable[[], AsyncIterator[list[Event[bytes]]]]


class ArchiveRestore:
    """Keeps everything that the topic says, once in the life of a store.

    Args:
        archive: what is filled.
        read: yields all events of the topic.
        always: also where the archive was filled before, as from an older backup.
    """

    def __init__(self, archive: Archive, read: Read, *, always: bool) -> None:
        self._archive = archive
        self._read = read
        self._always = always

    async def run(self) -> None:
        """Fill the archive where that is due.

        Raises:
            Infrastructure: the store or the broker does not answer; run it again.
        """
        if not self._always and await self._archive.is_whole():
            return
        async for batch in self._read():
            for event in batch:
                if event.source == CONFIGURATION.source:
                    await self._keep(event)
        await self._archive.mark_whole()

    async def _keep(self, event: Event[bytes]) -> None:
        if event.type == SectionStored.type:
            stored = event.with_body(SectionStored).body
            contents = {stored.digest: canonical_json(stored.content)}
            await self._archive.put_contents(event.tenant, contents)
        elif event.type == ConfigurationApplied.type:
            version = evolve_versions(None, event.with_body(ConfigurationApplied))
            await self._archive.keep_versions(event.tenant, [version])
