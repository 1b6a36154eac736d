"""`heliodesk topics`: the topics of the registry."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from heliodesk.cli.context import context_of
from heliodesk.cli.output import print_json, print_line, print_table
from shared.contracts.topics import TOPICS
from shared.provision import ensure_topics

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(no_args_is_help=True, help="List the topics, and create those that are missing.")


@app.command(name="list")
def list_topics(*, as_json: AsJson = False) -> None:
    """List the topics: who writes, who reads."""
    if as_json:
        print_json(
            [
                {
                    "name": topic.name,
                    "owner": topic.owner,
                    "key": topic.key,
                    "partitions": topic.partitions,
                    "consumers": list(topic.consumers),
                    "events": [body.type for body in topic.events],
                }
                for topic in TOPICS
            ]
        )
        return
    rows = [
        (t.name, t.owner, t.key, str(t.partitions), ", ".join(t.consumers) or "outsiders")
        for t in TOPICS
    ]
    print_table(("topic", "written by", "key", "partitions", "read by"), rows)


@app.command()
def create(
    ctx: typer.Context,
    *,
    replication_factor: Annotated[
        int, typer.Option("--replication-factor", min=1, help="3 in production.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are not there; nothing happens to those that are."""
    servers = context_of(ctx).servers
    created = asyncio.run(ensure_topics(servers, replication_factor=replication_factor))
    if as_json:
        print_json({"created": created})
        return
    print_line(f"Created {', '.join(created)}." if created else "All topics were there already.")
