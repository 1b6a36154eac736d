"""Fields and files of a web page's form, in either of its encodings.

Sources: WHATWG HTML, "application/x-www-form-urlencoded"; RFC 7578, "multipart/form-data".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.intake.domain.normal import FILES_MAX, File
from services.intake.domain.text import clean_line, shortened
from services.intake.doors.shape import (
    Fault,
    Fault4xx,
    Part,
    Raw,
    Refused,
    require_media_type,
)

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORM_FIELDS_MAX = 50
NAME_SHOWN_MAX = 80
FILE_NAME_MAX = 255
MEDIA_TYPE_MAX = 127
BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form, under the name of its field."""

    field: str
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form: each field once, and files in their order."""

    fields: dict[str, str]
    files: tuple[FormFile, ...] = ()

    def attached(self) -> tuple[tuple[File, ...], tuple[Part, ...]]:
        """Return the files in their normal form, and their bytes."""
        files = tuple(
            File(name=f.name, media_type=f.media_type, size=len(f.content), part=n)
            for n, f in enumerate(self.files)
        )
        return files, tuple(Part(f.content) for f in self.files)


def read_form(raw: Raw) -> Form:
    """Read a form of either encoding.

    A file field in which nobody chose a file comes without name and bytes: it is passed over.

    Raises:
        Refused: 415, 400 where it is no form, 422 where a field is there twice.
    """
    require_media_type(raw, (URLENCODED, MULTIPART))
    if raw.media_type == URLENCODED:
        pairs, files = pairs_of(raw.body), list[FormFile]()
    else:
        pairs, files = _multipart(raw)
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            fault = Fault(name[:NAME_SHOWN_MAX], "the field is there twice")
            raise Refused(Fault4xx.INVALID, [fault])
        fields[name] = value
    return Form(fields=fields, files=tuple(files))


def pairs_of(body: bytes, *, fields_max: int = FORM_FIELDS_MAX) -> list[tuple[str, str]]:
    """Return the fields of a urlencoded form, also where a name is there several times.

    Raises:
        Refused: 400 where it is none.
    """
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=fields_max,
        )
    except ValueError as error:
        # A UnicodeDecodeError is one as well; its text would quote the body.
        raise _malformed("not a urlencoded form in UTF-8") from error


def _malformed(reason: str, *, at: str = "") -> Refused:
    return Refused(Fault4xx.MALFORMED, [Fault(at, reason)])


@dataclass(slots=True)
class _Piece:
    """A part of a multipart body as it is read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)


class _Reader:
    """Collects the parts of a multipart body, all in memory: the body is bounded already."""

    def __init__(self, *, boundary: bytes) -> None:
        self.pieces: list[_Piece] = []
        self.complete = False
        self._name, self._value = bytearray(), bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_end": self._end,
            },
        )

    def read(self, body: bytes) -> None:
        """Read a whole body."""
        self._parser.write(body)
        self._parser.finalize()

    def _begin(self) -> None:
        if len(self.pieces) >= FORM_FIELDS_MAX + FILES_MAX:
            raise _malformed(f"more than {FORM_FIELDS_MAX} fields and {FILES_MAX} files")
        self.pieces.append(_Piece())

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.pieces[-1].content += data[start:end]

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self.pieces[-1].headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        self.complete = True


def _multipart(raw: Raw) -> tuple[list[tuple[str, str]], list[FormFile]]:
    header = raw.headers.get("content-type", "").encode("latin-1", "replace")
    boundary = parse_options_header(header)[1].get(b"boundary", b"")
    if not boundary:
        raise _malformed("not a multipart form: its boundary is missing")
    try:
        reader = _Reader(boundary=boundary)
        reader.read(raw.body)
    except (FormParserError, ValueError) as error:
        raise _malformed("not a multipart form") from error
    if not reader.complete:
        raise _malformed("not a multipart form: it ends early")
    pairs: list[tuple[str, str]] = []
    files: list[FormFile] = []
    for piece in reader.pieces:
        _sort_in(piece, pairs, files)
    if len(pairs) > FORM_FIELDS_MAX:
        raise _malformed(f"more than {FORM_FIELDS_MAX} fields")
    if len(files) > FILES_MAX:
        raise _malformed(f"more than {FILES_MAX} files")
    return pairs, files


def _sort_in(piece: _Piece, pairs: list[tuple[str, str]], files: list[FormFile]) -> None:
    """Add a part to the fields or to the files."""
    disposition = piece.headers.get(b"content-disposition", b"")
    options = parse_options_header(disposition)[1]
    name = _utf8(options.get(b"name", b""), at="")
    if not name:
        raise _malformed("a part of the form has no name")
    if b"filename" not in options:
        pairs.append((name, _utf8(bytes(piece.content), at=name)))
        return
    file_name = _utf8(options[b"filename"], at=name)
    if not file_name and not piece.content:
        return
    files.append(
        FormFile(
            field=name,
            name=_file_name(file_name),
            media_type=_media_type(piece.headers.get(b"content-type", b"")),
            content=bytes(piece.content),
        )
    )


def _utf8(value: bytes, *, at: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _malformed("not UTF-8", at=at[:NAME_SHOWN_MAX]) from error


def _file_name(written: str) -> str:
    """Return a file's own name: some browsers send the path that it had."""
    bare = written.replace("\\", "/").rpartition("/")[2]
    return shortened(clean_line(bare), characters_max=FILE_NAME_MAX) or "file"


def _media_type(header: bytes) -> str:
    kind = header.decode("ascii", "replace").partition(";")[0].strip().lower()
    main, slash, sub = kind.partition("/")
    whole = bool(main and slash and sub) and kind.isascii() and kind.isprintable()
    return kind if whole and " " not in kind and len(kind) <= MEDIA_TYPE_MAX else BINARY


def refuse_unexpected(files: Sequence[FormFile], *, expected: str) -> None:
    """Refuse files under other fields than the expected one.

    Raises:
        Refused: 422, with the field.
    """
    for file in files:
        if file.field != expected:
            reason = f"files are taken in the field {expected!r}"
            raise Refused(Fault4xx.INVALID, [Fault(file.field[:NAME_SHOWN_MAX], reason)])
