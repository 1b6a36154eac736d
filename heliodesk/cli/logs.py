"""`heliodesk logs`: what components and services wrote."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from heliodesk.cli.context import context_of
from heliodesk.errors import CliError

POLL_SECONDS: Final = 0.3
CHUNK_BYTES: Final = 1 << 16

app = typer.Typer()


@app.command()
def logs(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Components or services; all where none is named.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more comes.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many of the last lines of each.")
    ] = 20,
) -> None:
    """Print the last lines of the logs, and with -f what comes after them."""
    folder = context_of(ctx).home / "logs"
    files = _files(folder, names or [])
    prefixed = len(files) > 1
    followed = [_Followed(path, prefix=f"{path.stem}: " if prefixed else "") for path in files]
    for log in followed:
        log.show_last(lines)
    while follow:
        for log in followed:
            log.show_new()
        threading.Event().wait(POLL_SECONDS)


def _files(folder: Path, names: list[str]) -> list[Path]:
    known = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if not known:
        raise CliError(f"There are no logs in {folder}: nothing was started there yet.")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CliError(f"There is no log of {', '.join(unknown)}; there are {', '.join(known)}.")
    return [known[name] for name in names] if names else list(known.values())


@dataclass
class _Followed:
    """One log file, and how far it was shown."""

    path: Path
    prefix: str
    position: int = 0
    inode: int = 0

    def show_last(self, lines: int) -> None:
        with self.path.open("rb") as file:
            last = deque(file, maxlen=lines)
            self.position = file.tell()
            self.inode = os.fstat(file.fileno()).st_ino
        self._write(b"".join(last))

    def show_new(self) -> None:
        """Show what came since; a file that was put in the place of this one is read whole."""
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self.inode or found.st_size < self.position:
                    self.inode, self.position = found.st_ino, 0
                file.seek(self.position)
                content = file.read(CHUNK_BYTES)
        except FileNotFoundError:
            return
        # A line that is still being written is shown once it is whole.
        whole = content[: content.rfind(b"\n") + 1] if len(content) < CHUNK_BYTES else content
        self.position += len(whole)
        self._write(whole)

    def _write(self, content: bytes) -> None:
        for line in content.decode("utf-8", "replace").splitlines():
            sys.stdout.write(f"{self.prefix}{line}\n")
        if content:
            sys.stdout.flush()
