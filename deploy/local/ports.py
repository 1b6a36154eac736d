"""Ports of the local stack: the fixed ones, free ones for tests, and who sits on a taken one."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields

import psutil

from deploy.local.errors import PortTakenError, StackError
from deploy.local.pidfile import MARKER_VARIABLE

LOOPBACK = "127.0.0.1"
_COMMAND_LENGTH_MAX = 120
# Below the range from which Linux (32768 up) and macOS (49152 up) pick the ports of outgoing
# connections. A port from there could be stolen by any client while its server restarts.
_FREE_FIRST, _FREE_LAST = 20_000, 32_000
# A prime step spreads test runs that start at the same time.
_FREE_STEP = 97
# What this process was given already: free until it is used, but not free to give twice.
_given: set[int] = set()


@dataclass(frozen=True)
class Ports:
    """The ports on 127.0.0.1 of one stack; the defaults are those of `make run`."""

    kafka: int = 19092
    kafka_controller: int = 19093
    store: int = 27117
    smtp: int = 18025
    mail_http: int = 18026

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Ports:
        """Take the defaults with what `HELIODESK_PORT_KAFKA` and its sisters override.

        Raises StackError when such a variable is not a port number.
        """
        source = os.environ if environ is None else environ
        chosen: dict[str, int] = {}
        for field in fields(cls):
            name = f"HELIODESK_PORT_{field.name.upper()}"
            if (text := source.get(name)) is None:
                continue
            if not text.isdecimal() or not 0 < int(text) < 2**16:
                message = f"{name}={text!r} is not a port: give a number from 1 to 65535."
                raise StackError(message)
            chosen[field.name] = int(text)
        return cls(**chosen)

    @classmethod
    def free(cls) -> Ports:
        """Find ports that nothing uses now, for tests that run beside each other."""
        found = free_ports(len(fields(cls)))
        return cls(**{field.name: port for field, port in zip(fields(cls), found, strict=True)})


@dataclass(frozen=True)
class PortHolder:
    """Who listens on a port; all unknown when the system does not tell, as for other users.

    `component` is set for a process of a local stack: its state directory, `#`, and its name.
    """

    pid: int | None
    name: str | None = None
    command: str | None = None
    component: str | None = None


def free_ports(count: int) -> list[int]:
    """Return that many distinct ports on which nothing listens now, never the same ones twice.

    Raises StackError when there are not that many.
    """
    span = _FREE_LAST - _FREE_FIRST
    start = os.getpid() * _FREE_STEP
    found: list[int] = []
    for offset in range(span):
        port = _FREE_FIRST + (start + offset) % span
        if port not in _given and not in_use(port):
            found.append(port)
        if len(found) == count:
            _given.update(found)
            return found
    message = f"Only {len(found)} of {count} ports are free between {_FREE_FIRST} and {_FREE_LAST}."
    raise StackError(message)


def in_use(port: int) -> bool:
    """Tell whether something listens on 127.0.0.1 at the port, or on every address."""
    with socket.socket() as probe:
        # Without this, connections of a server that has just stopped would look like a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return answers(port)


def answers(port: int) -> bool:
    """Tell whether a connection to 127.0.0.1 at the port is accepted."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def find_holder(port: int) -> PortHolder:
    """Find the process that listens on the port."""
    pid = _listening_pid(port)
    if pid is None:
        return PortHolder(pid=None)
    try:
        process = psutil.Process(pid)
        return PortHolder(
            pid=pid,
            name=process.name(),
            command=" ".join(process.cmdline()),
            component=process.environ().get(MARKER_VARIABLE),
        )
    except psutil.Error:
        return PortHolder(pid=pid)


def check_free(port: int, *, component: str) -> None:
    """Raise PortTakenError, which says by what, when the port is in use."""
    if in_use(port):
        raise PortTakenError(taken_message(port, component=component, holder=find_holder(port)))


def taken_message(port: int, *, component: str, holder: PortHolder) -> str:
    """Say who has the port and what to do, in one text for the terminal."""
    if holder.pid is None:
        by = "another process (of another user, so its name is not shown)"
    else:
        by = f"pid {holder.pid} ({holder.name or 'name not shown'})"
    lines = [f"Port {port}, which {component} needs, is taken by {by}."]
    if holder.component:
        state_dir, _, name = holder.component.rpartition("#")
        lines.append(f"It is {name} of the stack in {state_dir}: `heliodesk down` there stops it.")
    elif holder.command:
        command = holder.command
        if len(command) > _COMMAND_LENGTH_MAX:
            command = f"{command[:_COMMAND_LENGTH_MAX]}…"
        lines.append(f"It runs: {command}")
    lines.append("Stop it, or choose another port with a HELIODESK_PORT_… variable.")
    return "\n".join(lines)


def _listening_pid(port: int) -> int | None:
    try:
        for entry in psutil.net_connections(kind="tcp"):
            if entry.status == psutil.CONN_LISTEN and entry.laddr and entry.laddr.port == port:
                return entry.pid
    except psutil.AccessDenied:
        # macOS shows the whole table to root only; our own processes we may always ask.
        return next((pid for pid in psutil.pids() if _listens(pid, port)), None)
    return None


def _listens(pid: int, port: int) -> bool:
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(
        entry.status == psutil.CONN_LISTEN and entry.laddr and entry.laddr.port == port
        for entry in connections
    )
