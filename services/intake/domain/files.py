"""Files: what is known of one, beside its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.normal import File
from shared.contracts.facts import Id
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Integration


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that are kept."""

    id: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What one request may bring."""

    file_bytes_max: int
    request_bytes_max: int
    files_max: int


class FileRef(BaseModel):
    """A file of a message. Its bytes are in the store under ``id``.

    ``id`` is None where they still have to be fetched from ``url``.
    """

    model_config = ConfigDict(frozen=True)

    id: Id | None = None
    name: Annotated[str, Field(max_length=255)]
    media_type: Annotated[str, Field(max_length=127)] = "application/octet-stream"
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(max_length=64)] | None = None
    content_id: Annotated[str, Field(max_length=998)] | None = None
    url: Annotated[str, Field(max_length=2_000)] | None = None
    by: Annotated[str, Field(max_length=80)] | None = None
    """The integration with whose secrets it is fetched, until it is."""
    failed: Annotated[str, Field(max_length=200)] = ""
    """Why it could not be fetched, once that is given up."""


def file_limits(configuration: Configuration, integration: Integration | None) -> FileLimits:
    """Return the limits of a caller: its own, else the organisation's."""
    policy = configuration.intake.files
    own = integration.limits if integration else None
    return FileLimits(
        file_bytes_max=(own and own.file_bytes_max) or policy.file_bytes_max,
        request_bytes_max=(own and own.request_bytes_max) or policy.request_bytes_max,
        files_max=policy.files_max,
    )


def require_fitting(files: Sequence[File], *, sizes: Sequence[int], limits: FileLimits) -> None:
    """Refuse files that are too many or too large.

    Args:
        files: of one request.
        sizes: in bytes, of the parts that came with it.
        limits: of the caller.

    Raises:
        CommandRejected: 413, with the file's name.
    """
    if len(files) > limits.files_max:
        _too_large(f"{len(files)} files, and at most {limits.files_max} are taken")
    for file in files:
        size = sizes[file.part] if file.part is not None else (file.size or 0)
        if size > limits.file_bytes_max:
            _too_large(f"{file.name}: {size} bytes, and at most {limits.file_bytes_max} are taken")
    if sum(sizes) > limits.request_bytes_max:
        _too_large(f"{sum(sizes)} bytes in all, and at most {limits.request_bytes_max} are taken")


def _too_large(reason: str) -> None:
    raise CommandRejected("too-large", reason, field="files", status=413)


def reference_of(file: File, *, stored: StoredFile | None, by: str | None = None) -> FileRef:
    """Return the reference under which a message has a file.

    Args:
        file: as the door read it.
        stored: its bytes; None where they have to be fetched, or were left out.
        by: the integration that fetches it.
    """
    return FileRef(
        id=stored.id if stored else None,
        name=file.name,
        media_type=file.media_type,
        size=stored.size if stored else file.size,
        sha256=stored.sha256 if stored else None,
        content_id=file.content_id,
        url=file.url,
        by=by if file.url else None,
        failed=file.missing,
    )
