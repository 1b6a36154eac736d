"""Keeping: the bytes of what is handed in, its files and the original."""

from __future__ import annotations

from services.intake.domain.files import FileRef, file_limits, reference_of, require_fitting
from services.intake.domain.normal import NormalForm, Request
from services.intake.doors import Raw, Read
from services.intake.handlers.callers import Caller
from services.intake.ports import FileStore, Original
from shared.organisation import Configuration

ORIGINAL_INLINE_BYTES_MAX = 256 * 1024
"""Of all copies of an original: what is larger is a file, which the receipts of a call share."""


class Keeping:
    """Puts bytes into the store of files; equal ones are there once."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    async def original(self, tenant: str, original: Raw | None, *, copies: int) -> Original | None:
        """Return what is kept of a call as it came, with each of its receipts.

        What would be large becomes a file first.
        """
        if original is None:
            return None
        media_type = original.media_type
        if len(original.body) * copies <= ORIGINAL_INLINE_BYTES_MAX:
            return Original(media_type=media_type, raw=original.body)
        stored = await self._files.put(tenant=tenant, content=original.body)
        return Original(media_type=media_type, file=stored.id)

    async def files(
        self, read: Read[NormalForm], caller: Caller, configuration: Configuration
    ) -> tuple[FileRef, ...]:
        """Keep the files of a request, and return how they are called.

        Raises:
            CommandRejected: they are too many or too large.
        """
        if not isinstance(read.form, Request) or not read.form.files:
            return ()
        contents = [part.content for part in read.parts]
        limits = file_limits(configuration, caller.integration)
        require_fitting(read.form.files, sizes=[len(c) for c in contents], limits=limits)
        refs = []
        for file in read.form.files:
            if file.part is None:
                refs.append(reference_of(file, stored=None, by=caller.name))
                continue
            stored = await self._files.put(tenant=caller.tenant, content=contents[file.part])
            refs.append(reference_of(file, stored=stored))
        return tuple(refs)
