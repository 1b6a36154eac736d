"""Files: their bytes, and how those are fetched that did not come with their message."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.intake.domain.fetches import Fetch
from services.intake.domain.files import FileRef, StoredFile
from shared.kernel import HeliodeskError


class FileStore(Protocol):
    """The bytes of files. Every method may raise `Infrastructure`."""

    async def put(self, *, tenant: str, content: bytes) -> StoredFile:
        """Keep bytes durably; equal bytes of one tenant are kept once."""
        ...

    async def read(self, *, tenant: str, file: str) -> bytes | None:
        """Return the bytes of a file; None where this tenant has none of that id."""
        ...

    async def references(self, *, tenant: str, files: Collection[str]) -> Mapping[str, FileRef]:
        """Return how files of this tenant's are called, by id; those that nobody names are not."""
        ...

    async def collect(self, *, before: datetime, limit: int) -> bool:
        """Delete what was last put before an instant and nobody refers to.

        Looks at ``limit`` files at most; returns whether there may be more.
        """
        ...


class FetchStore(Protocol):
    """Files that still have to be fetched. Every method may raise `Infrastructure`."""

    async def due_fetches(self, *, now: datetime, limit: int) -> list[Fetch]:
        """Return messages whose files are to be fetched, the most pressing first."""
        ...

    async def put_off_fetch(self, fetch: Fetch, *, until: datetime) -> None:
        """Try a message's files again later, and count the attempt."""
        ...

    async def settle_file(self, fetch: Fetch, *, position: int, url: str, file: FileRef) -> None:
        """Put a file, or why there is none, in the place of one that is still at that URL."""
        ...

    async def end_fetch(self, fetch: Fetch) -> None:
        """Forget a message of which every file is there or given up."""
        ...


class NotFetchable(HeliodeskError):
    """A file cannot be fetched, however often it is tried; the reason is for agents to read."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a host answered."""

    content: bytes
    media_type: str


class Fetcher(Protocol):
    """Gets what lies with others."""

    async def get(
        self,
        url: str,
        *,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        hosts: Sequence[str],
        bytes_max: int,
    ) -> Fetched:
        """Make one call to one of the hosts, and to no other machine.

        Raises:
            NotFetchable: it is refused, too large, or not of one of the hosts.
            Infrastructure: it did not work now.
        """
        ...
