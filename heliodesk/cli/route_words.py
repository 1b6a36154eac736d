"""What routing decided, and what it would decide, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliodesk.cli.moments import shown

CHANGES: Mapping[str, str] = {
    "skill": "the skill {name} is asked for no more",
    "language": "who speaks {name} will do",
    "any-language": "the language matters no more",
    "desk": "the agents of {name} may take it, too",
    "affinity": "it waits no longer for who knows it",
    "declined": "who declined it is asked anew",
    "opens": "{name} opens",
    "hours": "{name} opens or closes, and another rule may count",
    "ramp": "{name} may be given the next one",
}


def explanation_lines(found: Mapping[str, Any]) -> list[str]:
    """Return an explanation of routing as lines for people."""
    queue = f", queue {found['queue']}" if found.get("queue") else ""
    where = f"{found['number']} is {found['status']} at {found['desk']}{queue}"
    lines = [f"{where}, with {found['agent']}." if found["agent"] else f"{where}."]
    if found.get("unrouted"):
        lines.append("ALARM: no topology takes it; the fallback desk has it.")
    if found.get("unattended"):
        until = found.get("person_at")
        when = f"until {shown(until)}" if until else "until a person is asked for"
        lines.append(f"It is at tier 0: with its requester and automation, {when}.")
    if found.get("contact_desk"):
        lines.append(f"The requester's contact is {found['contact_desk']}.")
    if found["opens_at"]:
        lines.append(f"Nobody was open as it was queued; somebody opens at {found['opens_at']}.")
    for title, part in (("Desk", found["queued"]), ("Agent", found["assigned"])):
        if part is not None:
            lines += part_lines(title, part)
    waiting = found.get("waiting")
    if waiting is not None:
        lines += part_lines("Now", waiting["explanation"])
        lines += change_lines(waiting["changes"])
    return lines


def part_lines(title: str, part: Mapping[str, Any]) -> list[str]:
    """Return one reason with its candidates and counts."""
    by = f" (topology {part['topology']}, {part['shape']})" if part["topology"] else ""
    policy = f" (rule {part['policy']}{_hours(part)})" if part.get("policy") else ""
    lines = [f"{title}: {part['rule']}{by}{policy}."]
    for candidate in part["candidates"]:
        mark = "→" if candidate["chosen"] else " "
        load = candidate["score"]
        words = "" if load is None else f", {load:.0%} of the capacity taken"
        desk = f" of {candidate['desk']}" if candidate.get("desk") else ""
        left_out = f", left out: {candidate['left_out']}" if candidate["left_out"] else ""
        lines.append(f"  {mark} {candidate['name']}{desk}{words}{left_out}")
    if part["left_out"] and not any(c["left_out"] for c in part["candidates"]):
        counts = ", ".join(f"{count} {reason}" for reason, count in part["left_out"].items())
        lines.append(f"    others left out: {counts}")
    return lines


def _hours(part: Mapping[str, Any]) -> str:
    """Return because of which hours a rule counts; empty where it counts at any."""
    said = ((part.get("during"), "open"), (part.get("outside"), "closed"))
    words = " and ".join(f"{name} is {state}" for name, state in said if name)
    return f", as {words}" if words else ""


def change_lines(changes: list[Mapping[str, Any]]) -> list[str]:
    """Return what will change by itself, the soonest first."""
    lines = []
    for change in changes:
        words = CHANGES.get(change["what"], change["what"] + " {name}")
        lines.append(f"  {shown(change['at'])}: {words.format(name=change['name'])}")
    return ["What changes by itself:", *lines] if lines else []
