"""Files of messages: to be saved, never to be shown by this origin.

What came from outside may be a page or a script under any name. So a file is always an attachment
(RFC 6266), its content type is never guessed, and should a browser show it all the same, it is in
a sandbox.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Query, Response

from services.intake.domain.files import FileRef
from services.intake.ports import FileStore, Original
from shared.auth import Action, Actor
from shared.contracts.facts import Code
from shared.contracts.internal import FILES_PATH, FilesAnswer, FileView, IdsRequest
from shared.http import Problem, allowed

BINARY = "application/octet-stream"
DEFAULT_NAME = "file"
ID_MAX = 64
ORIGINAL_SUFFIXES = {"message/rfc822": ".eml", "application/json": ".json", "text/xml": ".xml"}

_MEDIA_TYPE = re.compile(r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\Z")
_ACTIVE = re.compile(r"html|svg|script|flash|java|multipart|[/+]xml\Z")
_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")


class Originals(Protocol):
    """What was handed in, byte for byte."""

    async def original(self, receipt: str, *, tenant: str) -> Original | None:
        """Return what was handed in for a receipt; None where nothing was kept."""
        ...


def files_router(files: FileStore, originals: Originals) -> APIRouter:
    """Return the routes of files, and those of what was handed in byte for byte."""
    router = APIRouter()
    read: Any = allowed(Action.READ)
    internal: Any = allowed(Action.INTERNAL)

    @router.get("/v1/files/{file}", tags=["tickets"], response_class=Response)
    async def save_file(file: str, actor: Actor = read) -> Response:
        """Return a file of a message, to be saved."""
        return await _answer(files, file, tenant=actor.tenant)

    @router.get("/v1/requests/{receipt}/original", tags=["tickets"], response_class=Response)
    async def save_original(receipt: str, actor: Actor = read) -> Response:
        """Return what was handed in for a receipt, byte for byte, to be saved."""
        found = None
        if len(receipt) <= ID_MAX:
            found = await originals.original(receipt, tenant=actor.tenant)
        if found is None:
            raise Problem(404, "not-found", f"there is no receipt {receipt[:80]!r}")
        content: bytes | None = found.raw
        if found.file is not None:
            content = await files.read(tenant=actor.tenant, file=found.file)
        if content is None:
            raise Problem(404, "not-found", "the original is not kept any more")
        suffix = ORIGINAL_SUFFIXES.get(found.media_type, ".bin")
        return _saved(content, name=f"original{suffix}", media_type=found.media_type)

    @router.get(f"{FILES_PATH}/{{file}}", tags=["internal"], response_class=Response)
    async def file_bytes(
        file: str, tenant: Annotated[Code, Query()], _actor: Actor = internal
    ) -> Response:
        """Return the bytes of a file."""
        return await _answer(files, file, tenant=tenant)

    @router.post(FILES_PATH, tags=["internal"])
    async def file_views(body: IdsRequest, _actor: Actor = internal) -> FilesAnswer:
        """Return what files are; ids that are not known are left out."""
        found = await files.references(tenant=body.tenant, files=body.ids)
        return FilesAnswer(files=tuple(_view(i, found[i]) for i in body.ids if i in found))

    return router


async def _answer(files: FileStore, file: str, *, tenant: str) -> Response:
    content = None
    if len(file) <= ID_MAX:
        content = await files.read(tenant=tenant, file=file)
    if content is None:
        raise Problem(404, "not-found", f"there is no file {file[:80]!r}")
    found = await files.references(tenant=tenant, files=[file])
    reference = found.get(file) or FileRef(name=DEFAULT_NAME)
    return _saved(content, name=reference.name, media_type=reference.media_type)


def _saved(content: bytes, *, name: str, media_type: str) -> Response:
    """Return bytes that a browser saves and never shows."""
    return Response(
        content,
        media_type=harmless(media_type),
        headers={
            "Content-Disposition": disposition(name),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        },
    )


def harmless(media_type: str) -> str:
    """Return a content type under which nothing is run; that of bytes where it might be."""
    lowered = media_type.lower()
    if not _MEDIA_TYPE.match(lowered) or _ACTIVE.search(lowered):
        return BINARY
    return lowered


def disposition(name: str) -> str:
    """Return ``Content-Disposition`` for a name: plain, and in full by RFC 8187."""
    whole = name.encode("utf-8", "replace").decode()
    plain = _PLAIN.sub("_", whole) or DEFAULT_NAME
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(whole, safe='')}"


def _view(identifier: str, reference: FileRef) -> FileView:
    return FileView(
        id=identifier,
        name=reference.name,
        media_type=reference.media_type,
        size=reference.size,
        sha256=reference.sha256,
        content_id=reference.content_id,
    )
