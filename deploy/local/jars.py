"""The jars of Kafka: which ones, locked by checksum, and kept verified in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from deploy.local.errors import ChecksumError
from deploy.local.paths import file_lock
from deploy.local.progress import ProgressCallback

LOCK_PATH = Path(__file__).with_name("kafka.lock.json")
_STAMP = "verified.sha256"


class LockedJar(BaseModel):
    """One jar: its Maven coordinate (group:artifact:version), size in bytes and SHA-256."""

    model_config = ConfigDict(frozen=True)

    coordinate: str
    bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Return the name that Maven repositories give the file."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


class JarLock(BaseModel):
    """The lock file: one Kafka version and every jar on its class path."""

    model_config = ConfigDict(frozen=True)

    kafka: str
    jars: tuple[LockedJar, ...]

    @property
    def bytes(self) -> int:
        """Return the size of all jars together."""
        return sum(jar.bytes for jar in self.jars)

    @property
    def digest(self) -> str:
        """Return a hash of the whole lock, which the stamp of verified jars repeats."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


JarDownloader = Callable[[JarLock, Path, ProgressCallback], None]


def read_lock(path: Path = LOCK_PATH) -> JarLock:
    """Read the lock file of the repository."""
    return JarLock.model_validate_json(path.read_bytes())


def jars_dir(lock: JarLock, cache: Path) -> Path:
    """Return the folder of the cache for the locked version."""
    return cache / f"kafka-{lock.kafka}"


def is_verified(lock: JarLock, directory: Path) -> bool:
    """Tell, in about a millisecond, whether these jars were verified before and are all there."""
    try:
        if (directory / _STAMP).read_text() != lock.digest:
            return False
        return all((directory / j.file_name).stat().st_size == j.bytes for j in lock.jars)
    except FileNotFoundError:
        return False


def check_jar(jar: LockedJar, directory: Path) -> None:
    """Raise ChecksumError, which names the jar, unless the file is the locked one."""
    path = directory / jar.file_name
    with path.open("rb") as handle:
        actual = hashlib.file_digest(handle, "sha256").hexdigest()
    if actual != jar.sha256:
        message = (
            f"{jar.coordinate} in {path} is not the jar of the lock file "
            f"(SHA-256 {actual}, expected {jar.sha256}). Delete it and start again; "
            "if that repeats, the repository or proxy that it came from serves another file."
        )
        raise ChecksumError(message)


def ensure_jars(
    lock: JarLock, *, cache: Path, download: JarDownloader, progress: ProgressCallback
) -> Path:
    """Return the folder that holds exactly the locked jars, downloading what is missing.

    Every jar is checked once; a stamp then lets later starts skip that. Raises DownloadError
    or ChecksumError; a jar that fails its check is not left on the class path.
    """
    directory = jars_dir(lock, cache)
    if is_verified(lock, directory):
        return directory
    with file_lock(cache / f"{directory.name}.lock"):
        if is_verified(lock, directory):
            return directory
        directory.mkdir(parents=True, exist_ok=True)
        # The class path is the whole folder, so a jar of an older lock must not stay in it.
        wanted = {jar.file_name for jar in lock.jars}
        for path in directory.glob("*.jar"):
            if path.name not in wanted:
                path.unlink()
        download(lock, directory, progress)
        for jar in lock.jars:
            check_jar(jar, directory)
        (directory / _STAMP).write_text(lock.digest)
    return directory
