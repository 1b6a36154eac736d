"""Asking an owner: its answer, or what a person is told instead."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

from shared.kernel import CommandRejected, Infrastructure

NOT_FOUND: Final = 404
STALE: Final = 412
DOWN: Final = 503

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer: the owner's words, or that it does not answer."""

    code: str
    reason: str
    status: int
    service: str = "intake"
    field: str = ""
    """The field of the command that is at fault, as the owner calls it; empty for none."""

    @property
    def is_down(self) -> bool:
        """Whether the owner did not answer."""
        return self.status == DOWN

    @property
    def is_missing(self) -> bool:
        """Whether there is no such thing."""
        return self.status == NOT_FOUND


async def ask(question: Awaitable[T], *, service: str = "intake") -> T | Refusal:
    """Return an answer, or why there is none."""
    try:
        return await question
    except CommandRejected as error:
        return Refusal(error.code, error.reason, error.status, service, error.field or "")
    except Infrastructure as error:
        return Refusal("down", str(error), DOWN, service)
