"""One launcher at a time per state directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import StackBusyError


def _lock_path(state_dir: Path) -> Path:
    return state_dir / "run" / "launcher.lock"


@contextmanager
def hold_state(state_dir: Path) -> Generator[None]:
    """Be the launcher of the state directory; raises StackBusyError when another one is.

    The system drops the lock when this process dies, however it dies.
    """
    path = _lock_path(state_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            message = (
                f"Another launcher (pid {handle.read().strip() or 'not known'}) runs the stack in "
                f"{state_dir}. Stop that one first."
            )
            raise StackBusyError(message) from error
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def find_launcher(state_dir: Path) -> int | None:
    """Return the pid of the launcher that holds the state directory, if one does."""
    try:
        with _lock_path(state_dir).open("r+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = handle.read().strip()
                return int(text) if text.isdecimal() else None
    except FileNotFoundError:
        return None
    return None
