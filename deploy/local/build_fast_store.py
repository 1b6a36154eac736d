"""Builds the Rust server of SecantusDB with cargo: about ten times faster, some minutes once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.errors import DownloadError, StackError
from deploy.local.paths import file_lock
from deploy.local.progress import Progress, ProgressCallback

CRATE = "secantus-mdb"
# Named, because every release is a pre-release: without it cargo takes the empty 0.0.0.
CRATE_VERSION = "0.5.3-beta.196"
_COMPONENT = "fast-store"
_REPORT_CRATES = 20
_OUTPUT_LINES_MAX = 20


def build_fast_store(*, cache: Path, progress: ProgressCallback) -> Path:
    """Build `secantusd-rs` into `<cache>/bin`, where the stack finds it, and return its path.

    Does nothing when that version is there. Raises StackError without cargo, DownloadError with
    cargo's last words when the build fails.
    """
    program = cache / "bin" / "secantusd-rs"
    with file_lock(cache / "fast-store.lock"):
        if program.exists() and CRATE_VERSION in _version(program):
            progress(Progress(_COMPONENT, f"{program} is there already"))
            return program
        cargo = shutil.which("cargo")
        if cargo is None:
            message = "Building the fast store needs cargo: install Rust (https://rustup.rs)."
            raise StackError(message)
        progress(Progress(_COMPONENT, f"building {CRATE} {CRATE_VERSION}: 5 to 10 minutes"))
        # It declares a newer compiler than it needs, hence --ignore-rust-version.
        flags = ("--ignore-rust-version", "--force", "--root", str(cache))
        _run((cargo, "install", CRATE, "--version", CRATE_VERSION, *flags), progress)
    return program


def _version(program: Path) -> str:
    done = subprocess.run(  # noqa: S603 -- the program that this module built.
        [str(program), "--version"], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout


def _run(command: tuple[str, ...], progress: ProgressCallback) -> None:
    last: list[str] = []
    compiled = 0
    with subprocess.Popen(  # noqa: S603 -- the user's own cargo.
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    ) as process:
        for raw in process.stdout or ():
            line = raw.strip()
            last = [*last, line][-_OUTPUT_LINES_MAX:]
            if line.startswith("Compiling"):
                compiled += 1
                if compiled % _REPORT_CRATES == 0:
                    progress(Progress(_COMPONENT, f"{compiled} crates: {line}"))
    if process.returncode != 0:
        said = "\n".join(last)
        message = f"cargo failed (exit code {process.returncode}):\n{said}"
        raise DownloadError(message)
