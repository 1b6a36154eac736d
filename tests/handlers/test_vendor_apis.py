"""Doors that stand in for a vendor's API: what its own clients send and expect, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from services.intake.doors.monitoring.opsgenie_calls import NOTES
from shared.contracts.intake import AlertStatus
from tests.support.doors import all_doors, token_of, with_all_doors
from tests.support.intake import TENANT, Intake

GENIE = {"Authorization": f"GenieKey {token_of('opsgenie')}"}
ALIAS = {"identifierType": "alias"}
V1 = "/generic/2010-04-15/create_event.json"


def intake_with_doors(**limits: Any) -> Intake:
    """Return an intake with an integration for each door."""
    intake = Intake()
    known = with_all_doors(intake.configurations.current(TENANT))
    for integration in known.integrations.integrations if limits else ():
        object.__setattr__(integration, "limits", integration.limits.model_copy(update=limits))
    intake.configurations.install(TENANT, known)
    return intake


def trigger(**changes: Any) -> dict[str, Any]:
    """Return a trigger of PagerDuty's."""
    payload = {"summary": "Disk of db-1 is full", "source": "db-1", "severity": "critical"}
    event = {"routing_key": token_of("pagerduty"), "event_action": "trigger", "payload": payload}
    return {**event, "dedup_key": "db-1/disk", **changes}


def shape(answer: httpx.Response) -> tuple[int, set[str]]:
    """Return the status of an answer, and the fields that it has."""
    return answer.status_code, set(answer.json())


PAGERDUTY_ERROR = {"status", "message", "errors"}


async def test_pagerdutys_clients_hear_of_every_error_in_its_words() -> None:
    """A bad event, a key of nobody's, no key, no JSON: 400 with a list of errors."""
    intake = intake_with_doors()
    async with all_doors(intake) as client:
        for path in ("/v2/enqueue", V1):
            for body, said in (
                ({**trigger(), "payload": None, "event_type": "trigger"}, "payload"),
                ({**trigger(routing_key="nobody"), "service_key": "nobody"}, "Invalid"),
                ({"event_action": "trigger"}, "is missing or blank"),
            ):
                keyed = {"service_key": token_of("pagerduty"), **body}
                answer = await client.post(path, json=keyed if "routing_key" in body else body)
                assert shape(answer) == (400, PAGERDUTY_ERROR), answer.text
                assert answer.json()["status"] == "invalid event"
                assert answer.json()["message"] == "Event object is invalid"
                if path == "/v2/enqueue":
                    assert said in answer.json()["errors"][0]
        broken = await client.post(
            "/v2/enqueue", content=b"{", headers={"X-Routing-Key": "hd_pagerduty"}
        )
        assert shape(broken) == (400, PAGERDUTY_ERROR)
    assert not intake.store.all_receipts()


async def test_who_sends_too_fast_hears_what_their_client_tries_again_after() -> None:
    """429 from PagerDuty's version 2 and from Opsgenie, 403 from version 1; each with a wait."""
    async with all_doors(intake_with_doors(per_minute=1)) as client:
        assert (await client.post("/v2/enqueue", json=trigger())).status_code == 202
        again = await client.post("/v2/enqueue", json=trigger())
        assert shape(again) == (429, PAGERDUTY_ERROR)
        assert int(again.headers["Retry-After"]) > 0
        old = {"service_key": token_of("pagerduty"), "event_type": "trigger", "description": "d"}
        assert shape(await client.post(V1, json=old)) == (403, PAGERDUTY_ERROR)
        for status in (202, 429):
            answer = await client.post("/v2/alerts", json={"message": "m"}, headers=GENIE)
            assert answer.status_code == status
        assert answer.json()["message"] == "You are making too many requests!"
        assert set(answer.json()) == {"message", "took", "requestId"}


async def test_an_event_of_version_1_and_a_change_are_answered_as_there() -> None:
    """200 with the incident's key; a change is 202 and changes nothing."""
    intake = intake_with_doors()
    key = {"service_key": token_of("pagerduty"), "incident_key": "srv01/HTTP"}
    async with all_doors(intake) as client:
        opened = await client.post(V1, json={**key, "event_type": "trigger", "description": "d"})
        ended = await client.post(V1, json={**key, "event_type": "resolve"})
        change = {"routing_key": token_of("pagerduty"), "payload": {"summary": "Version 7"}}
        changed = await client.post("/v2/change/enqueue", json=change)
    wanted = {"status": "success", "message": "Event processed", "incident_key": "srv01/HTTP"}
    assert [(a.status_code, a.json()) for a in (opened, ended)] == [(200, wanted)] * 2
    assert changed.status_code == 202
    assert changed.json() == {"status": "success", "message": "Change event processed"}
    await intake.settle()
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    assert [m.status for m in ticket.state.members.values()] == [AlertStatus.RESOLVED]


@pytest.mark.parametrize(
    ("headers", "body", "status", "message"),
    [
        ({}, {"message": "m"}, 401, "Could not authenticate"),
        ({"Authorization": "GenieKey x"}, {"message": "m"}, 401, "Could not authenticate"),
        ({"Authorization": "GenieKey hd_grafana"}, {"message": "m"}, 403, "is for the door"),
        (GENIE, {"alias": "a"}, 422, "Request body is not processable"),
    ],
)
async def test_opsgenies_clients_hear_of_every_error_in_its_words(
    headers: dict[str, str], body: dict[str, Any], status: int, message: str
) -> None:
    """The message, the time it took, and the id of the request, with Opsgenie's statuses."""
    async with all_doors(intake_with_doors()) as client:
        answer = await client.post("/v2/alerts", json=body, headers=headers)
    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert set(answer.json()) - {"errors"} == {"message", "took", "requestId"}
    assert answer.headers["X-Request-Id"] == answer.json()["requestId"]


async def test_an_alert_of_opsgenie_lives_as_zabbix_media_type_has_it() -> None:
    """Create, wait for the request, note, acknowledge, close by alias: each is found again."""
    intake = intake_with_doors()
    async with all_doors(intake) as client:

        async def done(answer: httpx.Response) -> dict[str, Any]:
            """Return the status of a request, as the media type asks for it."""
            assert answer.status_code == 202, answer.text
            request = answer.json()["requestId"]
            await intake.settle()
            found = await client.get(f"/v2/alerts/requests/{request}", headers=GENIE)
            assert found.status_code == 200, found.text
            data: dict[str, Any] = found.json()["data"]
            assert data["success"] is True
            return data

        create = {"message": "Problem: CPU", "alias": "4711", "priority": "P2", "tags": [""]}
        made = await done(await client.post("/v2/alerts/", json=create, headers=GENIE))
        assert made["action"] == "Create"
        for step, action in (("notes", "Note"), ("acknowledge", "Acknowledge"), ("close", "Close")):
            answer = await client.post(
                f"/v2/alerts/4711/{step}", params=ALIAS, json={"note": "n"}, headers=GENIE
            )
            data = await done(answer)
            assert (data["alertId"], data["action"]) == (made["alertId"], action)
            shown = await client.get("/v2/alerts/4711", params=ALIAS, headers=GENIE)
            alert = shown.json()["data"]
            assert (alert["id"], alert["message"]) == (made["alertId"], "Problem: CPU")
            assert (alert["status"], alert["acknowledged"]) == {
                "notes": ("open", False),
                "acknowledge": ("open", True),
                "close": ("closed", False),
            }[step]
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    assert not ticket.state.firing


async def test_what_opsgenie_never_had_is_not_found() -> None:
    """404: the official client asks again for a request, and takes an alert as missing."""
    async with all_doors(intake_with_doors()) as client:
        request = await client.get("/v2/alerts/requests/none", headers=GENIE)
        assert request.status_code == 404
        assert request.headers["X-Opsgenie-Errortype"] == "RequestNotProcessed"
        alert = await client.get("/v2/alerts/none", params=ALIAS, headers=GENIE)
        assert (alert.status_code, set(alert.json())) == (404, {"message", "took", "requestId"})


async def test_what_changes_no_alert_is_answered() -> None:
    """Message, description, tags, snooze and the like: 202, and no ticket is changed by them."""
    intake = intake_with_doors()
    async with all_doors(intake) as client:
        for path, methods in NOTES.items():
            url = path.replace("{identifier:path}", "a/b").replace("{action}", "restart")
            for method in methods:
                answer = await client.request(method, url, params=ALIAS, headers=GENIE)
                assert answer.status_code == 202, url
    assert not intake.store.all_receipts()


async def test_a_deleted_alert_is_over() -> None:
    """DELETE by alias ends what the create began."""
    intake = intake_with_doors()
    async with all_doors(intake) as client:
        body = {"message": "m", "alias": "a/b"}
        assert (await client.post("/v2/alerts", json=body, headers=GENIE)).status_code == 202
        gone = await client.delete("/v2/alerts/a/b", params=ALIAS, headers=GENIE)
        assert gone.status_code == 202
    await intake.settle()
    (group,) = intake.groups().values()
    assert group.firing == 0


async def test_a_heartbeat_of_opsgenie_is_a_heartbeat() -> None:
    """Its ping is answered as there, and the name is watched from then on."""
    intake = intake_with_doors()
    async with all_doors(intake) as client:
        answer = await client.get("/v2/heartbeats/nightly/ping", headers=GENIE)
    assert (answer.status_code, answer.json()["result"]) == (202, "PONG - Heartbeat received")
    await intake.settle()
    (pulse,) = await intake.monitors.heartbeats(tenant=TENANT)
    assert (pulse.name, pulse.every_seconds) == ("nightly", 600)
