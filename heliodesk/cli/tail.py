"""`heliodesk tail`: events as they happen, one readable line each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.text import Text

from heliodesk.cli.context import Context, context_of
from heliodesk.cli.output import console, print_json_line, printable
from heliodesk.errors import CliError, Exit
from heliodesk.event_words import words_of
from heliodesk.events import PREFIX, Seen, poll, reading
from shared.contracts.topics import TOPICS

app = typer.Typer()


@app.command()
def tail(
    ctx: typer.Context,
    *,
    topics: Annotated[
        list[str] | None,
        typer.Option("--topic", "-t", help="Only this topic, such as tickets; may be repeated."),
    ] = None,
    ticket: Annotated[
        str | None, typer.Option("--ticket", help="Only this ticket: number or id.")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="From the first event on that is kept.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="End after so many events.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="End with the last event that there is now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print events of all topics as they happen, until Ctrl-C."""
    context = context_of(ctx)
    names = _topics(topics or [])
    wanted = _filter(context, ticket)
    show = _show_json if as_json else _Lines()
    try:
        asyncio.run(
            _tail(context, names, wanted, show, from_start=from_start, limit=limit, once=once)
        )
    except KeyboardInterrupt:
        return


def _topics(given: Sequence[str]) -> list[str]:
    known = [topic.name for topic in TOPICS]
    if not given:
        return known
    chosen = [name if name.startswith(PREFIX) else PREFIX + name for name in given]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        short = ", ".join(name.removeprefix(PREFIX) for name in known)
        message = f"There is no topic {', '.join(unknown)}; there are {short}."
        raise CliError(message, code=Exit.BAD_INPUT)
    return chosen


def _filter(context: Context, ticket: str | None) -> Callable[[Seen], bool]:
    """Return what chooses the events: all, or those that speak of one ticket."""
    if ticket is None:
        return lambda _seen: True
    found = context.api("intake").find(f"/v1/requests/{ticket}")
    if found is None:
        raise CliError(f"There is no ticket {ticket}: `heliodesk ticket list` shows them.")
    names = {ticket, found["ticket"], found["number"]} - {None}

    def speaks_of_it(seen: Seen) -> bool:
        body = seen.body if isinstance(seen.body, dict) else {}
        return bool(
            names
            & {
                seen.attributes.get("subject"),
                seen.attributes.get("correlationid"),
                body.get("ticket"),
                body.get("number"),
            }
        )

    return speaks_of_it


async def _tail(
    context: Context,
    topics: Sequence[str],
    wanted: Callable[[Seen], bool],
    show: Callable[[Seen], None],
    *,
    from_start: bool,
    limit: int | None,
    once: bool,
) -> None:
    async with reading(context.servers, topics, from_start=from_start) as consumer:
        count = 0
        ends = await consumer.end_offsets(consumer.assignment()) if once else {}
        while not once or await _is_short_of(consumer, ends):
            for seen in await poll(consumer):
                if not wanted(seen):
                    continue
                show(seen)
                count += 1
                if count == limit:
                    return


async def _is_short_of(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return True
    return False


def _show_json(seen: Seen) -> None:
    print_json_line(seen.json())


class _Lines:
    """Prints one line an event: time, topic, type, what it says."""

    _STYLES: Final = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_magenta")

    def __init__(self) -> None:
        self._console = console()
        self._styles = {
            topic.name: self._STYLES[n % len(self._STYLES)] for n, topic in enumerate(TOPICS)
        }

    def __call__(self, seen: Seen) -> None:
        body = seen.body if isinstance(seen.body, dict) else {}
        line = Text.assemble(
            (f"{seen.at.astimezone():%H:%M:%S} ", "dim"),
            (f"{printable(seen.type):<28} ", self._styles.get(seen.topic, "")),
            printable(words_of(seen.type, body) or seen.attributes.get("subject", "")),
        )
        self._console.print(line, soft_wrap=True)
