"""Callers: who hands something in, and under which names it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from services.intake.doors import Door, Setup, Signature
from services.intake.doors.shape import faults_of
from shared.kernel import CommandRejected, HeliodeskError
from shared.organisation import MAIL_DOORS, Integration
from shared.settings import SecretMissing, secret

KEY_MAX = 1_000
"""Characters of a caller's key; those of mail are bounded by their header."""
MAIL = "smtp"
"""The door of mail in receipts, which are named by Message-IDs."""


class SetupInvalid(HeliodeskError):
    """An integration's settings do not fit its door, or a secret of it is not to be had."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who hands something in: an integration, or a person or service without one."""

    tenant: str
    name: str
    integration: Integration | None = None
    setup: Setup = field(default_factory=Setup)

    def key(self, key: str, *, door: Door) -> str:
        """Return the name under which a submission is found again.

        A mail is one mail, whichever of our mailboxes it came to. Of all other doors, two callers
        may use the same words: each has keys of its own.
        """
        return key if door.name in MAIL_DOORS else f"{self.name}:{key}"


def kept_as(door: Door) -> str:
    """Return the door's name in receipts: all doors of mail share one."""
    return MAIL if door.name in MAIL_DOORS else door.name


def checked_key(key: str | None) -> str | None:
    """Return a caller's key; refuse one that is empty, too long or not printable.

    Raises:
        CommandRejected: 422.
    """
    if key is None:
        return None
    if not 0 < len(key) <= KEY_MAX or not key.isprintable():
        raise CommandRejected(
            "invalid",
            f"Idempotency-Key: 1 to {KEY_MAX} printable characters",
            field="Idempotency-Key",
            status=422,
        )
    return key


def _signing(door: Door) -> tuple[str, ...]:
    return door.credentials.secrets if isinstance(door.credentials, Signature) else ()


def setup_of(
    integration: Integration, door: Door, *, environment: Mapping[str, str] | None = None
) -> Setup:
    """Return what an integration says to its door, with its secrets resolved.

    Raises:
        SetupInvalid: the settings do not fit the door's model, or a secret leads nowhere.
    """
    try:
        settings: BaseModel = door.settings.model_validate(integration.settings)
    except ValidationError as error:
        fault = faults_of(error)[0]
        message = f"integration {integration.name}: settings.{fault.field}: {fault.reason}"
        raise SetupInvalid(message) from error
    references = dict(integration.secrets)
    if integration.secret is not None:
        references.setdefault("secret", integration.secret)
    # A door that asks for no secret reads none: the reference may be for somebody else.
    wanted = {*door.secrets, *_signing(door)}
    try:
        secrets = {
            name: secret(reference, environment=environment)
            for name, reference in references.items()
            if name in wanted
        }
    except SecretMissing as error:
        message = f"integration {integration.name}: {error}"
        raise SetupInvalid(message) from error
    return Setup(settings=settings, secrets=secrets, name=integration.name)


def default_setup(door: Door) -> Setup:
    """Return the setup of nobody in particular; a door whose settings are needed has none."""
    try:
        return Setup(settings=door.settings())
    except ValidationError:
        return Setup()
