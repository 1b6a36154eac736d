"""`heliodesk handover` against canned answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.handlers.test_cli_commands import Desk, Routes, ok, problem

PORT = 18103
HANDOVER: dict[str, Any] = {
    "id": "h-1",
    "desk": "london",
    "to": "new-york",
    "closes_at": "2027-01-13T17:00:00.000Z",
    "stage": "open",
    "unsigned": ["giving", "taking"],
    "alarms": [{"reason": "unsigned"}],
    "time_zone": "America/New_York",
    "agents": ["ann"],
    "answering": {
        "giving": {"on_duty": "ann", "duty_manager": "max"},
        "taking": {"on_duty": None, "duty_manager": None},
    },
    "may_sign": ["giving"],
    "missing": ["sla"],
    "items": [
        {
            "told": "HD-1  offered: to new-york until 16:55",
            "lines": ["P2 incident by mail, open for 3 h.", "Next: visit the site (says ann)."],
            "quotes": [
                {
                    "author": "王芳",
                    "at": "2027-01-13T12:00:00.000Z",
                    "text": "打印机\n不工作\x1b[31m",
                    "whole": False,
                }
            ],
        }
    ],
    "matters": [{"title": "Keys", "noted": {"state": "normal", "text": "In the safe."}}],
}


def desk(home: Path) -> Desk:
    """Return a routing service that knows one handover."""
    base = "/v1/handovers"
    routes: Routes = {
        (PORT, "GET", base): ok({"handovers": [HANDOVER], "next": None}),
        (PORT, "GET", f"{base}/h-1"): ok(HANDOVER),
        (PORT, "GET", f"{base}/h-1/report"): ok({"text": "Shift of london\n"}),
        (PORT, "POST", f"{base}/h-1/items/HD-1/accept"): ok({"told": "HD-1  moved: → new-york"}),
        (PORT, "POST", f"{base}/h-1/sign"): ok({**HANDOVER, "unsigned": ["taking"]}),
        (PORT, "POST", f"{base}/h-1/items/HD-1/keep"): problem(
            409, "may-not-be-kept: P1 is never kept by a closed desk"
        ),
    }
    return Desk(home, routes)


def test_handovers_are_listed_and_shown(tmp_path: Path) -> None:
    """Desks, end, who has to sign; the brief of each ticket with quotes, harmless on a terminal."""
    shown = desk(tmp_path).run("handover", "list", "--open")
    assert "london → new-york" in shown.stdout
    whole = desk(tmp_path).run("handover", "show", "h-1").stdout
    assert "Next: visit the site (says ann)." in whole
    assert "打印机 不工作" in whole
    assert "\x1b[31m" not in whole
    assert "Keys: normal: In the safe." in whole


def test_one_clock_is_shown_and_who_signs(tmp_path: Path) -> None:
    """The zone that routing tells in, with UTC in brackets, for the end as for a quotation."""
    whole = desk(tmp_path).run("handover", "show", "h-1").stdout
    assert "2027-01-13 12:00 (17:00 UTC)" in whole
    assert "王芳, 2027-01-13 07:00 (12:00 UTC): " in whole
    assert "ann is on duty; duty manager max" in whole
    assert "nobody in particular is on duty" in whole
    listed = desk(tmp_path).run("handover", "list").stdout
    assert "2027-01-13 12:00 (17:00 UTC)" in listed
    assert "2027-01-13T" not in whole + listed


def test_the_report_is_printed_as_it_is(tmp_path: Path) -> None:
    """In the language that was asked for."""
    found = desk(tmp_path)
    assert found.run("handover", "report", "h-1", "--lang", "zh").stdout == "Shift of london\n"
    assert found.asked[-1].url.params["lang"] == "zh"


def test_what_is_said_is_sent_and_its_outcome_shown(tmp_path: Path) -> None:
    """An acceptance, a signature, and a refusal with its reason and exit code 3."""
    found = desk(tmp_path)
    said = found.run("handover", "accept", "h-1", "HD-1", "--take")
    assert said.stdout.strip() == "HD-1  moved: → new-york"
    assert json.loads(found.asked[-1].content)["take"] is True
    assert "still to sign: taking." in found.run("handover", "sign", "h-1").stdout
    refused = found.run("handover", "keep", "h-1", "HD-1")
    assert refused.exit_code == 3
    assert "never kept by a closed desk" in refused.stderr
