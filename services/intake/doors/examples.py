"""Examples of the doors: payloads with what becomes of them, beside each door's module.

``<group>/examples/<door>/<case>.<extension>`` is a payload. ``<case>.call.json`` has what comes
with it (headers, query, path, route, method, url, settings, secrets, sender, recipients,
received_at, now), and ``<case>.expected.json`` what becomes of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.intake.domain.normal import NormalForm
from services.intake.doors import DOORS, GROUPS, Door, Raw, Read, Setup

HERE = Path(__file__).parent
CALL, EXPECTED = ".call.json", ".expected.json"
CONTENT_TYPES = {
    ".json": "application/json",
    ".xml": "text/xml",
    ".txt": "text/plain",
    ".form": "application/x-www-form-urlencoded",
    ".csv": "text/csv",
    ".eml": "message/rfc822",
}
UNKNOWN_TYPE = "application/octet-stream"
RECEIVED = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """One payload, and what becomes of it."""

    door: Door
    case: str
    payload: bytes
    expected: dict[str, Any]
    call: dict[str, Any] = field(default_factory=dict)
    suffix: str = ".json"

    @property
    def raw(self) -> Raw:
        """The call, as the door gets it."""
        headers = {name.lower(): value for name, value in self.call.get("headers", {}).items()}
        headers.setdefault("content-type", CONTENT_TYPES.get(self.suffix, ""))
        first = next((entrance.path for entrance in self.door.entrances), "")
        return Raw(
            body=self.payload,
            headers=headers,
            sender=self.call.get("sender"),
            recipients=tuple(self.call.get("recipients", ())),
            method=self.call.get("method", "POST"),
            route=self.call.get("route", first),
            path=self.call.get("path", {}),
            query=self.call.get("query", {}),
            url=self.call.get("url", ""),
            received_at=_instant(self.call.get("received_at")) or RECEIVED,
        )

    @property
    def setup(self) -> Setup:
        """The integration's settings and secrets."""
        return Setup(
            settings=self.door.settings.model_validate(self.call.get("settings", {})),
            secrets=self.call.get("secrets", {}),
            name="example",
        )

    @property
    def now(self) -> datetime | None:
        """When the credentials are checked; None where they are not."""
        return _instant(self.call.get("now"))


def examples() -> Iterator[Example]:
    """Yield every example of every door."""
    for group in GROUPS:
        for folder in sorted((HERE / group / "examples").glob("*")):
            for expected in sorted(folder.glob(f"*{EXPECTED}")):
                yield _example(DOORS[folder.name], expected)


def _example(door: Door, expected: Path) -> Example:
    case = expected.name.removesuffix(EXPECTED)
    (payload,) = (
        path
        for path in expected.parent.glob(f"{case}.*")
        if path.name.removeprefix(case).count(".") == 1
    )
    call = expected.with_name(f"{case}{CALL}")
    return Example(
        door=door,
        case=case,
        payload=payload.read_bytes(),
        expected=json.loads(expected.read_text(encoding="utf-8")),
        call=json.loads(call.read_text(encoding="utf-8")) if call.exists() else {},
        suffix=payload.suffix,
    )


def read_as_json(read: Read[NormalForm]) -> dict[str, Any]:
    """Return a submission as JSON: what was not said is left out."""
    form = read.form.model_dump(mode="json", exclude_defaults=True)
    shown: dict[str, Any] = {"key": read.key, "form": {"form": read.form.form, **form}}
    if read.parts:
        shown["files"] = [len(part.content) for part in read.parts]
    return shown


def content_type_of(name: str) -> str:
    """Return the content type that a payload's file name tells."""
    return CONTENT_TYPES.get(Path(name).suffix, UNKNOWN_TYPE)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
