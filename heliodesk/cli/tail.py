"""`heliodesk tail`: events as they happen, one readable line each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from rich.text import Text

from heliodesk.cli.context import Context, context_of
from heliodesk.cli.event_lines import words_of
from heliodesk.cli.output import console, print_json_line
from heliodesk.errors import CliError, Exit
from shared.contracts.topics import TOPICS

START_SECONDS_MAX: Final = 15.0
POLL_MILLISECONDS: Final = 300
PREFIX: Final = "heliodesk."

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Seen:
    """One record of a topic, as far as it could be read."""

    topic: str
    partition: int
    offset: int
    at: datetime
    attributes: dict[str, str]
    """CloudEvents attributes without their prefix."""
    body: Any

    @property
    def type(self) -> str:
        """Return the type without the words that all types share: ``ticket.queued``."""
        return self.attributes.get("type", "(no event)").removeprefix(PREFIX).rpartition(".v")[0]

    def json(self) -> dict[str, Any]:
        """Return the record for programs."""
        place = {"topic": self.topic, "partition": self.partition, "offset": self.offset}
        return {**place, **self.attributes, "data": self.body}


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
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print events of all topics as they happen, until Ctrl-C."""
    context = context_of(ctx)
    names = _topics(topics or [])
    wanted = _filter(context, ticket)
    show = _show_json if as_json else _Lines()
    try:
        asyncio.run(_tail(context, names, wanted, show, from_start=from_start, limit=limit))
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
    names = {ticket, *((found["ticket"], found["number"]) if found else ())} - {None}

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


@asynccontextmanager
async def reading(
    servers: Sequence[str], topics: Sequence[str], *, from_start: bool
) -> AsyncIterator[AIOKafkaConsumer]:
    """Give a consumer without a group that stands at the end of the topics, or at their start.

    Raises:
        CliError: the broker does not answer, or has none of the topics.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(servers),
        enable_auto_commit=False,
        group_id=None,
        auto_offset_reset="earliest",
    )
    try:
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await consumer.start()
                partitions = [
                    TopicPartition(topic, number)
                    for topic in topics
                    for number in sorted(consumer.partitions_for_topic(topic) or ())
                ]
                if not partitions:
                    message = "The broker has none of these topics: `heliodesk topics create`."
                    raise CliError(message)
                consumer.assign(partitions)
                move = consumer.seek_to_beginning if from_start else consumer.seek_to_end
                await move(*partitions)
                # The positions are fixed now; what comes after this point is seen.
                for partition in partitions:
                    await consumer.position(partition)
        except (KafkaError, TimeoutError, OSError) as error:
            message = f"The broker at {', '.join(servers)} does not answer. Is Heliodesk running?"
            raise CliError(message, code=Exit.UNREACHABLE) from error
        yield consumer
    finally:
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await consumer.stop()
        except (KafkaError, TimeoutError, OSError):
            pass


async def _tail(
    context: Context,
    topics: Sequence[str],
    wanted: Callable[[Seen], bool],
    show: Callable[[Seen], None],
    *,
    from_start: bool,
    limit: int | None,
) -> None:
    async with reading(context.servers, topics, from_start=from_start) as consumer:
        count = 0
        while True:
            for seen in await poll(consumer):
                if not wanted(seen):
                    continue
                show(seen)
                count += 1
                if count == limit:
                    return


async def poll(consumer: AIOKafkaConsumer) -> list[Seen]:
    """Return the next records of all partitions in the order of their times; possibly none."""
    batches = await consumer.getmany(timeout_ms=POLL_MILLISECONDS)
    found = [seen_of(record) for batch in batches.values() for record in batch]
    return sorted(found, key=lambda seen: (seen.at, seen.topic, seen.partition, seen.offset))


def seen_of(record: ConsumerRecord[Any, Any]) -> Seen:
    """Read a record; whatever cannot be read is shown as it is."""
    attributes = {
        name.removeprefix("ce_"): (value or b"").decode("utf-8", "replace")
        for name, value in record.headers
        if name.startswith("ce_")
    }
    try:
        body = json.loads(record.value or b"null")
    except (ValueError, UnicodeDecodeError):
        body = (record.value or b"").decode("utf-8", "replace")
    # The record's own time: outsiders' events may have none, or one of their own making.
    at = datetime.fromtimestamp(record.timestamp / 1000).astimezone()
    return Seen(record.topic, record.partition, record.offset, at, attributes, body)


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
            (f"{seen.at:%H:%M:%S} ", "dim"),
            (f"{seen.type:<28} ", self._styles.get(seen.topic, "")),
            words_of(seen.type, body) or seen.attributes.get("subject", ""),
        )
        self._console.print(line, soft_wrap=True)
