"""What ends a command: an exit code that scripts can use, and a sentence for people."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    """Not found, or it did not happen."""
    BAD_INPUT = 2
    CONFLICT = 3
    """Somebody else changed it meanwhile, or its present state does not allow it."""
    UNREACHABLE = 4
    """A service, the broker or the store does not answer."""
    REFUSED = 5
    """No valid token, or one that may not do this."""
    DIFFERS = 6
    """An audit has found something that is not as it should be, or that cannot be proven."""


class CliError(Exception):
    """Ends a command: one sentence on standard error, more lines where there is more to say."""

    def __init__(
        self,
        message: str,
        *,
        code: Exit = Exit.FAILED,
        lines: Sequence[str] = (),
        problem: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.lines = tuple(lines)
        self.problem = problem
        """The type of the problem, where a service said one."""
