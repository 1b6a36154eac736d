"""How a command gets at its context: the root command makes it, tests hand in their own."""

from __future__ import annotations

import typer

from heliodesk.context import Context


def context_of(ctx: typer.Context) -> Context:
    """Return the context of a command."""
    found = ctx.find_root().obj
    if not isinstance(found, Context):
        message = "the root command made no context"
        raise TypeError(message)
    return found


__all__ = ["Context", "context_of"]
