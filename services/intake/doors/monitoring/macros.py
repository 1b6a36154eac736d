"""Names that monitors in Nagios' tradition give to what they tell, for scripts of one's own.

The scripts in ``deploy/integrations`` post our names. Whoever posts the monitor's macros by their
own names is understood too: ``HOSTNAME``, ``$HOSTNAME$``, ``NAGIOS_HOSTNAME``, ``host.name``.
Sources: Nagios Core documentation, "Standard Macros"; Icinga 2 documentation, "Runtime Macros".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NOT_A_LETTER = re.compile(r"[^A-Z]+")
_PREFIXES = ("NAGIOS", "ICINGA")
_COMMON = {
    "type": ("NOTIFICATIONTYPE",),
    "host": ("HOSTNAME",),
    "host_display": ("HOSTDISPLAYNAME", "HOSTALIAS"),
    "service": ("SERVICEDESC", "SERVICENAME", "SERVICEDESCRIPTION"),
    "service_display": ("SERVICEDISPLAYNAME",),
    "address": ("HOSTADDRESS", "ADDRESS"),
    "at": ("TIMET",),
    "author": ("NOTIFICATIONAUTHOR", "NOTIFICATIONAUTHORNAME"),
    "comment": ("NOTIFICATIONCOMMENT",),
}
_OF_OBJECT = {
    "state": ("STATE",),
    "output": ("OUTPUT",),
    "url": ("NOTESURL",),
}


def by_our_names(body: Any) -> Any:
    """Return the fields of a notification; a body that has ours is returned as it is."""
    if not isinstance(body, Mapping) or "type" in body:
        return body
    found: dict[str, Any] = {}
    for name, value in body.items():
        letters = _NOT_A_LETTER.sub("", str(name).upper())
        for prefix in _PREFIXES:
            letters = letters.removeprefix(prefix)
        found.setdefault(letters, value)
    kind = "SERVICE" if any(found.get(n) for n in _COMMON["service"]) else "HOST"
    wanted = {
        **_COMMON,
        **{name: tuple(f"{kind}{end}" for end in ends) for name, ends in _OF_OBJECT.items()},
        "long_output": (f"LONG{kind}OUTPUT",),
        "changed_at": (f"LAST{kind}STATECHANGE", f"{kind}LASTSTATECHANGE"),
    }
    said = {ours: [found[n] for n in names if n in found] for ours, names in wanted.items()}
    return {**body, **{ours: values[0] for ours, values in said.items() if values}}
