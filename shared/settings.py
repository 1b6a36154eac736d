"""Settings from the environment: frozen, and refused when a name is unknown.

Each service has its own prefix (``INTAKE_``), so that a typing error in a name cannot pass for a
default. What all services of a deployment share has the prefix ``HELIODESK_``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SERVERS_DEFAULT = "127.0.0.1:19092"
STORE_DEFAULT = "mongodb://127.0.0.1:27117"


class SettingsInvalid(SystemExit):
    """The environment cannot be used; the text names each variable and the reason."""


class ServiceSettings(BaseSettings):
    """What every service needs. Subclasses set ``env_prefix`` and add their own."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    kafka: Annotated[str, Field(validation_alias="HELIODESK_KAFKA")] = SERVERS_DEFAULT
    """``host:port``, several separated by commas."""
    mongo: Annotated[str, Field(validation_alias="HELIODESK_MONGO")] = STORE_DEFAULT
    database_prefix: Annotated[str, Field(validation_alias="HELIODESK_DATABASE_PREFIX")] = (
        "heliodesk_"
    )
    """Each service's database is this and its name."""
    tenant: Annotated[str, Field(validation_alias="HELIODESK_TENANT")] = "main"
    """The tenant that is set up at the first start; others are made through control."""
    service_token: Annotated[str, Field(validation_alias="HELIODESK_SERVICE_TOKEN")] = ""
    """For calls between services; ``env:NAME`` and ``file:PATH`` are references to it."""
    thread_key: Annotated[str, Field(validation_alias="HELIODESK_THREAD_KEY")] = ""
    """Signs the tokens in our mails; intake and notify need the same. Empty: the service token.

    A reference like it. With another key, answers to earlier mails are found by Message-ID only.
    """
    log_level: Annotated[str, Field(validation_alias="HELIODESK_LOG_LEVEL")] = "INFO"
    host: str = "127.0.0.1"
    port: int = 0
    share_port: bool = False
    """Several processes of the service listen on the one port, and the kernel spreads callers.

    A process joins the port once it can answer, so a restart refuses nobody. Each needs a slot of its own. Without it a second process on the port is refused, which is
    what shows a mistake.
    """
    metrics_port: int = 0
    """0 picks a free one; it is logged."""
    slot: str | None = None
    """Name of this supervised process slot; gives static group membership. None is dynamic."""
    session_seconds: Annotated[
        float, Field(ge=6.0, le=300.0, validation_alias="HELIODESK_SESSION_SECONDS")
    ] = 45.0
    """So long the broker waits for a silent process before its partitions go to others.

    A static member that is killed and comes back sooner loses nothing. Less finds a dead machine
    sooner, and takes a pause for one.
    """
    rebuild: str = "auto"
    """``auto`` folds the topics when the store is empty; ``always`` also after a restored backup."""

    @property
    def servers(self) -> list[str]:
        """The brokers; FastStream does not split a list by itself."""
        return [server.strip() for server in self.kafka.split(",") if server.strip()]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings.

        Raises:
            SettingsInvalid: an unknown name with our prefix, or a value that does not fit.
        """
        found = os.environ if environment is None else environment
        prefix = str(cls.model_config.get("env_prefix", ""))
        known = {(prefix + name).upper() for name in cls.model_fields}
        unknown = sorted(name for name in found if name.startswith(prefix) and name not in known)
        if prefix and unknown:
            message = f"unknown settings: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            raise SettingsInvalid(message)
        try:
            return cls()
        except ValidationError as error:
            lines = [
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors()
            ]
            raise SettingsInvalid("settings: " + "; ".join(lines)) from error


class SecretMissing(SettingsInvalid):
    """A reference to a secret leads nowhere."""


def secret(reference: str, *, environment: Mapping[str, str] | None = None) -> str:
    """Return the secret that ``env:NAME`` or ``file:PATH`` refers to; other text is itself.

    Raises:
        SecretMissing: the variable or the file is not there.
    """
    if reference.startswith("env:"):
        found = (os.environ if environment is None else environment).get(reference[4:])
        if not found:
            message = f"{reference}: the variable is not set"
            raise SecretMissing(message)
        return found
    if reference.startswith("file:"):
        try:
            return Path(reference[5:]).read_text(encoding="utf-8").strip()
        except OSError as error:
            message = f"{reference}: {error.strerror}"
            raise SecretMissing(message) from error
    return reference
