"""What a refusal reads like: a sentence, and the field of the form that it stands beside."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from services.console.domain.words import Words
from services.console.handlers.asking import STALE, Refusal

ALREADY_DECIDED: Final = "already-decided"
"""Intake's code where somebody else was faster, and decided otherwise."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with which form; ``field`` is empty where it is none of its fields."""

    form: str
    text: str
    field: str = ""


def told(refusal: Refusal, words: Words) -> str:
    """Return the sentence for a command that changed nothing."""
    if refusal.is_down:
        return words("act.down", service=refusal.service)
    if refusal.status == STALE:
        return words("act.changed")
    return words("act.refused", reason=_reason(refusal, words))


def fault_of(
    refusal: Refusal, words: Words, *, form: str, fields: Collection[str] = ()
) -> Fault | None:
    """Return what stands beside a field; None where the refusal names none of the form's."""
    field = next((f for f in fields if refusal.field.split(".")[0] == f), "")
    return Fault(form, _reason(refusal, words), field) if field else None


def _reason(refusal: Refusal, words: Words) -> str:
    """Return the reason in the viewer's language; in the owner's words where there is none."""
    key = f"refusal.{refusal.code}"
    return words(key) if words.has(key) else refusal.reason
