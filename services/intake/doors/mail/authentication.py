"""Whether the sender of a mail is who it says, as our own mail server found out (RFC 8601).

Anybody can write ``Authentication-Results``: only those by the server that is trusted count, and
of these only the topmost, since every server puts its headers above those that it was handed.
Servers with a filter for each method write one header each, next to each other: what is bad is
believed of all of them, what is good of the topmost alone, as a forged one may follow it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.doors.mail.headers import Headers

ANY_SERVER = "*"
"""Instead of a server's name, where it writes none: the topmost header counts."""
RESULTS_MAX = 50
"""Results of one header."""

_HEADER = "authentication-results"
_PAIR = re.compile(
    r"([a-z0-9.-]{1,60})(?:/\d{1,3})?\s{0,3}=\s{0,3}(\"[^\"]{0,300}\"|[^\s;]{1,300})"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a server says of one method: ``dmarc``, ``fail`` and its properties."""

    method: str
    value: str
    properties: dict[str, str]


def is_proven(headers: Headers, *, sender: str, authserv_id: str, aligned: bool) -> bool:
    """Return whether a trusted server has nothing against a sender.

    Args:
        headers: of the mail.
        sender: the address that it is said to be from.
        authserv_id: by what name the trusted server signs its results, or `ANY_SERVER`.
        aligned: something has to speak for the sender: DMARC, or DKIM or SPF of its domain. Else
            it is enough that DMARC does not fail.
    """
    domain = _domain(sender)
    if not domain or len(headers.parties("from")) != 1 or len(headers.all("from")) != 1:
        # Of nobody, or of several, the server cannot have looked at the one that counts here.
        return False
    named = _by_server(headers, authserv_id)
    verdicts = [r for results in named for r in results if r.method == "dmarc"]
    if any(r.value == "fail" for r in verdicts):
        return False
    best = named[0] if named else ()
    if any(not _is_about(r, domain) for r in best if r.method == "dmarc"):
        return False
    if not aligned:
        return True
    return any(_speaks_for(result, domain) for result in best)


def _by_server(headers: Headers, authserv_id: str) -> Sequence[Sequence[Result]]:
    """Return the results by a server: of its topmost header, and of those right below it."""
    found: list[Sequence[Result]] = []
    for name, text in headers.ordered():
        results = _results(text, authserv_id.lower()) if name == _HEADER else None
        if results is not None:
            found.append(results)
        elif found:
            break
        if found and authserv_id == ANY_SERVER:
            break
    return found


def _results(text: str, authserv_id: str) -> Sequence[Result] | None:
    """Return what a header says; None where another server wrote it."""
    first, *others = _clauses(text)
    names = first.strip('"\t ').split()
    if authserv_id != ANY_SERVER and names[:1] != [authserv_id]:
        return None
    clauses = others if "=" not in first else [first, *others]
    found = []
    for clause in clauses[:RESULTS_MAX]:
        pairs = _PAIR.findall(clause)
        if pairs:
            (method, value), *properties = pairs
            found.append(Result(method, value.strip('"'), {k: v.strip('"') for k, v in properties}))
    return found


def _clauses(text: str) -> list[str]:
    """Return the parts of a header between semicolons, in lower case, without comments."""
    clauses: list[list[str]] = [[]]
    depth, quoted, escaped = 0, False, False
    for character in text.lower():
        if escaped or character == "\\":
            escaped = not escaped
        elif quoted or (character == '"' and not depth):
            quoted = quoted != (character == '"')
            clauses[-1].append(character)
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
            clauses[-1].append(" ")
        elif not depth and character == ";":
            clauses.append([])
        elif not depth:
            clauses[-1].append(character)
    return ["".join(clause) for clause in clauses]


def _is_about(result: Result, domain: str) -> bool:
    """Return whether DMARC was asked of this domain; a server that does not say is believed."""
    asked = result.properties.get("header.from", "")
    return not asked or _domain(asked) == domain


def _speaks_for(result: Result, domain: str) -> bool:
    if result.value != "pass":
        return False
    match result.method:
        case "dmarc":
            return True
        case "dkim":
            signer = result.properties.get("header.d") or result.properties.get("header.i", "")
            return _is_aligned(_domain(signer), domain)
        case "spf":
            return _is_aligned(_domain(result.properties.get("smtp.mailfrom", "")), domain)
        case _:
            return False


def _is_aligned(found: str, domain: str) -> bool:
    """Return whether two domains are one organisation's: equal, or one within the other.

    Without the list of public suffixes two siblings count as strangers, and a name of one label
    as nobody's.
    """
    if "." not in found or "." not in domain:
        return False
    return found == domain or found.endswith(f".{domain}") or domain.endswith(f".{found}")


def _domain(address: str) -> str:
    """Return the domain of an address, or a domain itself, as both forms of it are compared."""
    domain = address.rpartition("@")[2].strip(" .<>").lower()
    try:
        return domain.encode("idna").decode("ascii") if domain else ""
    except UnicodeError:
        return domain
