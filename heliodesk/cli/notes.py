"""Texts about a ticket: they are notes in intake, and other services name them by their id."""

from __future__ import annotations

from heliodesk.cli.context import Context


def write_note(context: Context, ticket: str, text: str, *, key: str) -> str:
    """Write an internal note of a ticket and return its id; the same key is the same note."""
    # Intake knows tickets by their id alone.
    own = context.api("routing").get(f"/v1/tickets/{ticket}")["id"]
    said = {"text": text, "visibility": "internal"}
    headers = {"Idempotency-Key": key}
    path = f"/v1/tickets/{own}/messages"
    answer = context.api("intake").call("POST", path, said, headers=headers)
    return str(answer["message"])
