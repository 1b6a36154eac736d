"""Telephone numbers: one way of writing each, so that a caller is known again.

Sources: ITU-T E.164 (numbers), E.123 (how people write them), RFC 3966 (``tel:``), RFC 3261
(``sip:``). Numbering plans come from Google's libphonenumber.
"""

from __future__ import annotations

import re

import phonenumbers

from services.intake.domain.normal import Party

WITHHELD = frozenset(
    {
        "-",
        "anonymous",
        "blocked",
        "none",
        "null",
        "private",
        "restricted",
        "unavailable",
        "unknown",
        "withheld",
    }
)
"""What exchanges write instead of a number that the caller does not show."""
E164_CHARACTERS_MIN = 7
"""With the plus; some small countries have numbers of six digits."""
EXTENSION_DIGITS_MAX = 6
"""What is shorter than any number with its area's code is an extension, or a short code."""
E164_CHARACTERS_MAX = 16
EXTENSION = re.compile(r"[0-9*#]{1,10}\Z")
_PUNCTUATION = re.compile(r"[\s().\-/\u2010-\u2015\u00a0]+")
_URI = re.compile(r"^(?:tel|sips?|callto):", re.IGNORECASE)


def plain_number(written: str) -> str:
    """Return a number without its scheme, its host, its parameters and the marks between."""
    bare = _URI.sub("", written.strip())
    user = bare.partition("@")[0].partition(";")[0]
    return _PUNCTUATION.sub("", user.replace("(0)", ""))


def e164(written: str, *, country: str | None) -> str | None:
    """Return a number in E.164, such as ``+4930123456``; None where it is none.

    Args:
        written: as a person or an exchange writes it; also as a tel: or sip: address.
        country: ISO 3166-1 alpha-2, for a number without its country's code; None where only
            international ones are understood.
    """
    number = plain_number(written)
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if not number.removeprefix("+").isdigit() or not number.isascii():
        return None
    if not number.startswith("+") and (country is None or len(number) <= EXTENSION_DIGITS_MAX):
        return None
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return text if E164_CHARACTERS_MIN <= len(text) <= E164_CHARACTERS_MAX else None


def caller_party(written: str | None, *, country: str | None, name: str = "") -> Party | None:
    """Return who calls, None where the number is withheld or says nothing.

    An extension is a name that the exchange has for somebody. A shown number proves nobody: it
    can be forged.
    """
    text = (written or "").strip()
    if not text or plain_number(text).lower() in WITHHELD:
        return None
    number = e164(text, country=country)
    if number is not None:
        return Party(phone=number, name=name)
    extension = plain_number(text)
    return Party(id=f"extension:{extension}", name=name) if EXTENSION.match(extension) else None


def known_country(value: str) -> str:
    """Return a country's code that the numbering plans know, in upper case.

    Raises:
        ValueError: they know none of that name.
    """
    code = value.upper()
    if code not in phonenumbers.SUPPORTED_REGIONS:
        message = f"{value!r} is no country of the numbering plans; write it as DE or CN"
        raise ValueError(message)
    return code
