"""Secrets of the local product: made once, kept in files that only their owner reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from shared.auth import TOKEN_PREFIX
from shared.clock import Clock

SERVICE_TOKEN: Final = "service.token"  # noqa: S105 -- a file's name.
THREAD_KEY: Final = "thread.key"
"""Signs the tokens of conversations in our mails."""
BOOTSTRAP_TOKEN: Final = "bootstrap.token"  # noqa: S105 -- a file's name.
COMMAND_LINE_TOKEN: Final = "command-line.token"  # noqa: S105 -- a file's name.
DEMO_SECRETS: Final = {
    "alertmanager-demo": "HELIODESK_DEMO_ALERTMANAGER_SECRET",
    "requests-demo": "HELIODESK_DEMO_REQUESTS_SECRET",
}
"""Integration of the sample organisation to the variable that its configuration refers to."""

_OWNER_ONLY = 0o600
_FOLDER_OWNER_ONLY = 0o700


class Secrets:
    """The files under ``<home>/secrets``.

    Invariant: a file appears whole and with mode 0600, or not at all.
    """

    def __init__(self, home: Path, clock: Clock) -> None:
        self._folder = home / "secrets"
        self._clock = clock

    def path(self, name: str) -> Path:
        """Return the file of a secret, whether or not it is there."""
        return self._folder / name

    def find(self, name: str) -> str | None:
        """Return a secret; None where there is none."""
        try:
            return self.path(name).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def save(self, name: str, value: str) -> Path:
        """Keep a secret, in place of an earlier one."""
        path = self.path(name)
        self._folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_OWNER_ONLY)
        part = path.with_name(f".{name}.part")
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return path

    def ensure(self, name: str) -> str:
        """Return a secret, made up where there is none yet."""
        found = self.find(name)
        if found is None:
            found = f"{TOKEN_PREFIX}{self._clock.secret()}"
            self.save(name, found)
        return found

    def demo_environment(self) -> dict[str, str]:
        """Return the variables that the sample organisation's integrations refer to."""
        return {variable: self.ensure(f"{name}.secret") for name, variable in DEMO_SECRETS.items()}


def integration_token(name: str) -> str:
    """Return the name of the file that holds an integration's token."""
    return f"{name}.token"
