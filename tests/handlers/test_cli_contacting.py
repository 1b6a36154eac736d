"""`heliodesk ticket refer|person|visit|causes`, and `handover brief`, against canned answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heliodesk.cli.handover_brief import Step
from shared.contracts.handover import NextStep
from tests.handlers.test_cli_commands import INTAKE, ROUTING, TICKET, Desk, ok, problem

MOVED: dict[str, Any] = {
    **TICKET,
    "status": "queued",
    "agent": None,
    "opens_at": None,
    "contact_desk": "london",
    "site": "leeds",
}
LINKED: dict[str, Any] = {
    "number": "T-000001",
    "links": {"causes": ["t-7"], "effects": [], "parent": None},
}
ITEM: dict[str, Any] = {
    "told": "T-000001  moved: → new-york",
    "lines": ["Next: call the contact (says ann)."],
    "quotes": [
        {"author": "王芳", "at": "2026-03-05T09:30:00Z", "text": "打印机\x1b[31m", "whole": True}
    ],
}


def test_a_requester_is_referred(tmp_path: Path) -> None:
    """`ticket refer` names the desk and for whom, and says who the contact is now."""
    later = {**MOVED, "opens_at": "2026-03-05T09:00:00Z"}
    desk = Desk(tmp_path, {(ROUTING, "POST", "/v1/tickets/T-000001/refer"): ok(later)})
    said = desk.run("ticket", "refer", "T-000001", "--desk", "london", "--as", "a-novak")
    assert said.stdout == (
        "T-000001 is queued at london, which opens at 2026-03-05 09:00:00 UTC; "
        "the requester's contact is london from now on.\n"
    )
    assert json.loads(desk.asked[0].content) == {"desk": "london", "agent": "a-novak"}
    assert desk.json("ticket", "refer", "T-000001") == later
    assert json.loads(desk.asked[1].content) == {}


def test_a_refusal_is_a_sentence_and_exit_code_3(tmp_path: Path) -> None:
    """What the topology does not allow is said as routing says it."""
    reason = "nobody is sent to leeds: no topology takes the ticket; transfer it instead"
    desk = Desk(tmp_path, {(ROUTING, "POST", "/v1/tickets/T-1/visit"): problem(409, reason)})
    refused = desk.run("ticket", "visit", "T-1")
    assert (refused.exit_code, reason in " ".join(refused.stderr.split())) == (3, True)


def test_somebody_is_sent_and_a_person_asked_for(tmp_path: Path) -> None:
    """`ticket visit` names the site; `ticket person` says who has it."""
    desk = Desk(
        tmp_path,
        {
            (ROUTING, "POST", "/v1/tickets/T-000001/visit"): ok(MOVED),
            (ROUTING, "POST", "/v1/tickets/T-000001/person"): ok(MOVED),
        },
    )
    visit = desk.run("ticket", "visit", "T-000001", "--as", "a-novak")
    assert visit.stdout == "T-000001 is queued at london, for a visit to leeds.\n"
    assert json.loads(desk.asked[0].content) == {"agent": "a-novak"}
    person = desk.run("ticket", "person", "T-000001")
    assert person.stdout == "T-000001 is queued at london.\n"
    assert desk.json("ticket", "person", "T-000001")["desk"] == "london"


def test_a_cause_is_linked_listed_and_taken_back(tmp_path: Path) -> None:
    """By numbers; the answer names the tickets by theirs."""
    base = "/v1/tickets/T-000001"
    gone = {**LINKED, "links": {**LINKED["links"], "causes": [], "effects": ["t-8", "t-9"]}}
    desk = Desk(
        tmp_path,
        {
            (INTAKE, "GET", "/v1/requests/T-000001"): ok({"ticket": "t-1"}),
            (INTAKE, "GET", "/v1/tickets/t-1"): ok(LINKED),
            (INTAKE, "GET", "/v1/tickets/t-7"): ok({"number": "T-000007"}),
            (INTAKE, "GET", "/v1/tickets/t-8"): ok({"number": "T-000008"}),
            (INTAKE, "POST", f"{base}/causes"): ok(LINKED),
            (INTAKE, "POST", f"{base}/causes/remove"): ok(gone),
        },
    )
    caused = "T-000001 is caused by T-000007.\n"
    assert desk.run("ticket", "causes", "T-000001", "T-000007").stdout == caused
    assert json.loads(desk.asked[0].content) == {"cause": "T-000007"}
    assert desk.run("ticket", "causes", "T-000001").stdout == caused
    assert desk.run("ticket", "causes", "T-000001", "T-000007", "--remove").stdout == (
        "T-000001 is the cause of T-000008, t-9.\nT-000001 has no known cause.\n"
    )
    assert desk.json("ticket", "causes", "T-000001")["causes"] == ["t-7"]
    assert desk.run("ticket", "causes", "T-000001", "--remove").exit_code == 2
    assert desk.run("ticket", "causes", "T-9").exit_code == 1


def test_a_brief_is_shown_and_put_right(tmp_path: Path) -> None:
    """What is to be done next goes to routing; the text is an internal note of intake's first."""
    path = "/v1/handovers/h-1/items/T-000001"
    desk = Desk(
        tmp_path,
        {
            (ROUTING, "GET", path): ok(ITEM),
            (ROUTING, "GET", "/v1/handovers/h-1"): ok({"time_zone": "Europe/London"}),
            (ROUTING, "POST", f"{path}/brief"): ok(ITEM),
            (ROUTING, "GET", "/v1/tickets/T-000001"): ok(TICKET),
            (INTAKE, "POST", "/v1/tickets/t-1/messages"): ok({"message": "m-9"}),
        },
    )
    shown = desk.run("handover", "brief", "h-1", "T-000001", "--lang", "zh")
    assert shown.exit_code == 0, shown.output
    assert "Next: call the contact (says ann)." in shown.stdout
    assert "王芳, 2026-03-05 09:30 (09:30 UTC): 打印机" in shown.stdout
    assert "\x1b[31m" not in shown.stdout
    assert desk.asked[0].url.params["lang"] == "zh"
    step = ("--next", "call-contact", "--text", "He is back at 3.", "--as", "ann")
    assert desk.json("handover", "brief", "h-1", "T-000001", *step) == ITEM
    note, put = desk.asked[-2:]
    assert json.loads(note.content) == {"text": "He is back at 3.", "visibility": "internal"}
    assert json.loads(put.content) == {"next": "call-contact", "agent": "ann", "note": "m-9"}
    assert desk.run("handover", "brief", "h-1", "T-000001", "--next", "dance").exit_code == 2
    asked = len(desk.asked)
    assert desk.run("handover", "brief", "h-1", "T-9", "--text", "Hello").exit_code == 1
    assert [one.method for one in desk.asked[asked:]] == ["GET"]


def test_what_is_at_tier_0_or_referred_says_so(tmp_path: Path) -> None:
    """In the list, and where it is explained."""
    page = {"tickets": [{**TICKET, "status": "queued", "tier": 0, "agent": None}], "next": None}
    explained: dict[str, Any] = {
        **dict.fromkeys(("agent", "opens_at", "queued", "assigned", "waiting")),
        "number": "T-000001",
        "status": "queued",
        "desk": "london",
        "unattended": True,
        "person_at": "2026-03-05T09:00:00Z",
        "contact_desk": "shanghai",
    }
    path = "/v1/tickets/T-000001/explain"
    desk = Desk(
        tmp_path,
        {(ROUTING, "GET", "/v1/tickets"): ok(page), (ROUTING, "GET", path): ok(explained)},
    )
    assert "queued (tier 0)" in desk.run("ticket", "list").stdout
    assert desk.run("route", "explain", "T-000001").stdout == (
        "T-000001 is queued at london.\n"
        "It is at tier 0: with its requester and automation, until 2026-03-05 09:00:00 UTC.\n"
        "The requester's contact is shanghai.\n"
    )
    explained["person_at"] = None
    desk = Desk(tmp_path, {(ROUTING, "GET", path): ok(explained)})
    assert "until a person is asked for." in desk.run("route", "explain", "T-000001").stdout


def test_desks_are_listed_with_the_ways_to_them(tmp_path: Path) -> None:
    """Tier 0 is a figure of its own; nobody who waits there waits for an agent."""
    stands = {
        **dict.fromkeys(("offered", "accepted", "in_progress", "pending"), 0),
        **dict.fromkeys(("phone", "url", "address", "opens_at", "closes_at", "duty_manager")),
    }
    london = {
        **stands,
        "name": "london",
        "tier": 1,
        "open": False,
        "opens_at": "2026-03-05T09:00:00Z",
        "queued": 2,
        "unattended": 7,
        "assigned": 1,
        "pending": 3,
        "email": "desk@helio.example",
        "phone": "+44 20 7946 0100",
        "duty_manager": "g-okafor",
    }
    centre = {**london, "name": "centre", "open": True, "opens_at": None}
    desk = Desk(tmp_path, {(ROUTING, "GET", "/v1/desks"): ok({"desks": [london, centre]})})
    _, first, second = desk.run("desk", "list").stdout.splitlines()
    ways = "+44 20 7946 0100, desk@helio.example g-okafor"
    assert " ".join(first.split()) == f"london 1 closed until 2026-03-05 09:00:00 UTC 2 7 4 {ways}"
    assert " ".join(second.split()) == f"centre 1 always open 2 7 4 {ways}"
    assert [d["name"] for d in desk.json("desk", "list")] == ["london", "centre"]


def test_every_next_step_of_a_brief_can_be_said() -> None:
    """The command line offers what the contract knows, and nothing else."""
    assert {step.value for step in Step} == {step.value for step in NextStep} - {NextStep.UNKNOWN}
