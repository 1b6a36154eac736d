"""`heliodesk intake`: the dry run of every door, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.intake.cli import app
from services.intake.doors import DOORS
from services.intake.doors.examples import HERE, Example, examples

KNOWN = {f"{e.door.name}-{e.case}": e for e in examples()}


def run(*arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
    """Return the exit code and what was printed."""
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    return result.exit_code, result.stdout, result.stderr


def path_of(example: Example) -> Path:
    """Return where an example's payload is."""
    (found,) = HERE.glob(f"*/examples/{example.door.name}/{example.case}{example.suffix}")
    return found


def arguments_of(example: Example) -> list[str]:
    """Return an example's call as options."""
    call = example.call
    found = [f"--header={name}={value}" for name, value in call.get("headers", {}).items()]
    for kind in ("query", "path"):
        found += [f"--{kind}={name}={value}" for name, value in call.get(kind, {}).items()]
    found += [
        f"--setting={name}={json.dumps(value)}" for name, value in call.get("settings", {}).items()
    ]
    found += [f"--secret={name}={value}" for name, value in call.get("secrets", {}).items()]
    if "route" in call:
        found.append(f"--route={call['route']}")
    return found


@pytest.mark.parametrize("door", DOORS)
def test_every_door_has_a_dry_run(door: str) -> None:
    """The first good example of each door is printed as its normal forms, without a product."""
    good = [e for e in KNOWN.values() if e.door.name == door and e.expected.get("reads")]
    example = next(e for e in good if "method" not in e.call)
    code, out, err = run("parse", door, str(path_of(example)), "--json", *arguments_of(example))
    assert (code, err) == (0, "")
    shown: dict[str, Any] = json.loads(out)
    forms = [read["form"]["form"] for read in shown["reads"]]
    assert forms == [read["form"]["form"] for read in example.expected["reads"]]


def test_what_a_door_refuses_names_the_field() -> None:
    """Exit code 2; on a terminal the fields are lines, for programs they are JSON."""
    body = b'{"subject": "x", "regiony": "emea"}'
    code, out, err = run("parse", "requests", "-", "--header=content-type=application/json",
                         stdin=body)  # fmt: skip
    assert (code, out) == (2, "")
    assert "  contact: Field required" in err
    assert "  regiony: " in err
    code, out, _ = run("parse", "requests", "-", "--json",
                       "--header=content-type=application/json", stdin=body)  # fmt: skip
    assert code == 2
    refused = json.loads(out)["refused"]
    assert refused["status"] == 422
    assert {e["field"] for e in refused["errors"]} == {"contact", "regiony"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["parse", "no-such-door", "-"], "there is no door 'no-such-door'"),
        (["parse", "requests", "/no/such/file"], "/no/such/file: No such file"),
        (["parse", "requests", "-", "--header", "x"], "--header 'x': write NAME=VALUE"),
        (["parse", "slack", "-", "--setting", "colour=red"], "settings.colour"),
    ],
)
def test_bad_arguments_are_said_in_one_sentence(arguments: list[str], said: str) -> None:
    """Exit code 2, and what is wrong."""
    code, _, err = run(*arguments, stdin=b"{}")
    assert code == 2
    assert said in err


def test_the_doors_are_listed() -> None:
    """Every door with what it takes; as JSON with its routes too."""
    code, out, _ = run("doors")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(DOORS)
    rows = json.loads(run("doors", "--json")[1])
    (slack,) = [row for row in rows if row["door"] == "slack"]
    assert slack["routes"] == ["POST /v1/doors/slack/{tenant}/{integration}"]


def test_a_route_that_the_door_does_not_have_is_refused() -> None:
    """Exit code 2, with the routes that there are."""
    code, _, err = run("parse", "opsgenie", "-", "--route=/v2/nope", stdin=b"{}")
    assert code == 2
    assert "/v2/alerts/{identifier:path}/close" in err


def test_a_mail_can_be_tried_without_the_mailbox() -> None:
    """What a mailbox needs to be looked into, its mails do not need to be read."""
    body = b"From: ana@example.org\nSubject: VPN\n\nIt is down.\n"
    code, out, err = run("parse", "imap", "-", "--json", stdin=body)
    assert (code, err) == (0, "")
    assert json.loads(out)["reads"][0]["form"]["subject"] == "VPN"


def test_a_webhook_is_tried_with_the_row_of_its_integration() -> None:
    """As the file beside it says; of several rows one has to be named."""
    row = HERE.parents[2] / "deploy/integrations/webhook/integration.yaml"
    body = json.dumps(
        {
            "id": "e1",
            "check": {"group": "web", "name": "home"},
            "state": "red",
            "level": 1,
            "title": "Home page down",
            "since": "2026-03-02T09:00:00Z",
        }
    ).encode()
    json_body = "--header=content-type=application/json"
    call = ("parse", "webhook", "-", "--json", json_body, f"--integrations={row}")
    code, out, _ = run(*call, stdin=body)
    assert code == 0
    (read,) = json.loads(out)["reads"]
    assert read["form"]["alerts"][0]["severity"] == "critical"
    code, out, _ = run(*call, "--integration=other", stdin=body)
    assert code == 2
    assert "uptime-checks" in json.loads(out)["refused"]["reason"]
    code, out, _ = run("parse", "webhook", "-", "--json", json_body, stdin=body)
    assert json.loads(out)["refused"]["errors"] == [
        {"field": "settings.fields", "reason": "Field required"}
    ]


def test_a_handshake_is_shown_with_its_answer(tmp_path: Path) -> None:
    """What a vendor sends to try an address is no submission, and the answer to it is shown."""
    file = tmp_path / "try.json"
    file.write_text('{"type": "url_verification", "challenge": "abc", "token": "x"}')
    code, out, _ = run("parse", "slack", str(file), "--json")
    assert (code, json.loads(out)) == (0, {"reads": [], "answer": {"challenge": "abc"}})
    code, out, _ = run("parse", "slack", str(file))
    assert (code, "abc" in out) == (0, True)


def test_what_is_encrypted_needs_its_key() -> None:
    """Without the secret the reason is said, and where it goes."""
    example = KNOWN["feishu-text"]
    code, out, _ = run("parse", "feishu", str(path_of(example)), "--json")
    refused = json.loads(out)["refused"]
    assert code == 2
    assert "encrypt_key" in refused["reason"]
    assert "--secret" in refused["reason"]


@pytest.mark.parametrize(
    ("door", "case", "name"),
    [
        ("twilio", "sms", "payload"),
        ("twilio", "sms", "payload.txt"),
        ("slack", "message", "payload.txt"),
        ("slack", "slash-command", "payload"),
        ("wecom", "dry-run", "payload.dat"),
    ],
)
def test_a_payload_whose_name_says_nothing_is_what_the_door_takes(
    door: str, case: str, name: str, tmp_path: Path
) -> None:
    """A payload that is copied from a vendor's page needs no header to be read."""
    file = tmp_path / name
    file.write_bytes(KNOWN[f"{door}-{case}"].payload)
    code, out, err = run("parse", door, str(file), "--json")
    assert (code, err) == (0, "")
    assert [r["form"]["form"] for r in json.loads(out)["reads"]] == ["request"]


def test_a_dry_run_shows_the_time_that_a_payload_tells() -> None:
    """No call came in, so no clock can be ahead of it: the payload's own time counts."""
    event = {
        "routing_key": "k",
        "event_action": "trigger",
        "dedup_key": "db-1/disk",
        "payload": {
            "summary": "Disk of db-1 is full",
            "source": "db-1",
            "severity": "critical",
            "timestamp": "2026-03-02T10:58:00.123+0100",
        },
    }
    code, out, _ = run("parse", "pagerduty", "-", "--json", stdin=json.dumps(event).encode())
    assert code == 0
    (alert,) = json.loads(out)["reads"][0]["form"]["alerts"]
    assert alert["starts_at"] == "2026-03-02T09:58:00.123000Z"


def test_a_payload_whose_name_tells_nothing_is_what_the_door_takes() -> None:
    """From standard input too; a header says otherwise."""
    body = b'{"host": "db-1", "type": "PROBLEM", "state": "DOWN"}'
    assert run("parse", "nagios", "-", stdin=body)[0] == 0
    code, out, _ = run(
        "parse", "nagios", "-", "--json", "--header=content-type=text/xml", stdin=body
    )
    assert (code, json.loads(out)["refused"]["status"]) == (2, 415)
