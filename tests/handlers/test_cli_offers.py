"""`heliodesk agent next` and `heliodesk ticket reject`, against canned answers."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.handlers.test_cli_commands import ROUTING, TICKET, Desk, ok, problem


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home directory."""
    return tmp_path


def test_the_next_one_is_named(home: Path) -> None:
    """The ticket, or that nothing waits and when something may come; a refusal ends with 1."""
    path = (ROUTING, "POST", "/v1/agents/a-novak/next")
    desk = Desk(home, {path: ok(TICKET)})
    result = desk.run("agent", "next", "a-novak")
    assert (result.exit_code, result.stdout.strip()) == (
        0,
        "T-000001 (P2) of london is a-novak's now.",
    )
    assert desk.json("agent", "next", "a-novak")["number"] == "T-000001"
    nothing = Desk(home, {path: httpx.Response(204, headers={"Retry-After": "59"})})
    assert (
        "Nothing waits for a-novak; something may come in 59 s."
        in nothing.run("agent", "next", "a-novak").stdout
    )
    plain = Desk(home, {path: httpx.Response(204)})
    assert plain.run("agent", "next", "a-novak").stdout.strip() == "Nothing waits for a-novak."
    refused = Desk(home, {path: problem(409, "a-novak holds as much as they can")})
    assert refused.run("agent", "next", "a-novak").exit_code != 0


def test_a_rejection_carries_its_word(home: Path) -> None:
    """The reason goes to routing, for another agent with their name."""
    path = (ROUTING, "POST", "/v1/tickets/T-000001/reject")
    desk = Desk(home, {path: ok(TICKET | {"status": "queued", "agent": None})})
    result = desk.run("ticket", "reject", "T-000001", "busy")
    assert (result.exit_code, result.stdout.strip()) == (0, "T-000001 waits at london again.")
    assert json.loads(desk.asked[-1].content) == {"reason": "busy"}
    desk.run("ticket", "reject", "T-000001", "busy", "--as", "a-novak")
    assert json.loads(desk.asked[-1].content) == {"reason": "busy", "agent": "a-novak"}
