"""Pid files that survive their launcher and never name somebody else's process."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

# The system derives a start time from the time of boot, which may be corrected by a second.
_START_TOLERANCE_SECONDS = 2.0
# Every process of a component inherits this variable, so that children are found even when the
# process that started them is gone.
MARKER_VARIABLE = "HELIODESK_COMPONENT"


class PidRecord(BaseModel):
    """One process that a launcher started.

    `started_at` is in seconds since the epoch as the system tells it. `fingerprint` is a hash of
    the command and its environment. A process is the recorded one only if pid and start agree.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    address: str
    pid: int
    started_at: float
    fingerprint: str
    health_url: str | None = None


def read_record(path: Path) -> PidRecord | None:
    """Return the record of the file; a missing or unreadable file is no record."""
    try:
        return PidRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_record(path: Path, record: PidRecord) -> None:
    """Put the record in place in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(record.model_dump_json(indent=1))
    part.replace(path)


def find_process(record: PidRecord) -> psutil.Process | None:
    """Return the recorded process if it still runs; never another one that got its pid."""
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        apart_seconds = abs(process.create_time() - record.started_at)
    except psutil.Error:
        return None
    return process if apart_seconds <= _START_TOLERANCE_SECONDS else None


def find_marked(marker: str) -> list[psutil.Process]:
    """Return this user's running processes that carry the marker in their environment."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARKER_VARIABLE) == marker:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
