"""Two contacts that are one person: what of the one is the other's as well. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from services.intake.domain.contact import KEYS_MAX, Person
from services.intake.domain.finding import search_keys

REACHED_BY: Final = ("mail", "phone")


def taking_in(target: Person, source: Person) -> Person:
    """Return a contact that takes another one in: it is reached, and found, by what both have.

    What it has itself stays: the other's is used where there was nothing.
    """
    filled = {f: getattr(source, f) for f in REACHED_BY if getattr(target, f) is None}
    keys = tuple(dict.fromkeys((*target.keys, *source.keys)))[:KEYS_MAX]
    return target.model_copy(update={**filled, "keys": keys})


def letting_go(target: Person, source: Person, *, own: Collection[str]) -> Person:
    """Return a contact as it is without another one that it had taken in.

    Args:
        target: who took the other one in.
        source: the other one.
        own: the target's own addresses, each with its kind in front.
    """
    borrowed = {
        field: None
        for field in REACHED_BY
        if getattr(target, field) is not None
        and getattr(target, field) == getattr(source, field)
        and f"{field}:{getattr(target, field)}" not in own
    }
    alone = target.model_copy(update=borrowed)
    return alone.model_copy(update={"keys": search_keys(alone, own)})
