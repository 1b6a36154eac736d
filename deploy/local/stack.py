"""The single-machine stack, for the command line and for tests alike."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.local import external, kafka, mail, store
from deploy.local.errors import StackError
from deploy.local.launcher import hold_state
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.process import ProcessSpec, ProcessState, Supervisor
from deploy.local.progress import Progress, ProgressCallback, silent
from deploy.local.services import RestartPlan, RestartPolicy, ServiceSpec
from deploy.local.status import ComponentStatus, component_status

KAFKA, STORE, MAIL = kafka.NAME, store.NAME, mail.NAME
COMPONENTS = (KAFKA, STORE, MAIL)
_WATCH_SECONDS = 0.25


class Stack:
    """Kafka, the store, the mail sink and the services of one state directory.

    `HELIODESK_KAFKA` and `HELIODESK_MONGO` stand in for the local broker and store. Everything
    else is a process whose files are under `state_dir`: data, config, logs, run (pid files).
    Invariant: nothing is started that `stop` does not stop, and nothing else is.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        ports: Ports | None = None,
        components: Sequence[str] = COMPONENTS,
        progress: ProgressCallback = silent,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the stack; nothing is started or downloaded yet.

        `ports` default to the fixed ones of `make run` with their `HELIODESK_PORT_…` overrides.
        """
        environ = os.environ if environ is None else environ
        self.state_dir = state_dir.absolute()
        self.ports = ports or Ports.from_environment(environ)
        self._components = tuple(name for name in COMPONENTS if name in components)
        self._progress = progress
        self._supervisor = Supervisor(self.state_dir, progress)
        self._external = external.from_environment(environ)
        self._specs: dict[str, ProcessSpec] = {}

    @property
    def kafka(self) -> str:
        """Return the bootstrap address, `host:port`, or several of them with commas."""
        return self._external.get(KAFKA) or f"{LOOPBACK}:{self.ports.kafka}"

    @property
    def mongo(self) -> str:
        """Return the store's URL for drivers."""
        return self._external.get(STORE) or store.local_url(self.ports.store)

    @property
    def smtp_address(self) -> tuple[str, int]:
        """Return host and port that take mail."""
        return LOOPBACK, self.ports.smtp

    @property
    def mail_url(self) -> str:
        """Return the base of the mail sink's HTTP: `/messages` and `/messages/{id}`."""
        return f"http://{LOOPBACK}:{self.ports.mail_http}"

    def is_external(self, name: str) -> bool:
        """Tell whether an environment variable names a running one instead of a local one."""
        return name in self._external

    @contextmanager
    def hold(self) -> Generator[None]:
        """Be the only launcher of this state; raises StackBusyError when another one is."""
        with hold_state(self.state_dir):
            yield

    def start(self, *names: str) -> None:
        """Start those components and wait until they are ready; without names, all of them.

        Downloads what is missing. Raises a StackError; then what this call started is stopped.
        """
        wanted = names or self._components
        already = {name for name in wanted if self._supervisor.running(name)}
        try:
            self._in_parallel(self._start_one, wanted)
        except BaseException:
            self.stop(*(name for name in wanted if name not in already))
            raise

    def start_service(self, spec: ServiceSpec) -> None:
        """Start one service and wait until it is ready; afterwards its name is enough."""
        self.start_services([spec])

    def start_services(self, specs: Sequence[ServiceSpec]) -> None:
        """Start services beside each other and wait until all are ready.

        Raises a StackError for the first that fails; then those of this call are stopped.
        """
        for spec in specs:
            if spec.name in COMPONENTS:
                message = f"A service cannot be called {spec.name!r}: that is a component's name."
                raise StackError(message)
            self._specs[spec.name] = spec.process()
        self.start(*(spec.name for spec in specs))

    def stop(self, *names: str) -> None:
        """Stop those processes in order and wait; without names, all: services go first."""
        if names:
            self._in_parallel(self._stop_one, names)
            return
        known = set(self._supervisor.names()) | set(self._specs)
        self._in_parallel(self._stop_one, sorted(known - set(COMPONENTS)))
        self._in_parallel(self._stop_one, COMPONENTS)

    def kill(self, name: str) -> None:
        """End one process and its children with SIGKILL; `start(name)` brings it back."""
        self._refuse_external(name)
        self._supervisor.kill(name)

    def restart(self, name: str) -> None:
        """Stop one process in order and start it again."""
        self._refuse_external(name)
        self._stop_one(name)
        self.start(name)

    def pid(self, name: str) -> int | None:
        """Return the process id of a running component or service."""
        record = self._supervisor.running(name)
        return record.pid if record else None

    def log_path(self, name: str) -> Path:
        """Return the log file of a component or service."""
        return self._supervisor.log_path(name)

    def status(self) -> list[ComponentStatus]:
        """Tell of every component and service what it is, where, and how it does."""
        services = (set(self._supervisor.names()) | set(self._specs)) - set(COMPONENTS)
        names = [*self._components, *sorted(services)]
        return [component_status(n, self._supervisor, self._external.get(n)) for n in names]

    def watch(self, stop: threading.Event, *, policy: RestartPolicy | None = None) -> None:
        """Until `stop` is set, start again what died, after a wait that grows.

        What `stop()` or `kill()` of this class ended is left alone.
        """
        plans: dict[str, RestartPlan] = {}
        policy = policy or RestartPolicy()
        while not stop.wait(_WATCH_SECONDS):
            for name, spec in list(self._specs.items()):
                now = time.monotonic()
                plan = plans.setdefault(name, RestartPlan(policy, started_at=now))
                if self._supervisor.state(name) is not ProcessState.DIED:
                    plan.due_at = None
                elif plan.due_at is None:
                    code = self._supervisor.exit_code(name)
                    wait = plan.on_death(now)
                    self._say(name, f"ended unasked{code}: starting it again in {wait:g} s")
                elif now >= plan.due_at:
                    plan.on_start(now)
                    self._try_spawn(spec)

    def _try_spawn(self, spec: ProcessSpec) -> None:
        try:
            self._supervisor.spawn(spec)
        except StackError as error:
            self._say(spec.name, f"could not be started again: {error}")

    def _start_one(self, name: str) -> None:
        begun = time.monotonic()
        if address := self._external.get(name):
            external.check_answers(name, address)
            self._say(name, "using the running one")
            return
        spec = self._spec(name)
        self._supervisor.start(spec)
        took = time.monotonic() - begun
        self._say(name, f"ready after {took:.1f} s ({spec.kind or 'service'}, {spec.address})")

    def _spec(self, name: str) -> ProcessSpec:
        if name == KAFKA:
            spec = kafka.prepare(
                state_dir=self.state_dir, ports=self.ports, progress=self._progress
            )
        elif name == STORE:
            spec = store.prepare(
                state_dir=self.state_dir, port=self.ports.store, progress=self._progress
            )
        elif name == MAIL:
            spec = mail.spec(state_dir=self.state_dir, ports=self.ports)
        elif name in self._specs:
            return self._specs[name]
        else:
            known = ", ".join([*COMPONENTS, *sorted(set(self._specs) - set(COMPONENTS))])
            message = f"{name!r} is no part of this stack, which has {known}."
            raise StackError(message)
        self._specs[name] = spec
        return spec

    def _stop_one(self, name: str) -> None:
        if name in self._external:
            return
        spec = self._specs.get(name)
        seconds = spec.stop_seconds_max if spec else ProcessSpec.stop_seconds_max
        if self._supervisor.running(name):
            self._say(name, "stopping")
        self._supervisor.stop(name, seconds_max=seconds)

    def _refuse_external(self, name: str) -> None:
        if name in self._external:
            message = f"{name} is a running one from outside, which this stack did not start."
            raise StackError(message)

    def _in_parallel(self, work: Callable[[str], None], names: Sequence[str]) -> None:
        if not names:
            return
        with ThreadPoolExecutor(len(names)) as pool:
            jobs = [pool.submit(work, name) for name in names]
        errors = [error for job in jobs if (error := job.exception())]
        if errors:
            for other in errors[1:]:
                errors[0].add_note(str(other))
            raise errors[0]

    def _say(self, name: str, text: str) -> None:
        self._progress(Progress(name, text))
