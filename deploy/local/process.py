"""A small supervisor of child processes: it stops exactly what it started, nothing else.

Each process is a session of its own, so that Ctrl-C in the terminal reaches the launcher only,
which then stops the processes in order. Pid files let the next launcher adopt or end what a
killed one left behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import psutil

from deploy.local import ports
from deploy.local.errors import NotReadyError
from deploy.local.pidfile import (
    MARKER_VARIABLE,
    PidRecord,
    find_marked,
    find_process,
    read_record,
    write_record,
)
from deploy.local.progress import Progress, ProgressCallback, silent

_POLL_SECONDS = 0.05
_LOG_BYTES_MAX = 10_000_000
_LOG_TAIL_BYTES = 16_384
_LOG_TAIL_LINES = 20
_KILL_SECONDS_MAX = 10.0


def _always_ready() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """What to run: `ready` tells, without waiting long, whether it does its job.

    `env` comes on top of this process's own environment; `ports` must be free before the start;
    `kind`, `address` and `health_url` are noted for `status`.
    """

    name: str
    argv: tuple[str, ...]
    kind: str = ""
    address: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    ports: tuple[int, ...] = ()
    ready: Callable[[], bool] = _always_ready
    health_url: str | None = None
    ready_seconds_max: float = 60.0
    stop_seconds_max: float = 15.0

    @property
    def fingerprint(self) -> str:
        """Hash what is run; the environment may hold secrets, so only its hash is kept."""
        parts = [list(self.argv), sorted(self.env.items()), str(self.cwd)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class ProcessState(Enum):
    """What is known of a component's process."""

    RUNNING = "running"
    STOPPED = "stopped"
    DIED = "died"
    EXTERNAL = "external"


class Supervisor:
    """Starts, watches and ends the processes of one state directory.

    Invariants: a signal goes only to a process whose pid and start time are those recorded, or
    that carries this component's marker; a component has at most one leading process.
    """

    def __init__(self, state_dir: Path, progress: ProgressCallback = silent) -> None:
        """Keep logs under `<state>/logs` and pid files under `<state>/run`."""
        self._state_dir = state_dir.absolute()
        self._progress = progress
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._log_starts: dict[str, int] = {}

    def log_path(self, name: str) -> Path:
        """Return the file that gets the component's output."""
        return self._state_dir / "logs" / f"{name}.log"

    def start(self, spec: ProcessSpec) -> PidRecord:
        """Start the process, or adopt the same one that already runs, and wait until ready.

        Raises PortTakenError before anything is started, NotReadyError with the last lines of
        the log when it ends or misses its deadline; then it is stopped again.
        """
        record = self.spawn(spec)
        self.wait_ready(spec)
        return record

    def spawn(self, spec: ProcessSpec) -> PidRecord:
        """Start the process without waiting; adopt one of the same command that runs already."""
        record = self.running(spec.name)
        if record is not None and record.fingerprint == spec.fingerprint:
            self._say(spec.name, f"already running (pid {record.pid})")
            return record
        if record is not None:
            self._say(spec.name, f"runs with other settings (pid {record.pid}): restarting it")
        elif self._members(spec.name):
            self._say(spec.name, "ending what an earlier launcher left behind")
        self.stop(spec.name, seconds_max=spec.stop_seconds_max)
        for port in spec.ports:
            ports.check_free(port, component=spec.name)
        return self._launch(spec)

    def wait_ready(self, spec: ProcessSpec) -> None:
        """Wait until `spec.ready()`; NotReadyError when the process ends or time runs out."""
        deadline = time.monotonic() + spec.ready_seconds_max
        while not spec.ready():
            if self.running(spec.name) is None:
                code = self.exit_code(spec.name)
                self.stop(spec.name, seconds_max=0)
                raise NotReadyError(self._failure(spec.name, f"ended at its start{code}"))
            if time.monotonic() > deadline:
                self.stop(spec.name, seconds_max=spec.stop_seconds_max)
                text = f"was not ready after {spec.ready_seconds_max:g} s and was stopped"
                raise NotReadyError(self._failure(spec.name, text))
            time.sleep(_POLL_SECONDS)

    def stop(self, name: str, *, seconds_max: float) -> None:
        """Ask the process to end, wait, then kill what is left of it and of its children."""
        record = self.recorded(name)
        leader = find_process(record) if record else None
        members = self._members(name)
        _signal([leader] if leader else members, signal.SIGTERM)
        if members:
            self._wait_gone(members, seconds_max)
        self._kill_all(name, members)

    def kill(self, name: str) -> None:
        """End the process and its children with SIGKILL, as a power cut of that part would."""
        self._kill_all(name, self._members(name))

    def recorded(self, name: str) -> PidRecord | None:
        """Return what the pid file says, whether or not that process still runs."""
        return read_record(self._pid_path(name))

    def running(self, name: str) -> PidRecord | None:
        """Return the record of the component's process if it runs."""
        child = self._children.get(name)
        if child is not None:
            child.poll()
        record = self.recorded(name)
        return record if record and find_process(record) else None

    def state(self, name: str) -> ProcessState:
        """Tell a process that died from one that was stopped, which has no pid file."""
        if self.running(name):
            return ProcessState.RUNNING
        return ProcessState.DIED if self.recorded(name) else ProcessState.STOPPED

    def rss_bytes(self, name: str) -> int:
        """Add up the resident memory of the component's process and its children, in bytes."""
        record = self.recorded(name)
        leader = find_process(record) if record else None
        total = 0
        for process in [leader, *leader.children(recursive=True)] if leader else []:
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue
        return total

    def names(self) -> list[str]:
        """Return the components that have a pid file."""
        return sorted(path.stem for path in self._state_dir.glob("run/*.pid"))

    def log_tail(self, name: str) -> str:
        """Return the last lines that the component wrote since this launcher started it."""
        try:
            with self.log_path(name).open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_starts.get(name, 0), size - _LOG_TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])

    def _launch(self, spec: ProcessSpec) -> PidRecord:
        self._say(spec.name, "starting")
        log_path = self.log_path(spec.name)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        # A process keeps its file open, so the log can be bounded only between two runs.
        if log_path.exists() and log_path.stat().st_size > _LOG_BYTES_MAX:
            log_path.replace(log_path.with_suffix(".log.1"))
        marker = self._marker(spec.name)
        with log_path.open("ab") as log:
            self._log_starts[spec.name] = log.tell()
            try:
                child = subprocess.Popen(  # noqa: S603 -- the commands are this package's own.
                    spec.argv,
                    env={**os.environ, **spec.env, MARKER_VARIABLE: marker},
                    cwd=spec.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                message = f"{spec.name} could not be started: {error}"
                raise NotReadyError(message) from error
        self._children[spec.name] = child
        record = PidRecord(
            name=spec.name,
            kind=spec.kind,
            address=spec.address,
            pid=child.pid,
            started_at=psutil.Process(child.pid).create_time(),
            fingerprint=spec.fingerprint,
            health_url=spec.health_url,
        )
        write_record(self._pid_path(spec.name), record)
        return record

    def _members(self, name: str) -> list[psutil.Process]:
        """Return the component's processes: the leader first, then all that descend from it."""
        record = self.recorded(name)
        leader = find_process(record) if record else None
        found = [leader, *leader.children(recursive=True)] if leader else []
        return found + [extra for extra in find_marked(self._marker(name)) if extra not in found]

    def _kill_all(self, name: str, members: list[psutil.Process]) -> None:
        # Looked up again, since a child may have been born while the others were ending.
        doomed = members + [extra for extra in self._members(name) if extra not in members]
        _signal(doomed, signal.SIGKILL)
        self._wait_gone(doomed, _KILL_SECONDS_MAX)
        if child := self._children.pop(name, None):
            child.wait(timeout=_KILL_SECONDS_MAX)
        self._pid_path(name).unlink(missing_ok=True)

    def _wait_gone(self, processes: list[psutil.Process], seconds_max: float) -> None:
        deadline = time.monotonic() + seconds_max
        while any(_lives(process) for process in processes) and time.monotonic() < deadline:
            # A copy: other components end beside this one, on threads of their own.
            for child in list(self._children.values()):
                child.poll()
            time.sleep(_POLL_SECONDS)

    def exit_code(self, name: str) -> str:
        """Return ` (exit code N)` for a process of this launcher that ended, else nothing."""
        child = self._children.get(name)
        code = child.poll() if child else None
        return "" if code is None else f" (exit code {code})"

    def _failure(self, name: str, what: str) -> str:
        tail = self.log_tail(name) or "(it wrote nothing)"
        return f"{name} {what}. The last lines of {self.log_path(name)}:\n{tail}"

    def _marker(self, name: str) -> str:
        return f"{self._state_dir}#{name}"

    def _pid_path(self, name: str) -> Path:
        return self._state_dir / "run" / f"{name}.pid"

    def _say(self, name: str, text: str) -> None:
        self._progress(Progress(name, text))


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
