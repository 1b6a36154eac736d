"""The store of the single machine: the best MongoDB-protocol server that can be had here.

In this order: a `mongod` on the PATH, `secantusd-rs` on the PATH or in the cache, the SecantusDB
wheel. All keep their files on disk and make every acknowledged write durable: SecantusDB loses
some at SIGKILL unless it syncs on commit; a mongod keeps them by `journal=True` of the client.
SecantusDB is GPL: it runs as a process of its own and is never imported.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import assert_never

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.errors import DownloadError, StackError
from deploy.local.paths import cache_dir
from deploy.local.ports import LOOPBACK
from deploy.local.process import ProcessSpec
from deploy.local.progress import Progress, ProgressCallback
from deploy.local.venvs import install_wheel

NAME = "store"
SECANTUS_WHEEL = "SecantusDB==0.7.0b3"
_REPLICA_SET = "heliodesk"
_ALREADY_INITIALIZED = 23
_PROBE_MILLISECONDS = 1000
_READY_SECONDS_MAX = 60.0
_STOP_SECONDS_MAX = 20.0
# A desk's hot documents fit many times over; the default of the servers is 1 to 4 GB.
_CACHE_MEGABYTES = 256


class Engine(Enum):
    """The servers that the launcher can start; the value names the data's folder."""

    MONGOD = "mongod"
    SECANTUS_RUST = "secantusd-rs"
    SECANTUS_PYTHON = "secantusd-py"


def choose_engine(*, environ: Mapping[str, str], cache: Path) -> tuple[Engine, Path | None]:
    """Return the first server that is here, with its program; the wheel has none before a start."""
    path = environ.get("PATH", os.defpath)
    if found := shutil.which(Engine.MONGOD.value, path=path):
        return Engine.MONGOD, Path(found)
    if found := shutil.which(Engine.SECANTUS_RUST.value, path=path):
        return Engine.SECANTUS_RUST, Path(found)
    built = cache / "bin" / Engine.SECANTUS_RUST.value
    if os.access(built, os.X_OK):
        return Engine.SECANTUS_RUST, built
    return Engine.SECANTUS_PYTHON, None


def settle_engine(
    *, state_dir: Path, environ: Mapping[str, str], cache: Path, progress: ProgressCallback
) -> tuple[Engine, Path | None]:
    """Choose the server, but stay with the one that already holds this state's data.

    Topics and store belong together: consumers whose positions are at the end of the topics must
    not find an empty store. Raises StackError when the earlier server is not here any more.
    """
    engine, program = choose_engine(environ=environ, cache=cache)
    note = state_dir / "data" / NAME / "engine"
    if not note.exists():
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(engine.value)
        return engine, program
    earlier = Engine(note.read_text().strip())
    if earlier is engine:
        return engine, program
    stay = f"the data in {note.parent} was made with {earlier.value}"
    progress(Progress(NAME, f"{stay}, so not using {engine.value}; a new state directory would"))
    if earlier is Engine.SECANTUS_PYTHON:
        return earlier, None
    kept = shutil.which(earlier.value, path=environ.get("PATH", os.defpath))
    built = cache / "bin" / earlier.value
    if kept is None and not os.access(built, os.X_OK):
        message = (
            f"{stay[0].upper()}{stay[1:]}, which is not on the PATH any more. "
            f"Put it back, or start with another state directory."
        )
        raise StackError(message)
    return earlier, Path(kept) if kept else built


def prepare(*, state_dir: Path, port: int, progress: ProgressCallback) -> ProcessSpec:
    """Settle on a server, install the wheel if that is the one, and return what to start."""
    cache = cache_dir()
    engine, program = settle_engine(
        state_dir=state_dir, environ=os.environ, cache=cache, progress=progress
    )
    data_dir = state_dir / "data" / NAME / engine.value
    data_dir.mkdir(parents=True, exist_ok=True)
    if engine is Engine.SECANTUS_PYTHON:
        venv = _install(cache, progress)
        # Through its interpreter: a script's first line may not name a path of any length.
        launch: tuple[str, ...] = (str(venv / "bin/python"), str(venv / "bin" / engine.value))
    else:
        launch = (str(program),)
    config = state_dir / "config" / "secantus.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    # An empty file of our own keeps the server from finding one of the user's.
    config.touch()
    url = local_url(port)
    return ProcessSpec(
        name=NAME,
        kind=describe(engine),
        address=url,
        argv=(*launch, *server_flags(engine, port=port, data_dir=data_dir, config=config)),
        ports=(port,),
        ready=lambda: is_primary(engine, port),
        ready_seconds_max=_READY_SECONDS_MAX,
        stop_seconds_max=_STOP_SECONDS_MAX,
    )


def _install(cache: Path, progress: ProgressCallback) -> Path:
    try:
        return install_wheel(SECANTUS_WHEEL, cache=cache, component=NAME, progress=progress)
    except DownloadError as error:
        message = (
            f"{error}\nInstead of the wheel, a mongod on the PATH will do, or "
            "HELIODESK_MONGO=mongodb://… for a running store."
        )
        raise DownloadError(message) from error


def server_flags(engine: Engine, *, port: int, data_dir: Path, config: Path) -> tuple[str, ...]:
    """Return the flags of a durable server on 127.0.0.1 with bounded memory."""
    match engine:
        case Engine.MONGOD:
            return (
                *("--dbpath", str(data_dir), "--port", str(port), "--bind_ip", LOOPBACK),
                *("--replSet", _REPLICA_SET, "--nounixsocket"),
                *("--wiredTigerCacheSizeGB", f"{_CACHE_MEGABYTES / 1024:g}"),
            )
        case Engine.SECANTUS_RUST | Engine.SECANTUS_PYTHON:
            return (
                *("--config", str(config), "--host", LOOPBACK, "--port", str(port)),
                *("--storage-path", str(data_dir), "--log-level", "WARNING"),
                *("--cache-size", f"{_CACHE_MEGABYTES}M", "--sync-on-commit"),
                # Else the resume token of a quiet change stream ages out within the hour.
                *("--noop-heartbeat-seconds", "60"),
            )
        case _:
            assert_never(engine)


def describe(engine: Engine) -> str:
    """Name the server for `status`."""
    match engine:
        case Engine.MONGOD:
            return "MongoDB (mongod on the PATH, replica set of one)"
        case Engine.SECANTUS_RUST:
            return "SecantusDB (Rust), syncs on commit"
        case Engine.SECANTUS_PYTHON:
            return f"SecantusDB (Python) {SECANTUS_WHEEL.partition('==')[2]}, syncs on commit"
        case _:
            assert_never(engine)


def local_url(port: int) -> str:
    """Return the URL for drivers; a direct connection asks nobody for the set's members."""
    return f"mongodb://{LOOPBACK}:{port}/?directConnection=true"


def is_primary(engine: Engine, port: int) -> bool:
    """Tell whether the server takes writes, making a fresh mongod a replica set of one first."""
    address = f"{LOOPBACK}:{port}"
    return primary_at(address, member=address if engine is Engine.MONGOD else None)


def primary_at(address: str, *, member: str | None) -> bool:
    """Tell whether the server at `host:port` is a primary.

    With `member`, a server without a replica set is given one that has this address alone.
    """
    client: MongoClient[dict[str, object]] = MongoClient(
        f"mongodb://{address}/",
        directConnection=True,
        serverSelectionTimeoutMS=_PROBE_MILLISECONDS,
        connectTimeoutMS=_PROBE_MILLISECONDS,
        socketTimeoutMS=5 * _PROBE_MILLISECONDS,
    )
    try:
        hello = client.admin.command("hello")
        if member is not None and "setName" not in hello:
            config = {"_id": _REPLICA_SET, "members": [{"_id": 0, "host": member}]}
            try:
                client.admin.command("replSetInitiate", config)
            except OperationFailure as error:
                if error.code != _ALREADY_INITIALIZED:
                    raise
            return False
        return bool(hello.get("isWritablePrimary"))
    except PyMongoError:
        return False
    finally:
        client.close()
