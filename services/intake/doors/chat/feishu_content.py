"""What a message of Feishu says: each type of message has a content of its own, as JSON.

Source: open.feishu.cn, "接收消息内容结构".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.intake.doors.chat.reading import Body, LongIdent, fit, place_text

LINES_MAX = 2_000
KINDS = frozenset({"text", "post", "image", "file", "audio", "media", "location"})
"""Types of messages whose content is read."""
Kind = Literal["image", "file"]
"""How the vendor calls a file when it is fetched."""


@dataclass(frozen=True, slots=True)
class Content:
    """Words, and files as (kind, key, name)."""

    text: str = ""
    files: Sequence[tuple[Kind, str, str]] = ()


class TextContent(Body):
    """Words, with placeholders for who is mentioned."""

    text: str


class ImageContent(Body):
    """One picture."""

    image_key: LongIdent


class FileContent(Body):
    """One file, recording or film."""

    file_key: LongIdent
    file_name: str | None = None


class PlaceContent(Body):
    """A place, in degrees."""

    name: str = ""
    latitude: float
    longitude: float


class Piece(Body):
    """A piece of a line of a post."""

    tag: str
    text: str = ""
    href: str = ""
    user_id: str = ""
    user_name: str = ""
    image_key: LongIdent | None = None
    file_key: LongIdent | None = None


class PostContent(Body):
    """A text with a title, of lines of pieces."""

    title: str = ""
    content: tuple[tuple[Piece, ...], ...] = ()


def content_of(message_type: str, written: Any, *, at: str) -> Content:
    """Return what a message of one of the `KINDS` says; ``at`` is its path, for the faults.

    Raises:
        Refused: 422.
    """
    match message_type:
        case "text":
            return Content(fit(TextContent, written, at=at).text)
        case "post":
            return _post(fit(PostContent, written, at=at))
        case "image":
            return Content(files=[("image", fit(ImageContent, written, at=at).image_key, "image")])
        case "file" | "audio" | "media":
            found = fit(FileContent, written, at=at)
            return Content(files=[("file", found.file_key, found.file_name or message_type)])
        case _:
            place = fit(PlaceContent, written, at=at)
            names = (place.name,)
            return Content(
                place_text(latitude=place.latitude, longitude=place.longitude, names=names)
            )


def _post(post: PostContent) -> Content:
    lines = ["".join(_words(line)) for line in post.content[:LINES_MAX]]
    files: list[tuple[Kind, str, str]] = []
    for piece in (piece for line in post.content for piece in line):
        if piece.tag == "img" and piece.image_key:
            files.append(("image", piece.image_key, "image"))
        elif piece.tag == "media" and piece.file_key:
            files.append(("file", piece.file_key, "media"))
    return Content("\n".join([*([post.title] if post.title else []), *lines]), files)


def _words(line: Sequence[Piece]) -> Iterable[str]:
    for piece in line:
        match piece.tag:
            case "a":
                yield f"{piece.text} ({piece.href})" if piece.text != piece.href else piece.href
            case "at":
                # The placeholder of a mention, which the message explains; else the name.
                yield piece.user_id if piece.user_id.startswith("@_") else f"@{piece.user_name}"
            case _:
                yield piece.text
