"""Commands against services that are functions: output, JSON, exit codes, errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from heliodesk.cli import app
from heliodesk.context import Context
from heliodesk.product.secrets import COMMAND_LINE_TOKEN, Secrets
from shared.service_levels import ServiceLevels
from shared.testing.clock import ManualClock

SAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "sample"
CONTROL, INTAKE, ROUTING, SLA, NOTIFY, KNOWLEDGE, CONSOLE = (
    18100,
    18101,
    18103,
    18104,
    18105,
    18106,
    18080,
)

Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]
Routes = Mapping[tuple[int, str, str], Answer]

TICKET: dict[str, Any] = {
    "id": "t-1",
    "number": "T-000001",
    "status": "assigned",
    "desk": "london",
    "queue": None,
    "tier": 1,
    "agent": "a-novak",
    "priority": "P2",
    "kind": "incident",
    "channel": "email",
    "accepted_at": "2026-03-04T11:00:00.000Z",
    "pend_reason": None,
    "pend_until": None,
    "parked": False,
}


def ok(content: Any) -> httpx.Response:
    """Return a JSON answer."""
    return httpx.Response(200, json=content)


def problem(status: int, detail: str, **more: Any) -> httpx.Response:
    """Return problem details."""
    return httpx.Response(status, json={"status": status, "detail": detail, **more})


class Desk:
    """A Heliodesk of canned answers, and what it was asked."""

    def __init__(self, home: Path, routes: Routes) -> None:
        self.asked: list[httpx.Request] = []
        self._routes = routes
        self._clock = ManualClock()
        Secrets(home, self._clock).save(COMMAND_LINE_TOKEN, "hd_cli")
        self._context = Context(
            environ={"HELIODESK_HOME": str(home)},
            start=home,
            transport=httpx.MockTransport(self._answer),
            clock=self._clock,
        )

    def run(self, *arguments: str, typed: str | None = None) -> Result:
        """Run a command; ``typed`` is what is said on standard input."""
        return CliRunner().invoke(app, list(arguments), obj=self._context, input=typed)

    def json(self, *arguments: str) -> Any:
        """Run a command that succeeds and return its JSON."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        found = self._routes.get((request.url.port or 80, request.method, request.url.path))
        if found is None:
            return problem(404, f"there is no {request.url.path}")
        return found(request) if callable(found) else found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a state directory."""
    return tmp_path / "home"


# --- configuration ---------------------------------------------------------------------------


def test_a_right_directory_is_said_to_be_right(home: Path) -> None:
    """`config check` of the sample succeeds without asking any service."""
    desk = Desk(home, {})
    right: dict[str, Any] = {"valid": True, "problems": []}
    right |= {"broken_promises": [], "short_overlaps": []}
    right |= {"out_of_reach": [], "service_levels": ServiceLevels().model_dump(mode="json")}
    assert desk.json("config", "check", str(SAMPLE)) == right
    assert desk.run("config", "check", str(SAMPLE)).exit_code == 0
    assert desk.asked == []


def test_a_rule_that_nobody_can_meet_is_warned_of(home: Path, tmp_path: Path) -> None:
    """Nobody of the people services has vpn at level 3; the exit code stays 0."""
    folder = tmp_path / "organisation"
    shutil.copytree(SAMPLE, folder)
    rules = folder / "routing.yaml"
    rules.write_text(rules.read_text().replace("skills: {payroll: 3}", "skills: {vpn: 1}"))
    shown = Desk(home, {}).run("config", "check", str(folder))
    assert shown.exit_code == 0
    assert "warning: routing: rule payroll requires vpn at level 1" in " ".join(
        shown.stdout.split()
    )


def test_a_wrong_directory_is_told_by_file_line_and_path(home: Path, tmp_path: Path) -> None:
    """A calendar that does not exist ends with exit code 2 and names the place."""
    folder = tmp_path / "organisation"
    shutil.copytree(SAMPLE, folder)
    desks = folder / "desks.yaml"
    desks.write_text(desks.read_text().replace("calendar: london-days", "calendar: londn-days"))
    desk = Desk(home, {})
    shown = desk.run("config", "check", str(folder))
    assert shown.exit_code == 2
    assert "desks.yaml:14: desks[1].calendar: unknown calendar 'londn-days'" in shown.stderr
    as_json = desk.run("config", "check", str(folder), "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stdout)["problems"][0]["path"] == "desks[1].calendar"


def test_a_directory_that_is_not_there_is_bad_input(home: Path, tmp_path: Path) -> None:
    """The error names the directory."""
    result = Desk(home, {}).run("config", "check", str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert "nowhere does not exist" in result.stderr


EXAMPLE: dict[str, Any] = {
    "id": "t-1",
    "number": "T-000001",
    "revision": 3,
    "status": "queued",
    "desk": "london",
    "agent": None,
    "rule": "paris takes everything of this scope",
    "was": "london takes everything of this scope",
}
DRY: dict[str, Any] = {
    "version": 3,
    "at": "2026-03-02T09:00:00Z",
    "complete": True,
    "took_seconds": 0.012,
    "tickets": 9,
    "moving": 4,
    "moves": [
        {
            "origin": "london",
            "target": "paris",
            "reason": "choice-changed",
            "tickets": 4,
            "examples": [EXAMPLE],
        }
    ],
    "later": [
        {
            "origin": "rome",
            "target": None,
            "reason": "desk-removed",
            "tickets": 1,
            "examples": [EXAMPLE | {"status": "pending", "agent": "ann", "rule": "", "was": ""}],
        }
    ],
    "nobody_able": [{"desk": "oslo", "tickets": 2, "examples": []}],
    "stays": {"in-hand": 1, "same-choice": 1},
}
"""What a dry run of routing answers."""


def configured(version: int, *, put: Answer | None = None) -> dict[tuple[int, str, str], Answer]:
    """Return a control that has a version in force and finds one change."""
    change = {"section": "desks", "path": "desks[london].title", "kind": "changed"}
    changes = [{**change, "before": "London", "after": "London Desk"}]
    path = "/v1/configuration"
    summary = {"version": version, "actor": "grace", "note": "", "applied_at": "x"}
    summary |= {"forced_because": "", "manifest": {}}
    routes: dict[tuple[int, str, str], Answer] = {
        (CONTROL, "GET", path): ok(summary),
        (CONTROL, "POST", f"{path}/diff"): ok(
            {"version": version, "changes": changes, "broken_promises": []}
        ),
        (ROUTING, "POST", "/v1/routing/dry-run"): ok(DRY | {"version": version}),
        (CONTROL, "PUT", path): put or ok({**summary, "version": version + 1, "is_new": True}),
    }
    return routes


def test_differences_are_a_readable_list(home: Path) -> None:
    """`config diff` says what changes from what to what."""
    desk = Desk(home, configured(3))
    result = desk.run("config", "diff", str(SAMPLE))
    assert result.exit_code == 0
    assert '~ desks: desks[london].title: "London" → "London Desk"' in result.stdout
    assert "1 change against version 3." in result.stdout
    assert desk.json("config", "diff", str(SAMPLE))["version"] == 3


def test_a_diff_says_which_open_tickets_would_move_and_why(home: Path) -> None:
    """How many, from where to where, for which reason, with examples; and who could do none."""
    desk = Desk(home, configured(3))
    shown = desk.run("config", "diff", str(SAMPLE))
    assert shown.exit_code == 0
    for line in (
        "4 tickets of 9 open would move, as of version 3 at 2026-03-02T09:00:00Z (0.012 s).",
        "  london → paris: 4 tickets, the topology chooses another desk",
        f"      T-000001 (queued): {EXAMPLE['rule']} (before: {EXAMPLE['was']})",
        "      and 3 more",
        "  rome → ? (pending: when the work goes on): 1 ticket, the desk is gone",
        "      T-000001 (pending, with ann)",
        "  ! 2 tickets at oslo: nobody who works there could be given them",
        "  the rest stays: in hand 1, the choice is the same 1",
    ):
        assert f"{line}\n" in shown.stdout
    asked = desk.asked[-1]
    assert sorted(json.loads(asked.content)["sections"])[:2] == ["agents", "agreements"]
    assert desk.json("config", "diff", str(SAMPLE))["tickets"] == DRY


def test_a_diff_without_routing_says_so_and_ends_as_incomplete(home: Path) -> None:
    """The sections are shown all the same; exit code 4, unless nobody asked for tickets."""

    def refuse(request: httpx.Request) -> httpx.Response:
        message = "refused"
        raise httpx.ConnectError(message, request=request)

    desk = Desk(home, configured(3) | {(ROUTING, "POST", "/v1/routing/dry-run"): refuse})
    shown = desk.run("config", "diff", str(SAMPLE))
    assert (shown.exit_code, "1 change against version 3." in shown.stdout) == (4, True)
    assert "Which open tickets would move is not known: routing does not answer" in shown.stderr
    as_json = desk.run("config", "diff", str(SAMPLE), "--json")
    assert as_json.exit_code == 4
    assert json.loads(as_json.stdout)["tickets"] is None
    assert desk.run("config", "diff", str(SAMPLE), "--no-tickets").exit_code == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"complete": False}, "there was time for 9 open tickets only"),
        ({"version": 2}, "routing compared with version 2, and 3 is in force"),
    ],
)
def test_a_dry_run_of_half_the_truth_is_told_as_such(
    home: Path, answer: dict[str, Any], reason: str
) -> None:
    """What is known is shown, with what is missing, and exit code 4."""
    routes = configured(3) | {(ROUTING, "POST", "/v1/routing/dry-run"): ok(DRY | answer)}
    shown = Desk(home, routes).run("config", "diff", str(SAMPLE))
    assert shown.exit_code == 4
    assert "london → paris: 4 tickets" in shown.stdout
    assert reason in shown.stderr


def test_an_apply_says_first_which_tickets_will_move(home: Path) -> None:
    """It is asked before the version is put in force, and does not stand against it."""
    desk = Desk(home, configured(3))
    shown = desk.run("config", "apply", str(SAMPLE))
    assert shown.exit_code == 0
    before, _, after = shown.stdout.partition("4 tickets of 9 open would move")
    assert ("Version 4" in before, "Version 4 is in force." in after) == (False, True)
    assert [r.url.path for r in desk.asked][-2:] == ["/v1/routing/dry-run", "/v1/configuration"]
    routes = configured(3)
    del routes[ROUTING, "POST", "/v1/routing/dry-run"]
    without = Desk(home, routes).run("config", "apply", str(SAMPLE))
    assert (without.exit_code, "Version 4 is in force." in without.stdout) == (0, True)
    assert "would move is not known" in without.stderr


def test_a_dry_run_of_an_apply_applies_nothing(home: Path) -> None:
    """`config apply --dry-run` is `config diff`."""
    desk = Desk(home, configured(3))
    shown = desk.run("config", "apply", str(SAMPLE), "--dry-run")
    assert shown.stdout == desk.run("config", "diff", str(SAMPLE)).stdout
    assert "PUT" not in {request.method for request in desk.asked}


def test_what_was_compared_is_what_is_replaced(home: Path) -> None:
    """`config apply` sends the version against which it showed the changes as If-Match."""
    desk = Desk(home, configured(3))
    applied = desk.json("config", "apply", str(SAMPLE), "-m", "a new title")
    assert applied["version"] == 4
    put = desk.asked[-1]
    assert put.headers["If-Match"] == '"3"'
    assert json.loads(put.content)["note"] == "a new title"


def test_a_version_of_somebody_else_is_a_conflict(home: Path) -> None:
    """When somebody applied meanwhile, nothing is applied and exit code 3 says who did."""
    desk = Desk(home, configured(4, put=problem(412, "version 4 is in force")))
    result = desk.run("config", "apply", str(SAMPLE), "--expect", "3")
    assert result.exit_code == 3
    assert "you saw version 3, and grace has applied version 4 meanwhile" in result.stderr


# --- errors ----------------------------------------------------------------------------------


def test_a_service_that_does_not_answer_has_its_own_exit_code(home: Path) -> None:
    """Exit code 4, and the sentence says what to do."""

    def refuse(request: httpx.Request) -> httpx.Response:
        message = "refused"
        raise httpx.ConnectError(message, request=request)

    result = Desk(home, {(ROUTING, "GET", "/v1/tickets"): refuse}).run("ticket", "list")
    assert result.exit_code == 4
    assert "routing does not answer at http://127.0.0.1:18103" in result.stderr
    assert "heliodesk up" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 5), (403, 5), (404, 1), (409, 3), (412, 3), (422, 2), (500, 1), (503, 4)],
)
def test_answers_have_exit_codes(home: Path, status: int, code: int) -> None:
    """Each kind of refusal has an exit code, and its reason is on standard error."""
    routes = {(ROUTING, "GET", "/v1/tickets"): problem(status, "because of this")}
    result = Desk(home, routes).run("ticket", "list")
    assert result.exit_code == code
    assert result.stderr == f"routing: because of this ({status})\n"


def test_each_field_at_fault_is_named(home: Path) -> None:
    """The list of problem details is printed line by line."""
    errors = [{"field": "kind", "reason": "not a kind"}, {"field": "site", "reason": "unknown"}]
    routes = {(INTAKE, "POST", "/v1/requests"): problem(422, "kind: not a kind", errors=errors)}
    result = Desk(home, routes).run("ticket", "new", "Screen dark", "--mail", "a@b.example")
    assert result.exit_code == 2
    assert "  site: unknown\n" in result.stderr


def test_one_fault_is_said_once_with_its_field(home: Path) -> None:
    """Where the detail is the reason alone, the field stands before it."""
    reason = "there is no site 'atlantis'"
    for said, detail in ((f"site: {reason}", reason), (f"site: {reason}", f"site: {reason}")):
        errors = [{"field": "site", "reason": reason}]
        routes = {(INTAKE, "POST", "/v1/requests"): problem(422, detail, errors=errors)}
        result = Desk(home, routes).run("ticket", "new", "Screen dark", "--mail", "a@b.example")
        assert result.stderr == f"intake: {said} (422)\n"


def test_an_answer_that_is_no_json_is_somebody_else_s(home: Path) -> None:
    """Another server on the port is told apart from Heliodesk."""
    page = httpx.Response(200, text="<html>hello</html>")
    result = Desk(home, {(ROUTING, "GET", "/v1/tickets"): page}).run("ticket", "list")
    assert result.exit_code == 4
    assert "is not Heliodesk's routing" in result.stderr


def test_without_a_token_the_way_to_one_is_told(tmp_path: Path) -> None:
    """Where nothing was ever started, the error names the folder and the variables."""
    context = Context(environ={}, start=tmp_path, clock=ManualClock())
    result = CliRunner().invoke(app, ["ticket", "list"], obj=context)
    assert result.exit_code == 5
    assert "HELIODESK_TOKEN" in result.stderr


def test_an_unknown_command_is_bad_input(home: Path) -> None:
    """A typing error has the exit code of bad input."""
    assert Desk(home, {}).run("tickets").exit_code == 2


# --- tickets ---------------------------------------------------------------------------------


def test_tickets_are_listed_without_colours_when_piped(home: Path) -> None:
    """What a program reads has no escape codes and is cut nowhere."""
    page = {"tickets": [TICKET | {"agent": "a" * 70, "queue": "network"}], "next": None}
    desk = Desk(home, {(ROUTING, "GET", "/v1/tickets"): ok(page)})
    result = desk.run(
        "ticket", "list", "--desk", "london", "--queue", "network", "--status", "assigned"
    )
    assert result.exit_code == 0
    assert "network" in result.stdout
    assert "\x1b" not in result.stdout
    assert "a" * 70 in result.stdout
    assert "T-000001" in result.stdout
    assert dict(desk.asked[-1].url.params) == {
        "desk": "london",
        "queue": "network",
        "status": "assigned",
        "limit": "20",
    }
    assert desk.json("ticket", "list") == page


def test_a_ticket_shows_what_each_service_knows(home: Path) -> None:
    """A service that does not know it yet leaves its part empty, and the rest is shown."""
    routes = {
        (INTAKE, "GET", "/v1/requests/T-000001"): ok({"ticket": "t-1", "number": "T-000001"}),
        (ROUTING, "GET", "/v1/tickets/t-1"): ok(TICKET),
        (NOTIFY, "GET", "/v1/notices"): ok({"ticket": "t-1", "notices": []}),
    }
    desk = Desk(home, routes)
    shown = desk.json("ticket", "show", "T-000001")
    assert shown["standing"]["agent"] == "a-novak"
    assert shown["clocks"] is None
    text = desk.run("ticket", "show", "T-000001")
    assert text.exit_code == 0
    assert "assigned at london (tier 1), a-novak" in text.stdout


def test_a_ticket_s_clocks_show_both_figures_used_and_left(home: Path) -> None:
    """400 milliseconds before the target is reached it does not read as used up."""
    clock = {
        "policy": "fix",
        "metric": "resolution",
        "state": "running",
        "target_seconds": 14_400.0,
        "used_seconds": 14_399.6,
        "left_seconds": 0.4,
        "elapsed_seconds": 68_400.0,
        "calendar_left_seconds": -54_000.0,
        "due_at": "2026-07-03T13:00:00Z",
        "breached_at": None,
        "ended_at": None,
    }
    routes = {
        (INTAKE, "GET", "/v1/requests/T-000001"): ok({"ticket": "t-1", "number": "T-000001"}),
        (ROUTING, "GET", "/v1/tickets/t-1"): ok(TICKET),
        (SLA, "GET", "/v1/clocks/t-1"): ok({"clocks": [clock]}),
    }
    text = Desk(home, routes).run("ticket", "show", "T-000001").stdout
    assert "3 h 59 min of 4 h, 1 s left" in text
    assert "19 h of 4 h, 15 h over" in text


@pytest.mark.parametrize("arguments", [("ticket", "show", "T-9"), ("tail", "--ticket", "T-9")])
def test_a_ticket_that_is_not_there_is_not_found(home: Path, arguments: tuple[str, ...]) -> None:
    """Exit code 1 and one sentence."""
    result = Desk(home, {}).run(*arguments)
    assert result.exit_code == 1
    assert result.stderr == "There is no ticket T-9: `heliodesk ticket list` shows them.\n"


def test_a_new_ticket_has_a_key_and_a_number(home: Path) -> None:
    """`ticket new` sends what was said and nothing else, under a key of its own."""
    answer = {"ticket": "t-1", "number": "T-000001", "link": "x", "receipt": "r"}
    desk = Desk(home, {(INTAKE, "POST", "/v1/requests"): httpx.Response(202, json=answer)})
    where = ("--site", "berlin", "--channel", "web", "--tag", "vpn", "--tag", "mfa")
    made = desk.json("ticket", "new", "Screen dark", "--mail", "a@b.example", *where)
    assert made["number"] == "T-000001"
    assert json.loads(desk.asked[-1].content) == {
        "subject": "Screen dark",
        "text": "",
        "contact": {"mail": "a@b.example"},
        "channel": "web",
        "site": "berlin",
        "tags": ["vpn", "mfa"],
    }
    assert desk.asked[-1].headers["Idempotency-Key"]
    assert desk.asked[-1].headers["Authorization"] == "Bearer hd_cli"


# --- parked, agents, topics ------------------------------------------------------------------


def parked_row(offset: int, *, stream: str) -> dict[str, Any]:
    """Return a parked record as services list it."""
    return {
        "id": f"tickets:heliodesk.requests:0:{offset}",
        "stream": stream,
        "aggregate": "tickets",
        "topic": "heliodesk.requests",
        "partition": 0,
        "offset": offset,
        "event_id": f"e-{offset}",
        "event_type": "heliodesk.request.accepted.v1",
        "error": "ValueError: x" if offset == 1 else "",
        "at": f"2026-03-04T12:00:0{offset}.000Z",
    }


def parked_routes() -> dict[tuple[int, str, str], Answer]:
    """Return services of which routing has two parked records."""
    ports = (CONTROL, INTAKE, SLA, NOTIFY, KNOWLEDGE, CONSOLE)
    routes: dict[tuple[int, str, str], Answer] = {
        (port, "GET", "/v1/parked"): ok([]) for port in ports
    }
    rows = [parked_row(1, stream="t-1"), parked_row(2, stream="t-1")]
    return routes | {(ROUTING, "GET", "/v1/parked"): ok(rows)}


def test_parked_events_of_all_services_are_one_list(home: Path) -> None:
    """Each row names its service."""
    rows = Desk(home, parked_routes()).json("parked", "list")
    assert [(row["service"], row["offset"]) for row in rows] == [("routing", 1), ("routing", 2)]


def test_a_replay_that_stops_again_is_a_conflict(home: Path) -> None:
    """What still waits is told, with exit code 3."""
    again = ok({"applied": 0, "remaining": 2, "error": "ValueError: x"})
    routes = parked_routes() | {(ROUTING, "POST", "/v1/parked/t-1/replay"): again}
    result = Desk(home, routes).run("parked", "replay", "t-1")
    assert result.exit_code == 3
    assert "routing: 0 applied, 2 still wait: ValueError: x" in result.stdout


def test_discarding_asks_first(home: Path) -> None:
    """Without --yes and without an answer nothing is removed."""
    desk = Desk(home, parked_routes())
    row = parked_row(1, stream="t-1")["id"]
    assert desk.run("parked", "discard", row).exit_code == 1
    assert all(request.method == "GET" for request in desk.asked)


def test_a_discarded_record_is_removed_by_its_id(home: Path) -> None:
    """With --yes the record's service is asked to remove it."""
    row = parked_row(1, stream="t-1")
    routes = parked_routes() | {(ROUTING, "DELETE", f"/v1/parked/records/{row['id']}"): ok(row)}
    assert Desk(home, routes).json("parked", "discard", row["id"], "--yes")["service"] == "routing"


def test_an_unknown_service_is_bad_input(home: Path) -> None:
    """The error lists the services that there are."""
    result = Desk(home, {}).run("parked", "list", "--service", "rooting")
    assert result.exit_code == 2
    assert "control, intake, routing" in result.stderr


def test_presence_is_put_where_it_belongs(home: Path) -> None:
    """`agent presence` tells routing, and shows what it answers."""
    agent = {"id": "a-novak", "name": "Adam Novak", "presence": "away"}
    desk = Desk(home, {(ROUTING, "PUT", "/v1/agents/a-novak/presence"): ok(agent)})
    result = desk.run("agent", "presence", "a-novak", "away")
    assert result.stdout == "Adam Novak (a-novak) is away.\n"
    assert json.loads(desk.asked[-1].content) == {"presence": "away"}
    assert desk.run("agent", "presence", "a-novak", "asleep").exit_code == 2


def test_work_on_a_ticket_goes_to_routing(home: Path) -> None:
    """`ticket start`, `confirm`, `escalate`, `watch`: each says what was said, and who for."""
    done = {**TICKET, "status": "in-progress", "watchers": 2}
    verbs = ("start", "confirm", "escalate", "watchers", "watchers/remove")
    desk = Desk(home, {(ROUTING, "POST", f"/v1/tickets/T-000001/{v}"): ok(done) for v in verbs})
    result = desk.run("ticket", "start", "T-000001", "--as", "a-novak")
    assert result.stdout == "T-000001 is in-progress at london, a-novak.\n"
    help_ = ("--kind", "hierarchical", "--reason", "impact", "--to", "o-adeyemi")
    assert desk.run("ticket", "confirm", "T-000001", "--dissatisfied").exit_code == 0
    assert desk.run("ticket", "escalate", "T-000001", *help_).exit_code == 0
    assert desk.run("ticket", "watch", "T-000001", "c-1", "--contact").stdout == (
        "T-000001: 2 follow it.\n"
    )
    assert desk.run("ticket", "watch", "T-000001", "a-novak", "--stop").exit_code == 0
    assert [json.loads(asked.content) for asked in desk.asked] == [
        {"agent": "a-novak"},
        {"satisfied": False, "said": "agent"},
        {"kind": "hierarchical", "reason": "impact", "to": "o-adeyemi"},
        {"watcher": "c-1", "kind": "contact"},
        {"watcher": "a-novak", "kind": "agent"},
    ]
    assert desk.run("ticket", "confirm", "T-000001").exit_code == 2


def test_a_task_has_its_text_in_intake(home: Path) -> None:
    """`ticket task` writes the note first, under the same key; `ticket tasks` lists."""
    task = {
        "number": "T-000001",
        "id": "k-1",
        "code": "work",
        "status": "open",
        "desk": "operations",
        "agent": None,
    }
    listed = ok({"tasks": [task]})
    desk = Desk(
        home,
        {
            (ROUTING, "GET", "/v1/tickets/T-000001"): ok(TICKET),
            (INTAKE, "POST", "/v1/tickets/t-1/messages"): ok({"message": "m-9"}),
            (ROUTING, "POST", "/v1/tickets/T-000001/tasks"): listed,
            (ROUTING, "POST", "/v1/tickets/T-000001/tasks/k-1/done"): listed,
            (ROUTING, "GET", "/v1/tasks"): ok({"tasks": []}),
        },
    )
    made = desk.run(
        "ticket", "task", "T-000001", "--desk", "operations", "--text", "Swap it", "--key", "k"
    )
    assert "k-1" in made.stdout
    note, asked = desk.asked[1:]
    assert json.loads(note.content) == {"text": "Swap it", "visibility": "internal"}
    assert json.loads(asked.content) == {"code": "work", "desk": "operations", "note": "m-9"}
    keys = [request.headers["Idempotency-Key"] for request in (note, asked)]
    assert keys == ["k-note", "k"]
    done = desk.run("ticket", "task-do", "T-000001", "k-1", "done", "--outcome", "partly-done")
    assert done.exit_code == 0
    assert json.loads(desk.asked[-1].content) == {"outcome": "partly-done"}
    assert desk.run("ticket", "tasks").stdout == "There are no such tasks.\n"
    assert desk.run("ticket", "tasks", "T-000001", "--desk", "x").exit_code == 2


def test_topics_are_those_of_the_registry(home: Path) -> None:
    """`topics list` needs no broker."""
    names = [topic["name"] for topic in Desk(home, {}).json("topics", "list")]
    assert "heliodesk.tickets" in names
    assert len(names) == 14


def test_the_clocks_explanation_is_sla_s_own_text(home: Path) -> None:
    """`sla explain` prints what sla renders, in the language that was asked for."""
    desk = Desk(
        home, {(SLA, "GET", "/v1/clocks/T-1/explain"): httpx.Response(200, text="工单 T-1")}
    )
    assert desk.run("sla", "explain", "T-1", "--lang", "zh").stdout == "工单 T-1\n"
    assert desk.asked[-1].url.params["lang"] == "zh"


def test_tickets_at_risk_are_listed_with_the_reason(home: Path) -> None:
    """`sla risks` asks for them and prints only the clocks that are at risk."""
    risky = {
        "clock": "fix:resolution:1",
        "probability": 0.81,
        "at_risk": True,
        "because": {"en": "Like others.", "zh": "同类如此。"},
    }
    calm = risky | {"clock": "answer:response:1", "at_risk": False}
    page = {"items": [{"number": "HD-7", "predictions": [risky, calm]}], "next": None}
    desk = Desk(home, {(SLA, "GET", "/v1/clocks"): httpx.Response(200, json=page)})
    found = desk.run("sla", "risks", "--desk", "london", "--lang", "zh").stdout
    assert found == "HD-7  fix:resolution:1  81%  同类如此。\n"
    assert dict(desk.asked[-1].url.params) == {
        "at_risk": "true",
        "limit": "100",
        "desk": "london",
    }
    nothing: dict[str, object] = {"items": [], "next": None}
    desk = Desk(home, {(SLA, "GET", "/v1/clocks"): httpx.Response(200, json=nothing)})
    assert desk.run("sla", "risks").stdout == "No ticket is at risk.\n"


def test_calibration_is_printed_as_a_table(home: Path) -> None:
    """`sla calibration` prints the Brier score and what came of what was said."""
    band = {"low": 0.1, "high": 0.2, "n": 40, "said": 0.15, "came": 0.125}
    row = {
        "metric": "resolution",
        "share": 0.5,
        "n": 40,
        "brier": 0.11,
        "base_brier": 0.12,
        "bands": [band],
    }
    path = "/v1/predictions/calibration"
    desk = Desk(home, {(SLA, "GET", path): httpx.Response(200, json={"rows": [row]})})
    assert desk.run("sla", "calibration").stdout == (
        "resolution at 50% of the target: 40 scored, Brier 0.1100 (base rate 0.1200)\n"
        "  10%-20%: 40 predictions, said 15.0%, came 12.5%\n"
    )
    desk = Desk(home, {(SLA, "GET", path): httpx.Response(200, json={"rows": []})})
    assert desk.run("sla", "calibration").stdout == "No prediction has been scored yet.\n"


def test_the_report_of_a_month_is_printed_or_written_as_sla_made_it(
    home: Path, tmp_path: Path
) -> None:
    """`sla report` asks for what was said, and keeps every byte of the answer."""
    page = httpx.Response(200, content="<p>报告</p>\r\n".encode())
    desk = Desk(home, {(SLA, "GET", "/v1/reports/2026-10"): page})
    out = tmp_path / "report.html"
    asked = ("--format", "html", "--customer", "alpha", "--time-zone", "Asia/Shanghai")
    result = desk.run("sla", "report", "2026-10", *asked, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == "<p>报告</p>\r\n".encode()
    assert dict(desk.asked[-1].url.params) == {
        "format": "html",
        "table": "summary",
        "customer": "alpha",
        "time_zone": "Asia/Shanghai",
        "lang": "en",
    }
    assert desk.run("sla", "report", "2026-10").stdout.strip() == "<p>报告</p>"
    result = desk.run("sla", "report", "2026-10", "--out", str(tmp_path / "no" / "where"))
    assert (result.exit_code, "--out" in result.output) == (2, True)


# --- status and help -------------------------------------------------------------------------


def test_nothing_running_is_a_failure_that_can_be_read(home: Path) -> None:
    """`status` of a state directory in which nothing runs lists all parts, with exit code 1."""
    result = Desk(home, {}).run("status", "--json")
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["ready"] is False
    assert shown["launcher_pid"] is None
    names = [part["name"] for part in shown["components"]]
    assert names[:3] == ["kafka", "store", "mail"]
    assert {part["state"] for part in shown["components"]} == {"stopped"}


def test_logs_that_are_not_there_are_said_so(home: Path) -> None:
    """`logs` before any start is a sentence, not an empty answer."""
    result = Desk(home, {}).run("logs")
    assert result.exit_code == 1
    assert "nothing was started there yet" in result.stderr


def test_logs_show_the_last_lines_of_each(home: Path) -> None:
    """With several logs each line says whose it is."""
    desk = Desk(home, {})
    (home / "logs").mkdir()
    (home / "logs" / "intake.log").write_text("one\ntwo\nthree\n")
    (home / "logs" / "sla.log").write_text("four\n")
    assert desk.run("logs", "-n", "2").stdout == "intake: two\nintake: three\nsla: four\n"
    assert desk.run("logs", "intake", "-n", "1").stdout == "three\n"
    assert desk.run("logs", "nobody").exit_code == 1


@pytest.mark.parametrize(
    "command",
    ["", "up", "down", "status", "logs", "demo", "config", "account", "ticket", "tail", "parked",
     "agent", "desk", "route", "sla", "topics"],
)  # fmt: skip
def test_every_command_has_help(home: Path, command: str) -> None:
    """`--help` works without anything running."""
    result = Desk(home, {}).run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_account_of_an_integration_is_made_with_its_token(home: Path) -> None:
    """One command gives what a monitor is configured with: the token is printed this once."""
    desk = Desk(
        home,
        {
            (CONTROL, "POST", "/v1/identities"): ok({"id": "i-9", "name": "zabbix-berlin"}),
            (CONTROL, "POST", "/v1/identities/i-9/tokens"): ok({"token": "hd_new"}),
        },
    )
    result = desk.run("account", "add", "zabbix-berlin")
    assert (result.exit_code, result.stdout) == (0, "hd_new\n")
    assert json.loads(desk.asked[0].content) == {
        "kind": "integration",
        "name": "zabbix-berlin",
        "roles": ["integration"],
    }


@pytest.mark.parametrize(
    ("flag", "roles"), [("--agent", ["agent"]), ("--admin", ["admin", "agent"])]
)
def test_the_account_of_a_person_is_made_with_a_password(
    home: Path, flag: str, roles: list[str]
) -> None:
    """An agent who joined the organisation signs in with what is printed this once."""
    desk = Desk(home, {(CONTROL, "POST", "/v1/identities"): ok({"id": "i-9"})})
    made = desk.json("account", "add", "m-rossi", flag)
    sent = json.loads(desk.asked[-1].content)
    assert sent == {
        "kind": "agent",
        "name": "m-rossi",
        "roles": roles,
        "password": made["password"],
    }
    shown = desk.run("account", "add", "m-rossi", flag).stdout
    password = json.loads(desk.asked[-1].content)["password"]
    assert shown == f"m-rossi signs in with the password {password} from now on.\n"
    assert desk.run("account", "add", "m-rossi", flag, "--label", "x").exit_code == 2
