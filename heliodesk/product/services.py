"""The services as processes of one machine: commands, environments, health."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from deploy.local.services import ServiceSpec
from heliodesk.product.addresses import (
    LOOPBACK,
    SERVICES,
    Addresses,
    AddressInvalid,
    repository,
)
from heliodesk.product.secrets import BOOTSTRAP_TOKEN, SERVICE_TOKEN, THREAD_KEY, Secrets

READY_SECONDS_MAX: Final = 90.0
"""Seven processes start beside each other, on two cores too, with a store and a broker."""
STOP_SECONDS_MAX: Final = 40.0
"""A service gives itself 25 s to end what is in flight; see shared/service.py."""
INTAKE_PROCESSES: Final = "HELIODESK_INTAKE_PROCESSES"
ROUTING_PROCESSES: Final = "HELIODESK_ROUTING_PROCESSES"
SEVERAL: Final[Mapping[str, str]] = {"intake": INTAKE_PROCESSES, "routing": ROUTING_PROCESSES}
"""Services that may have several processes behind their one port, and the variable that says so."""
PROCESSES_MAX: Final = 16
LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    "intake": ("routing",),
    "notify": ("intake",),
    "routing": ("intake", "sla"),
    "sla": ("routing",),
    "knowledge": ("intake",),
    "console": ("control", "intake", "routing", "sla", "knowledge"),
}
"""Service to those whose HTTP it asks."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the services need that is no service: broker, store, and the way mail goes out."""

    kafka: str
    mongo: str
    smtp: tuple[str, int]


def service_specs(
    addresses: Addresses,
    *,
    outside: Outside,
    secrets: Secrets,
    environ: Mapping[str, str] | None = None,
) -> list[ServiceSpec]:
    """Return what to start; secrets that are missing are made.

    Raises:
        AddressInvalid: a variable of the environment does not fit.
    """
    for name in (SERVICE_TOKEN, BOOTSTRAP_TOKEN, THREAD_KEY):
        secrets.ensure(name)
    shared = {
        "HELIODESK_KAFKA": outside.kafka,
        "HELIODESK_MONGO": outside.mongo,
        "HELIODESK_SERVICE_TOKEN": f"file:{secrets.path(SERVICE_TOKEN)}",
        "HELIODESK_THREAD_KEY": f"file:{secrets.path(THREAD_KEY)}",
        # Found wherever the launcher was called from, also where nothing is installed.
        "PYTHONPATH": os.pathsep.join(
            part for part in (str(repository()), os.environ.get("PYTHONPATH")) if part
        ),
        **secrets.demo_environment(),
    }
    own = own_settings(addresses, outside=outside, secrets=secrets)
    specs = [
        ServiceSpec(
            name=service,
            # -P: a folder `services` where the launcher was called from is not ours.
            argv=(sys.executable, "-P", "-m", f"services.{service}"),
            env={**shared, **_common(service, addresses), **own.get(service, {})},
            health_url=f"{addresses.services[service]}/readyz",
            address=addresses.services[service],
            ports=_ports(service, addresses),
            ready_seconds_max=READY_SECONDS_MAX,
            stop_seconds_max=STOP_SECONDS_MAX,
        )
        for service in SERVICES
    ]
    variables = os.environ if environ is None else environ
    for place, spec in enumerate(list(specs)):
        more = range(1, processes(spec.name, variables))
        if more:
            specs[place] = replace(spec, env={**spec.env, **_shared_port(spec.name)})
            specs += [_one_more(spec, slot) for slot in more]
    return specs


def processes(service: str, environ: Mapping[str, str]) -> int:
    """Return how many processes of a service are to run behind its one port.

    Raises:
        AddressInvalid: the variable is not a number from 1 to 16.
    """
    if service not in SEVERAL:
        return 1
    text = environ.get(SEVERAL[service], "1")
    if not text.isdecimal() or not 1 <= int(text) <= PROCESSES_MAX:
        message = f"{SEVERAL[service]}={text!r}: a number from 1 to {PROCESSES_MAX}"
        raise AddressInvalid(message)
    return int(text)


def _shared_port(service: str) -> dict[str, str]:
    return {f"{service.upper()}_SHARE_PORT": "true"}


def _one_more(first: ServiceSpec, slot: int) -> ServiceSpec:
    """Return one more process of a service on the ports of the first.

    Its readiness is asked at the shared port, where any of them may answer.
    """
    prefix = first.name.upper()
    own = {f"{prefix}_SLOT": str(slot), f"{prefix}_METRICS_PORT": "0"}
    env = {**first.env, **_shared_port(first.name), **own}
    return replace(first, name=f"{first.name}-{slot + 1}", env=env, ports=())


def own_settings(
    addresses: Addresses, *, outside: Outside, secrets: Secrets
) -> dict[str, dict[str, str]]:
    """Return the variables that one service has and the others have not."""
    host, port = outside.smtp
    return {
        "control": {"CONTROL_BOOTSTRAP_TOKEN": f"file:{secrets.path(BOOTSTRAP_TOKEN)}"},
        "intake": {
            "INTAKE_SMTP_PORT": addresses.mail_in.rpartition(":")[2],
            "INTAKE_LINK": f"{addresses.services['console']}/tickets/{{ticket}}",
        },
        "notify": {
            "NOTIFY_SMTP_HOST": host,
            "NOTIFY_SMTP_PORT": str(port),
            "NOTIFY_CONSOLE_URL": addresses.services["console"],
        },
        "console": {"CONSOLE_MAILBOX_URL": addresses.mailbox or ""},
    }


def _common(service: str, addresses: Addresses) -> dict[str, str]:
    prefix = service.upper()
    return {
        f"{prefix}_HOST": LOOPBACK,
        f"{prefix}_PORT": str(addresses.port(service)),
        f"{prefix}_METRICS_PORT": str(addresses.metrics[service]),
        # Static membership: a process that is started again has its partitions back at once.
        f"{prefix}_SLOT": "0",
        **{
            f"{prefix}_{other.upper()}_URL": addresses.services[other]
            for other in LINKS.get(service, ())
        },
    }


def _ports(service: str, addresses: Addresses) -> tuple[int, ...]:
    ports = (addresses.port(service), addresses.metrics[service])
    return (*ports, int(addresses.mail_in.rpartition(":")[2])) if service == "intake" else ports
