"""The lock of Kafka's jars, with small files in place of jars."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.errors import ChecksumError
from deploy.local.jars import JarLock, LockedJar, ensure_jars, is_verified, read_lock
from deploy.local.progress import ProgressCallback, silent

# The SHA-256 of b"alpha" and of b"beta", by `printf alpha | sha256sum`.
_ALPHA = "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
_BETA = "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"
_LOCK = JarLock(
    kafka="4.9.9",
    jars=(
        LockedJar(coordinate="org.a:alpha:1.0", bytes=5, sha256=_ALPHA),
        LockedJar(coordinate="org.b:beta:2.0", bytes=4, sha256=_BETA),
    ),
)


class _Shelf:
    """A repository that holds those contents, and counts how often it was asked."""

    def __init__(self, **contents: bytes) -> None:
        self.contents = contents
        self.asked = 0

    def download(self, lock: JarLock, directory: Path, progress: ProgressCallback) -> None:
        """Put every jar of the lock into the folder."""
        del progress
        self.asked += 1
        for jar in lock.jars:
            artifact = jar.coordinate.split(":")[1]
            (directory / jar.file_name).write_bytes(self.contents[artifact])


def _ensure(cache: Path, shelf: _Shelf, lock: JarLock = _LOCK) -> Path:
    return ensure_jars(lock, cache=cache, download=shelf.download, progress=silent)


def test_verified_jars_are_downloaded_once(tmp_path: Path) -> None:
    """A second start finds the jars verified and asks no repository."""
    shelf = _Shelf(alpha=b"alpha", beta=b"beta")
    folder = _ensure(tmp_path, shelf)
    assert folder == tmp_path / "kafka-4.9.9"
    assert sorted(path.name for path in folder.glob("*.jar")) == ["alpha-1.0.jar", "beta-2.0.jar"]
    assert _ensure(tmp_path, shelf) == folder
    assert shelf.asked == 1


def test_mismatch_names_the_jar(tmp_path: Path) -> None:
    """A jar with another content is an error with its coordinate, and nothing is verified."""
    shelf = _Shelf(alpha=b"alpha", beta=b"bent")
    with pytest.raises(ChecksumError, match=r"org\.b:beta:2\.0") as caught:
        _ensure(tmp_path, shelf)
    assert _BETA in str(caught.value)
    assert not is_verified(_LOCK, tmp_path / "kafka-4.9.9")


def test_truncated_jar_is_noticed_after_the_check(tmp_path: Path) -> None:
    """A jar that lost bytes after it was verified is not taken for whole."""
    folder = _ensure(tmp_path, _Shelf(alpha=b"alpha", beta=b"beta"))
    (folder / "beta-2.0.jar").write_bytes(b"bet")
    assert not is_verified(_LOCK, folder)


def test_changed_lock_is_verified_again_and_clears_old_jars(tmp_path: Path) -> None:
    """A lock with fewer jars does not trust the old stamp, and the dropped jar leaves the path."""
    folder = _ensure(tmp_path, _Shelf(alpha=b"alpha", beta=b"beta"))
    fewer = JarLock(kafka="4.9.9", jars=_LOCK.jars[:1])
    assert not is_verified(fewer, folder)
    _ensure(tmp_path, _Shelf(alpha=b"alpha"), fewer)
    assert [path.name for path in folder.glob("*.jar")] == ["alpha-1.0.jar"]


def test_lock_of_the_repository_is_one_kafka_4() -> None:
    """The lock file names one version of Kafka, each jar once, and a log binding."""
    lock = read_lock()
    coordinates = [jar.coordinate.split(":") for jar in lock.jars]
    assert lock.kafka.startswith("4.")
    assert {version for group, _, version in coordinates if group == "org.apache.kafka"} == {
        lock.kafka
    }
    artifacts = [artifact for _, artifact, _ in coordinates]
    assert len(set(artifacts)) == len(artifacts)
    assert {"kafka_2.13", "log4j-slf4j-impl", "log4j-core"} <= set(artifacts)
    assert len({version for group, _, version in coordinates if "log4j" in group}) == 1
