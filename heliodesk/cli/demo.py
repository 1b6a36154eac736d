"""`heliodesk demo`: real requests through every door, and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

import typer
from rich.console import Console, OverflowMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from heliodesk.cli.context import Context, context_of
from heliodesk.cli.moments import instant_of, span
from heliodesk.cli.output import console, note, print_json
from heliodesk.demo.run import Demo, Outcome
from heliodesk.demo.story import Step, Story
from heliodesk.errors import CliError, Exit
from heliodesk.events import Seen
from shared.clock import Clock

REFRESH_PER_SECOND: Final = 6
SENTENCE: Final = "bold"
PAUSE_SECONDS: Final = 1.0
"""Between two steps, so that one who watches can follow."""
WIDE: Final = 84
"""Columns from which both clocks have room."""

app = typer.Typer()


@app.command()
def demo(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")] = False,
) -> None:
    """Send real requests through every door and show what becomes of them.

    An Alertmanager webhook, an e-mail, a web form and a CloudEvent become tickets, are queued,
    assigned, get their clocks, and lead to mail. Then a desk closes and the next one takes over.
    Exit code 1 where any of it did not happen in time.
    """
    context = context_of(ctx)
    stage = Stage(context.clock, console(stderr=as_json), silent=as_json)
    with stage:
        pause = PAUSE_SECONDS if stage.is_live else 0.0
        outcome = asyncio.run(Demo(context, stage, pause_seconds=pause).run())
    if as_json:
        print_json(summary(outcome))
    else:
        _conclude(context, outcome)
    if outcome.missing:
        missing = list(outcome.missing)
        raise CliError("Not everything happened in time:", code=Exit.FAILED, lines=missing)


class Stage:
    """Shows the demonstration: a live table on a terminal, plain lines elsewhere."""

    def __init__(self, clock: Clock, out: Console, *, silent: bool) -> None:
        self._clock = clock
        self._console = out
        self._silent = silent
        self._stories: dict[str, Story] = {}
        self._live: Live | None = None
        if out.is_terminal and not silent:
            self._live = Live(
                get_renderable=self._render,
                console=out,
                refresh_per_second=REFRESH_PER_SECOND,
                transient=True,
            )

    @property
    def is_live(self) -> bool:
        """Return whether somebody watches it on a terminal."""
        return self._live is not None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Show a sentence of the one who demonstrates."""
        self._show(Text(text, style=SENTENCE))

    def event(self, story: Story, seen: Seen, words: str) -> None:
        """Show an event of a story's ticket."""
        number = story.number or ""
        said = words if number in words else f"{number}  {words}"
        line = Text.assemble(
            (f"{seen.at.astimezone():%H:%M:%S} ", "dim"), (f"{seen.type:<22} ", "cyan"), said
        )
        self._show(line, one_row=True)

    def stories(self, stories: Mapping[str, Story]) -> None:
        """Show how far the stories are."""
        self._stories = dict(stories)

    def _show(self, line: Text, *, one_row: bool = False) -> None:
        if self._silent:
            return
        # Above the live table, where there is one: what has happened can be scrolled back to.
        overflow: OverflowMethod = "ellipsis" if one_row else "fold"
        self._console.print(line, no_wrap=one_row, overflow=overflow)

    def _render(self) -> RenderableType:
        return stories_table(self._stories, self._clock, width=self._console.width)


def stories_table(stories: Mapping[str, Story], clock: Clock, *, width: int) -> Table:
    """Return the table of what came of each submission; a narrow one has one clock."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    metrics = (
        {"respond": "response", "resolve": "resolution"}
        if width >= WIDE
        else {"respond": "response"}
    )
    for name in ("door", "ticket", "state", "desk", "agent", *metrics, "mail"):
        table.add_column(name, no_wrap=name in {"ticket", "state", "mail"})
    for story in stories.values():
        ticket = f"{story.number or '…'} {story.priority or ''}".strip()
        table.add_row(
            Text(story.door, style="bold"),
            Text(ticket),
            _state(story),
            Text(story.desk or ""),
            Text(story.agent or ""),
            *(Text(_due(story, metric, clock)) for metric in metrics.values()),
            Text(f"{len(story.mails)} ✉" if story.mails else ""),
        )
    return table


def _state(story: Story) -> Text:
    if story.error:
        return Text("refused", style="red")
    if story.status:
        done = story.status in {"assigned", "resolved"}
        return Text(story.status, style="green" if done else "yellow")
    if Step.TICKET in story.steps:
        return Text("accepted", style="yellow")
    return Text("sent" if Step.SENT in story.steps else "", style="yellow")


def _due(story: Story, metric: str, clock: Clock) -> str:
    due = story.due(metric)
    if due is None:
        state = next((c.state for c in story.clocks if c.metric == metric), "")
        return state if state != "running" else ""
    return f"in {span((instant_of(due) - clock.now()).total_seconds())}"


def _conclude(context: Context, outcome: Outcome) -> None:
    out = console()
    out.print()
    out.print(stories_table(outcome.stories, context.clock, width=out.width))
    out.print()
    takeover = outcome.takeover
    if takeover.problem is None:
        out.print(
            f"{takeover.closing} closed, {takeover.taking} took over: {takeover.number} went to "
            f"{takeover.agent}. The usual hours are back."
        )
    out.print("\n[bold]Look at it[/]")
    for story in outcome.stories.values():
        if story.ticket:
            url = f"{outcome.console}/tickets/{story.ticket}"
            out.print(f"  {story.number}  {url}", soft_wrap=True)
    mails = [mail for story in outcome.stories.values() for mail in story.mails]
    if mails:
        out.print(f"  mailbox    {outcome.console}/mailbox", soft_wrap=True)
        for mail in mails:
            out.print(f"             “{mail.subject}” to {mail.to}", soft_wrap=True)
    number = next((s.number for s in outcome.stories.values() if s.number), None)
    if number:
        out.print(f"  or here: heliodesk ticket show {number}", soft_wrap=True)
    note(f"\n{outcome.seconds:g} s in all.")


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome for programs."""
    takeover = outcome.takeover
    return {
        "ok": not outcome.missing,
        "missing": list(outcome.missing),
        "tag": outcome.tag,
        "seconds": outcome.seconds,
        "tickets": [_ticket(name, story, outcome) for name, story in outcome.stories.items()],
        "takeover": {
            "ok": takeover.problem is None,
            "closing": takeover.closing,
            "taking": takeover.taking,
            "number": takeover.number,
            "agent": takeover.agent,
            "version": takeover.version,
            "version_after": takeover.version_after,
        },
        "console": outcome.console,
        "mailbox": outcome.mailbox,
    }


def _ticket(name: str, story: Story, outcome: Outcome) -> dict[str, Any]:
    return {
        "door": name,
        "ticket": story.ticket,
        "number": story.number,
        "url": f"{outcome.console}/tickets/{story.ticket}" if story.ticket else None,
        "priority": story.priority,
        "status": story.status,
        "desks": list(story.desks),
        "agent": story.agent,
        "clocks": [
            {"metric": c.metric, "state": c.state, "due_at": c.due_at} for c in story.clocks
        ],
        "mails": [{"id": m.id, "subject": m.subject, "to": m.to} for m in story.mails],
        "steps": {step.value: step in story.steps for step in story.wanted},
        "error": story.error,
    }
