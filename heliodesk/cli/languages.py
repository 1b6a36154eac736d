"""The languages in which the product explains itself on the command line."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """English and Chinese."""

    EN = "en"
    ZH = "zh"
