"""Where everything of one Heliodesk is: ports of the local one, addresses of a running one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

LOOPBACK: Final = "127.0.0.1"
PORTS: Final[Mapping[str, int]] = {
    "control": 18100,
    "intake": 18101,
    "routing": 18103,
    "sla": 18104,
    "notify": 18105,
    "knowledge": 18106,
    "console": 18080,
}
"""HTTP port of each service; its metrics are at the port 1000 above."""
SERVICES: Final = tuple(PORTS)
INTAKE_SMTP_PORT: Final = 18102
METRICS_OFFSET: Final = 1000
HOME_NAME: Final = ".heliodesk"
PORT_MAX: Final = 65_535


class AddressInvalid(ValueError):
    """A variable of the environment is not an address or a port; the text names it."""


class Addresses(BaseModel):
    """Where one Heliodesk answers. Written by ``heliodesk up`` for the other commands.

    The store is not among them: its URL may hold a password, and no command needs it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kafka: str
    services: dict[str, str]
    """Service to the base of its HTTP."""
    metrics: dict[str, int] = {}
    """Service to the port of its metrics."""
    mail_in: str = f"{LOOPBACK}:{INTAKE_SMTP_PORT}"
    """``host:port`` at which intake takes mail."""
    mailbox: str | None = None
    """Base of the mail sink's HTTP."""

    def port(self, service: str) -> int:
        """Return the HTTP port of a local service."""
        return int(self.services[service].rpartition(":")[2])


def home_of(environ: Mapping[str, str], *, start: Path) -> Path:
    """Return the state directory: ``HELIODESK_HOME``, or the nearest ``.heliodesk`` upwards.

    Where there is none, it is the one that would be made in ``start``.
    """
    if named := environ.get("HELIODESK_HOME"):
        return Path(named).expanduser().absolute()
    start = start.absolute()
    for folder in (start, *start.parents):
        # A folder of that name in the user's home may be something else: it has no `run`.
        if (folder / HOME_NAME / "run").is_dir():
            return folder / HOME_NAME
    return start / HOME_NAME


def port_from(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return the port that ``HELIODESK_PORT_<NAME>`` names, or the default.

    Raises:
        AddressInvalid: it is not a port.
    """
    variable = f"HELIODESK_PORT_{name.upper()}"
    text = environ.get(variable)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= PORT_MAX):
        message = f"{variable}={text!r} is not a port: give a number from 1 to {PORT_MAX}"
        raise AddressInvalid(message)
    return int(text)


def local_addresses(environ: Mapping[str, str], *, kafka: str, mailbox: str | None) -> Addresses:
    """Return the addresses of the local services, with what ``HELIODESK_PORT_…`` overrides.

    Raises:
        AddressInvalid: an override is not a port.
    """
    ports = {name: port_from(environ, name, port) for name, port in PORTS.items()}
    return Addresses(
        kafka=kafka,
        services={name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()},
        metrics={
            name: port_from(environ, f"{name}_metrics", PORTS[name] + METRICS_OFFSET)
            for name in PORTS
        },
        mail_in=f"{LOOPBACK}:{port_from(environ, 'intake_smtp', INTAKE_SMTP_PORT)}",
        mailbox=mailbox,
    )


def addresses_file(home: Path) -> Path:
    """Return the file in which ``up`` notes the addresses."""
    return home / "run" / "addresses.json"


def write_addresses(home: Path, addresses: Addresses) -> None:
    """Note the addresses in one step, so that a reader never sees half of them."""
    path = addresses_file(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(addresses.model_dump_json(indent=1), encoding="utf-8")
    part.replace(path)


def find_addresses(environ: Mapping[str, str], home: Path) -> Addresses:
    """Return where Heliodesk is: what ``up`` noted, else the usual ports.

    ``HELIODESK_URL_<SERVICE>``, ``HELIODESK_KAFKA``, ``HELIODESK_MAIL_IN`` and
    ``HELIODESK_URL_MAILBOX`` have the last word, for a Heliodesk that runs elsewhere.

    Raises:
        AddressInvalid: an override is not a port.
    """
    try:
        content = addresses_file(home).read_text(encoding="utf-8")
        found = Addresses.model_validate_json(content)
    except (OSError, ValidationError):
        found = local_addresses(
            environ,
            kafka=f"{LOOPBACK}:{port_from(environ, 'kafka', 19092)}",
            mailbox=f"http://{LOOPBACK}:{port_from(environ, 'mail_http', 18026)}",
        )
    named = {
        service: url.rstrip("/")
        for service in SERVICES
        if (url := environ.get(f"HELIODESK_URL_{service.upper()}"))
    }
    return found.model_copy(
        update={
            "kafka": environ.get("HELIODESK_KAFKA") or found.kafka,
            "services": found.services | named,
            "mail_in": environ.get("HELIODESK_MAIL_IN") or found.mail_in,
            "mailbox": environ.get("HELIODESK_URL_MAILBOX") or found.mailbox,
        }
    )


def repository() -> Path:
    """Return the folder that holds the packages ``services`` and ``deploy``."""
    return Path(__file__).resolve().parents[2]


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ
