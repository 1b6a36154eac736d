"""Application services as processes beside the infrastructure, and when to start one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.local.process import ProcessSpec
from deploy.local.web import answers_ok


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One service process: `argv` such as `(sys.executable, "-m", "services.intake")`.

    `health_url` answers 2xx once the service is ready; `ports` are checked before the start.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    health_url: str | None = None
    address: str = ""
    ports: tuple[int, ...] = ()
    ready_seconds_max: float = 60.0
    stop_seconds_max: float = 20.0

    def process(self) -> ProcessSpec:
        """Return the same for the supervisor; without a health URL, started means ready."""
        url = self.health_url
        return ProcessSpec(
            name=self.name,
            kind="service",
            address=self.address,
            argv=self.argv,
            env=self.env,
            ports=self.ports,
            health_url=url,
            ready_seconds_max=self.ready_seconds_max,
            stop_seconds_max=self.stop_seconds_max,
            ready=lambda: url is None or answers_ok(url),
        )


@dataclass(frozen=True)
class RestartPolicy:
    """How long to wait before a process that died is started again.

    The wait doubles with each death in a row; a process that ran `steady_seconds` starts over.
    """

    backoff_seconds_min: float = 0.5
    backoff_seconds_max: float = 30.0
    steady_seconds: float = 60.0

    def backoff_seconds(self, deaths: int) -> float:
        """Return the wait after that many deaths in a row (1 and up)."""
        # The exponent is bounded: 2.0 ** 1024 and more is an error, not infinity.
        doubled = self.backoff_seconds_min * 2.0 ** min(deaths - 1, 60)
        return min(doubled, self.backoff_seconds_max)


@dataclass
class RestartPlan:
    """What is known of one process's deaths; times are of a monotonic clock, in seconds."""

    policy: RestartPolicy
    started_at: float
    deaths: int = 0
    due_at: float | None = None

    def on_death(self, now: float) -> float:
        """Note a death and return how many seconds to wait before the next start."""
        steady = now - self.started_at >= self.policy.steady_seconds
        self.deaths = 1 if steady else self.deaths + 1
        wait = self.policy.backoff_seconds(self.deaths)
        self.due_at = now + wait
        return wait

    def on_start(self, now: float) -> None:
        """Note that the process was started again."""
        self.started_at = now
        self.due_at = None
