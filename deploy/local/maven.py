"""Downloads jars, and makes the lock file, with jgo: a Maven resolver in pure Python.

Imported only when something has to be downloaded or locked, so that a normal start neither needs
jgo nor waits for its import. Repositories named in jgo's own configuration file come first, then
Maven Central; proxies are those of the environment.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext, PythonResolver

from deploy.local.errors import ChecksumError, DownloadError
from deploy.local.jars import JarLock, LockedJar, check_jar
from deploy.local.progress import Progress, ProgressCallback, silent

_PARALLEL_DOWNLOADS = 6
_TRIES = 3
_TIMEOUT_SECONDS = 30
_REPORT_BYTES = 4_000_000
# Jars wait here for their check, off the class path.
_ARRIVED = "arrived"
# Kafka speaks slf4j 1.7 and brings log4j 2; this binds the one to the other.
_LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl"


class _Meter:
    """Counts the bytes of all downloads together and reports every few megabytes."""

    def __init__(self, total: int, progress: ProgressCallback) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._reported = 0
        self._guard = threading.Lock()

    def add(self, count: int) -> None:
        with self._guard:
            self._done += count
            if self._done - self._reported < _REPORT_BYTES and self._done < self._total:
                return
            self._reported = self._done
            done = min(self._done, self._total)
        self._progress(Progress("kafka", "downloading", done, self._total))

    @contextmanager
    def track(self, file_name: str, size: int) -> Generator[Callable[[int], None]]:
        """Be the progress hook that jgo's resolver calls for each file."""
        del file_name, size
        yield self.add


def download_jars(lock: JarLock, directory: Path, progress: ProgressCallback = silent) -> None:
    """Download the locked jars that the folder does not hold yet, several at a time.

    Raises DownloadError when a jar cannot be had, ChecksumError when it is not the locked one.
    """
    missing = [jar for jar in lock.jars if not _is_there(jar, directory)]
    meter = _Meter(sum(jar.bytes for jar in missing), progress)
    repository = directory / "download"
    context = _context(repository, meter)
    progress(Progress("kafka", f"downloading {len(missing)} jars of Apache Kafka {lock.kafka}"))
    try:
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            jobs = [pool.submit(_download, jar, directory, context) for jar in missing]
            for job in jobs:
                job.result()
    except (OSError, RuntimeError) as error:
        message = (
            f"Apache Kafka {lock.kafka} could not be downloaded: {error}\n"
            "The first start needs a network that reaches Maven Central (set HTTPS_PROXY, or name "
            "a mirror under [repositories] in jgo's configuration). "
            "HELIODESK_KAFKA=host:port uses a running broker instead."
        )
        raise DownloadError(message) from error
    finally:
        shutil.rmtree(repository, ignore_errors=True)
        shutil.rmtree(directory / _ARRIVED, ignore_errors=True)


def resolve_lock(kafka_version: str) -> JarLock:
    """Resolve Kafka alone, then the log binding in the log4j version that Kafka brought.

    Resolved together as one composite coordinate, the two mixed versions of Kafka's own jars.
    """
    with TemporaryDirectory() as repository:
        context = _context(Path(repository), None)
        coordinates = _resolve(context, f"org.apache.kafka:kafka_2.13:{kafka_version}")
        log4j = next(c for c in coordinates if c.startswith("org.apache.logging.log4j:log4j-core:"))
        version = log4j.rpartition(":")[2]
        for extra in _resolve(context, f"{_LOG_BINDING}:{version}"):
            artifact = extra.rpartition(":")[0]
            if not any(known.rpartition(":")[0] == artifact for known in coordinates):
                coordinates.append(extra)
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            jars = tuple(pool.map(lambda c: _lock_one(context, c), sorted(coordinates)))
    return JarLock(kafka=kafka_version, jars=jars)


def _context(repository: Path, meter: _Meter | None) -> MavenContext:
    settings = GlobalSettings.load()
    return MavenContext(
        resolver=PythonResolver(progress_callback=meter.track if meter else None),
        repo_cache=repository,
        local_repos=[],
        remote_repos={**settings.repositories, "central": MAVEN_CENTRAL_URL},
        timeout=_TIMEOUT_SECONDS,
    )


def _resolve(context: MavenContext, coordinate: str) -> list[str]:
    inputs, transitive = context.resolver.resolve([context.create_dependency(coordinate)])
    kept = [*inputs, *(dep for dep in transitive if dep.scope in ("compile", "runtime"))]
    return [f"{dep.groupId}:{dep.artifactId}:{dep.version}" for dep in kept]


def _lock_one(context: MavenContext, coordinate: str) -> LockedJar:
    content = context.create_dependency(coordinate).artifact.resolve().read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return LockedJar(coordinate=coordinate, bytes=len(content), sha256=digest)


def _is_there(jar: LockedJar, directory: Path) -> bool:
    try:
        check_jar(jar, directory)
    except FileNotFoundError:
        return False
    except ChecksumError:
        (directory / jar.file_name).unlink()
        return False
    return True


def _download(jar: LockedJar, directory: Path, context: MavenContext) -> None:
    artifact = context.create_dependency(jar.coordinate).artifact
    for attempt in range(1, _TRIES + 1):
        try:
            path = artifact.resolve()
            break
        except requests.RequestException:
            # jgo writes in place: what a broken connection left must not pass for the file.
            if artifact.cached_path:
                artifact.cached_path.unlink(missing_ok=True)
            if attempt == _TRIES:
                raise
    arrived = directory / _ARRIVED / jar.file_name
    arrived.parent.mkdir(exist_ok=True)
    path.replace(arrived)
    check_jar(jar, arrived.parent)
    arrived.replace(directory / jar.file_name)
