"""Where the stack keeps what it downloads, and how two launchers share that place."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """Return the per-user cache: `HELIODESK_CACHE`, else `heliodesk` under the XDG cache."""
    if override := os.environ.get("HELIODESK_CACHE"):
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "heliodesk"


@contextmanager
def file_lock(path: Path) -> Generator[None]:
    """Hold an exclusive lock on the file, waiting for it; the system drops it when we die.

    Two launchers that need the same download take turns, and the second one finds it done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
