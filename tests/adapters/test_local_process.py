"""The supervisor against real processes: it ends what it started, and only that."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import NotReadyError, PortTakenError, StackBusyError
from deploy.local.launcher import find_launcher
from deploy.local.pidfile import PidRecord, write_record
from deploy.local.ports import Ports, free_ports
from deploy.local.process import ProcessSpec, ProcessState, Supervisor
from deploy.local.services import RestartPolicy, ServiceSpec
from deploy.local.stack import MAIL, Stack

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(60)]
_SECONDS_MAX = 20.0
_IDLE = "import signal; signal.pause()"


def _python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def _gone(pid: int) -> bool:
    """Tell whether it ended; where no init process reaps orphans, they stay as zombies."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def stack(tmp_path: Path) -> Generator[Stack]:
    """Give a stack whose only component is the mail sink, with nothing started."""
    stack = Stack(tmp_path / "state", ports=Ports.free(), components=(MAIL,), environ={})
    yield stack
    stack.stop()


@pytest.fixture
def bystander() -> Generator[psutil.Process]:
    """Give a running process that is nobody's business."""
    with subprocess.Popen(_python(_IDLE)) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_taken_port_is_explained_by_pid_and_name(stack: Stack) -> None:
    """A port in use stops the start at once and names the process that has it."""
    with (
        socket.create_server(("127.0.0.1", stack.ports.smtp)),
        pytest.raises(PortTakenError) as caught,
    ):
        stack.start(MAIL)
    me = psutil.Process()
    assert f"Port {stack.ports.smtp}, which mail needs, is taken by pid {me.pid}" in str(
        caught.value
    )
    assert f"({me.name()})" in str(caught.value)
    assert stack.pid(MAIL) is None


def test_free_ports_are_never_given_twice() -> None:
    """Two stacks of one test run get ports that differ, though none is used yet."""
    first, second = Ports.free(), Ports.free()
    given_ports = [*vars(first).values(), *vars(second).values()]
    assert len(set(given_ports)) == 10


def test_recycled_pid_is_never_ended(tmp_path: Path, bystander: psutil.Process) -> None:
    """A stale pid file whose pid now belongs to another process ends nothing."""
    record = PidRecord(
        name="old",
        kind="service",
        address="",
        pid=bystander.pid,
        started_at=bystander.create_time() - 3600,
        fingerprint="",
    )
    write_record(tmp_path / "run" / "old.pid", record)
    supervisor = Supervisor(tmp_path)
    assert supervisor.state("old") is ProcessState.DIED
    supervisor.stop("old", seconds_max=1)
    supervisor.kill("old")
    assert bystander.is_running()
    assert supervisor.state("old") is ProcessState.STOPPED


_LAUNCHER = """
import os, sys
from pathlib import Path
from deploy.local.ports import Ports
from deploy.local.stack import Stack
smtp, http = map(int, sys.argv[2:])
stack = Stack(Path(sys.argv[1]), ports=Ports(smtp=smtp, mail_http=http), components=["mail"])
with stack.hold():
    stack.start()
    os.kill(os.getpid(), 9)
"""


def _start_and_die(stack: Stack) -> None:
    ports = (str(stack.ports.smtp), str(stack.ports.mail_http))
    done = subprocess.run(
        _python(_LAUNCHER, str(stack.state_dir), *ports),
        cwd=Path(__file__).parents[2],
        timeout=_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == -9


def test_next_launcher_adopts_what_a_killed_one_left(stack: Stack) -> None:
    """After a SIGKILL of the launcher its process runs on, is adopted, and can be stopped."""
    _start_and_die(stack)
    left = stack.pid(MAIL)
    assert left is not None
    stack.start(MAIL)
    assert stack.pid(MAIL) == left
    stack.stop()
    assert _gone(left)


def test_next_launcher_finds_what_has_no_pid_file(stack: Stack) -> None:
    """A process left behind without its pid file is ended, not mistaken for a stranger."""
    _start_and_die(stack)
    left = stack.pid(MAIL)
    assert left is not None
    (stack.state_dir / "run" / "mail.pid").unlink()
    stack.start(MAIL)
    assert stack.pid(MAIL) != left
    assert _gone(left)


def test_a_state_has_one_launcher(stack: Stack, tmp_path: Path) -> None:
    """Holding a state that is held fails and names the holder; afterwards nobody holds it."""
    with stack.hold():
        other = Stack(tmp_path / "state", components=(MAIL,), environ={})
        with pytest.raises(StackBusyError, match=str(psutil.Process().pid)), other.hold():
            pass
        assert find_launcher(stack.state_dir) == psutil.Process().pid
    assert find_launcher(stack.state_dir) is None


def test_process_that_ends_at_its_start_shows_its_last_lines(stack: Stack) -> None:
    """A service that ends before it is ready fails with its exit code and what it wrote."""
    code = "import sys; print('no such setting: INTAKE_COLOUR'); sys.exit(3)"
    spec = ServiceSpec(name="broken", argv=_python(code), health_url="http://127.0.0.1:9/livez")
    with pytest.raises(NotReadyError, match=r"exit code 3(.|\n)*no such setting: INTAKE_COLOUR"):
        stack.start_service(spec)
    assert stack.pid("broken") is None


def test_process_that_misses_its_deadline_is_stopped(stack: Stack) -> None:
    """A service that never becomes healthy is stopped again and its deadline is named."""
    spec = ServiceSpec(
        name="mute",
        argv=_python(_IDLE),
        health_url=f"http://127.0.0.1:{free_ports(1)[0]}/livez",
        ready_seconds_max=0.3,
    )
    with pytest.raises(NotReadyError, match=r"not ready after 0\.3 s"):
        stack.start_service(spec)
    assert {status.name: status.pid for status in stack.status()} == {MAIL: None, "mute": None}


class _Until(threading.Event):
    """An event that sets itself once the condition holds, or when the time for it is over."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        super().__init__()
        self._condition = condition
        self._deadline = time.monotonic() + _SECONDS_MAX

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(timeout) or self._condition() or time.monotonic() > self._deadline


_PARENT = """
import pathlib, subprocess, sys
deaf = "import signal; signal.signal(15, signal.SIG_IGN); [signal.pause() for _ in range(9)]"
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
child.wait()
"""


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_children_end_with_their_parent(stack: Stack, tmp_path: Path, way: str) -> None:
    """Neither an order to stop nor SIGKILL leaves a child, even one that left its session."""
    note = tmp_path / "child"
    spec = ProcessSpec(
        name="parent",
        argv=_python(_PARENT, str(note)),
        ready=lambda: note.exists() and note.stat().st_size > 0,
    )
    supervisor = Supervisor(stack.state_dir)
    supervisor.start(spec)
    child = int(note.read_text())
    if way == "stop":
        supervisor.stop("parent", seconds_max=0.5)
    else:
        supervisor.kill("parent")
    assert _gone(child)
    assert supervisor.state("parent") is ProcessState.STOPPED


def test_watch_starts_again_what_died_but_not_what_was_stopped(stack: Stack) -> None:
    """A process killed from outside is started again; one that the stack stopped stays so."""
    specs = [ServiceSpec(name=name, argv=_python(_IDLE)) for name in ("fragile", "done")]
    stack.start_services(specs)
    stack.stop("done")
    first = stack.pid("fragile")
    assert first is not None
    policy = RestartPolicy(backoff_seconds_min=0.01)
    psutil.Process(first).kill()
    stack.watch(_Until(lambda: stack.pid("fragile") not in (None, first)), policy=policy)
    assert stack.pid("fragile") not in (None, first)
    assert stack.pid("done") is None


def test_changed_settings_restart_a_running_service(stack: Stack) -> None:
    """Starting a service with another environment replaces the process that runs."""
    stack.start_service(ServiceSpec(name="set", argv=_python(_IDLE), env={"MODE": "one"}))
    first = stack.pid("set")
    stack.start_service(ServiceSpec(name="set", argv=_python(_IDLE), env={"MODE": "one"}))
    assert stack.pid("set") == first
    stack.start_service(ServiceSpec(name="set", argv=_python(_IDLE), env={"MODE": "two"}))
    assert stack.pid("set") not in (None, first)
