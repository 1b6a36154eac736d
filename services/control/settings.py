"""Settings of control."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.auth import TOKEN_PREFIX
from shared.settings import ServiceSettings, SettingsInvalid, secret

SECRET_CHARACTERS_MIN = 20
"""A guessable secret of this rank opens everything; generated ones have 43 characters."""


class ControlSettings(ServiceSettings):
    """What control needs beside what every service does."""

    model_config = SettingsConfigDict(
        env_prefix="CONTROL_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18100
    metrics_port: int = 19100
    bootstrap_token: str = ""
    """Whoever presents it is an administrator of ``tenant``: for the first start, and for the day
    when nobody can sign in. ``env:NAME`` and ``file:PATH`` are references; empty is none."""
    configuration_bytes_max: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 16 * 1024 * 1024
    """Body of an apply, check or diff: it holds every section at once."""
    session_seconds: Annotated[int, Field(ge=60, le=3600)] = 3600
    """Life of a signed token: who loses a role or an account is out within seconds anyway."""
    session_renewal_seconds_max: Annotated[int, Field(ge=60)] = 12 * 3600
    """A working day; then the password is asked for again."""
    signing_key_lead_seconds: Annotated[int, Field(ge=0)] = 30
    """A new key signs only after every service has had this long to learn it."""

    def bootstrap_secret(self) -> str:
        """Return the bootstrap token, empty where there is none.

        Raises:
            SettingsInvalid: it is too short, or the reference leads nowhere.
        """
        found = secret(self.bootstrap_token)
        if found and len(found) < SECRET_CHARACTERS_MIN:
            message = f"CONTROL_BOOTSTRAP_TOKEN: at least {SECRET_CHARACTERS_MIN} characters"
            raise SettingsInvalid(message)
        return found

    def service_secret(self) -> str:
        """Return the token of the services, empty where there is none.

        Raises:
            SettingsInvalid: nobody would accept it, or the reference leads nowhere.
        """
        found = secret(self.service_token)
        if found and (not found.startswith(TOKEN_PREFIX) or len(found) < SECRET_CHARACTERS_MIN):
            message = (
                f"HELIODESK_SERVICE_TOKEN: starts with {TOKEN_PREFIX} "
                f"and has at least {SECRET_CHARACTERS_MIN} characters"
            )
            raise SettingsInvalid(message)
        return found
