"""What every command starts from: the state directory, the addresses, the token, HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from heliodesk.api import Api
from heliodesk.errors import CliError, Exit
from heliodesk.product.addresses import (
    Addresses,
    AddressInvalid,
    environment,
    find_addresses,
    home_of,
)
from heliodesk.product.secrets import COMMAND_LINE_TOKEN, Secrets
from shared.clock import Clock, SystemClock
from shared.settings import SettingsInvalid, secret


@dataclass(frozen=True)
class Context:
    """Where a command works. Tests give another environment, folder and transport."""

    environ: Mapping[str, str] = field(default_factory=environment)
    start: Path = field(default_factory=Path.cwd)
    transport: httpx.BaseTransport | None = None
    clock: Clock = field(default_factory=SystemClock)

    @property
    def home(self) -> Path:
        """Return the state directory."""
        return home_of(self.environ, start=self.start)

    @property
    def secrets(self) -> Secrets:
        """Return the secrets of the state directory."""
        return Secrets(self.home, self.clock)

    @property
    def addresses(self) -> Addresses:
        """Return where Heliodesk is.

        Raises:
            CliError: a variable of the environment names no address.
        """
        try:
            return find_addresses(self.environ, self.home)
        except AddressInvalid as error:
            raise CliError(str(error), code=Exit.BAD_INPUT) from error

    @property
    def servers(self) -> list[str]:
        """Return the addresses of the brokers."""
        return [server.strip() for server in self.addresses.kafka.split(",") if server.strip()]

    def token(self) -> str:
        """Return the token with which commands call: ``HELIODESK_TOKEN``, else what ``up`` kept.

        Raises:
            CliError: there is none.
        """
        if named := self.environ.get("HELIODESK_TOKEN"):
            try:
                return secret(named, environment=self.environ)
            except SettingsInvalid as error:
                raise CliError(f"HELIODESK_TOKEN: {error}", code=Exit.BAD_INPUT) from error
        found = self.secrets.find(COMMAND_LINE_TOKEN)
        if found is None:
            message = (
                f"There is no token to call with: `heliodesk up` has not yet run in {self.home}. "
                "Start it, name its folder in HELIODESK_HOME, or give a token in HELIODESK_TOKEN."
            )
            raise CliError(message, code=Exit.REFUSED)
        return found

    def api(self, service: str, *, token: str | None = None) -> Api:
        """Return a service's HTTP; the token is the command line's unless another is given."""
        url = self.addresses.services[service]
        return Api(service, url, token=token or self.token(), transport=self.transport)
