"""Which languages are the same for people: the one home of that question."""

from __future__ import annotations

from collections.abc import Iterable


def primary(language: str) -> str:
    """Return a language without script and country, in lower case: ``zh`` of ``zh-Hant-TW``."""
    return language.partition("-")[0].lower()


def speaks(languages: Iterable[str], wanted: str | None) -> bool:
    """Return whether one of the languages is the wanted one, whatever its script or country.

    None wants none in particular: anybody will do.
    """
    if wanted is None:
        return True
    asked = primary(wanted)
    return any(primary(language) == asked for language in languages)
