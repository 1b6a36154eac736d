"""Which open tickets a configuration would move: asked of routing, said in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from heliodesk.cli.context import Context
from heliodesk.cli.output import note, print_line
from heliodesk.errors import CliError, Exit

PATH: Final = "/v1/routing/dry-run"
EXAMPLES_SHOWN: Final = 3
"""Of each way that tickets go; the JSON has more."""

NoTickets = Annotated[
    bool, typer.Option("--no-tickets", help="Do not ask which open tickets would move.")
]

_REASONS: Final[Mapping[str, str]] = {
    "choice-changed": "the topology chooses another desk",
    "desk-removed": "the desk is gone",
    "agent-removed": "the agent is gone",
    "agent-not-serving": "the agent serves the desk no more",
    "same-choice": "the choice is the same",
    "put-by-people": "people put them there",
    "in-hand": "in hand",
    "not-concerned": "decided by a version as new",
}


@dataclass(frozen=True, slots=True)
class Dry:
    """What routing answered, or why it did not."""

    answer: dict[str, Any] | None
    missing: str = ""
    """Why nothing, or not everything, is known of the tickets; empty where all is."""

    @classmethod
    def run(cls, context: Context, sections: Mapping[str, Any], *, version: int) -> Dry:
        """Ask routing; an organisation of which no version is in force has no tickets to ask for.

        Args:
            context: of the command.
            sections: the configuration that is to be tried.
            version: in force, as control says.
        """
        try:
            answer = context.api("routing").call("POST", PATH, {"sections": dict(sections)})
        except CliError as error:
            return cls(None, error.message)
        if answer["version"] != version:
            told = f"routing compared with version {answer['version']}, and {version} is in force"
            return cls(answer, told)
        if not answer["complete"]:
            return cls(answer, f"there was time for {answer['tickets']} open tickets only")
        return cls(answer)

    def show(self) -> None:
        """Print it for people."""
        if self.answer is not None:
            for line in lines_of(self.answer):
                print_line(line)
        if self.missing:
            what = "not known" if self.answer is None else "known in part only"
            note(f"Which open tickets would move is {what}: {self.missing}")

    def end(self) -> None:
        """End the command with the code that says that something is missing, where it is."""
        if self.missing:
            raise typer.Exit(Exit.UNREACHABLE)


def lines_of(answer: Mapping[str, Any]) -> list[str | Text]:
    """Return a dry run as lines for people."""
    count = _tickets(answer["moving"])
    as_of = f"version {answer['version']} at {answer['at']} ({answer['took_seconds']:g} s)"
    lines: list[str | Text] = [
        f"{count} of {answer['tickets']} open would move, as of {as_of}.",
    ]
    for flow in answer["moves"]:
        lines += _flow(flow, f"{flow['origin']} → {flow['target']}")
    for flow in answer["later"]:
        lines += _flow(flow, f"{flow['origin']} → ? (pending: when the work goes on)")
    for unable in answer["nobody_able"]:
        count = _tickets(unable["tickets"])
        text = f"  ! {count} at {unable['desk']}: nobody who works there could be given them"
        lines.append(Text(text, style="bold red"))
        lines += [f"      {_name(example)}" for example in unable["examples"][:EXAMPLES_SHOWN]]
    if answer["stays"]:
        stays = [f"{_reason(reason)} {n}" for reason, n in answer["stays"].items()]
        lines.append(f"  the rest stays: {', '.join(stays)}")
    return lines


def _flow(flow: Mapping[str, Any], way: str) -> Sequence[str]:
    lines = [f"  {way}: {_tickets(flow['tickets'])}, {_reason(flow['reason'])}"]
    for example in flow["examples"][:EXAMPLES_SHOWN]:
        was = f" (before: {example['was']})" if example["was"] else ""
        why = f": {example['rule']}{was}" if example["rule"] else ""
        lines.append(f"      {_name(example)}{why}")
    more = flow["tickets"] - min(len(flow["examples"]), EXAMPLES_SHOWN)
    return [*lines, f"      and {more} more"] if more > 0 and flow["examples"] else lines


def _name(example: Mapping[str, Any]) -> str:
    with_whom = f", with {example['agent']}" if example["agent"] else ""
    return f"{example['number']} ({example['status']}{with_whom})"


def _tickets(count: int) -> str:
    return "1 ticket" if count == 1 else f"{count} tickets"


def _reason(word: str) -> str:
    return _REASONS.get(word, word)
