"""Control's HTTP API: what it answers, and what it refuses with which words."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.kernel import Infrastructure
from shared.service_levels import ServiceLevels
from shared.testing.clock import START
from tests.support.control import (
    BOOTSTRAP_TOKEN,
    TENANT,
    FailAlways,
    World,
    renamed,
    sample_sections,
)

PASSWORD = "correct horse battery"


async def put(
    client: httpx.AsyncClient, sections: dict[str, Any], seen: int | None, **more: Any
) -> httpx.Response:
    """Apply sections with the version seen."""
    headers = {} if seen is None else {"If-Match": f'"{seen}"'}
    body = {"sections": sections, **more}
    return await client.put("/v1/configuration", json=body, headers=headers)


def problem(response: httpx.Response) -> dict[str, Any]:
    """Return the problem details of an answer."""
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == response.status_code
    return found


async def test_a_configuration_is_applied_read_and_rolled_back() -> None:
    """The whole way over HTTP: version 0, 1, 2, and back as 3, each with its ETag."""
    world = World()
    async with world.client() as client:
        empty = await client.get("/v1/configuration")
        assert (empty.status_code, empty.headers["etag"]) == (200, '"0"')
        assert empty.json() == {
            "version": 0,
            "applied_at": None,
            "actor": "",
            "note": "",
            "forced_because": "",
            "manifest": {},
        }
        first = await put(client, renamed("One"), None, note="hello")
        assert (first.status_code, first.headers["etag"]) == (200, '"1"')
        applied = first.json()
        assert (applied["version"], applied["is_new"], applied["note"]) == (1, True, "hello")
        assert (applied["actor"], applied["applied_at"]) == ("bootstrap", "2026-03-02T09:00:00Z")
        assert len(applied["manifest"]["organisation"]) == 64
        assert (await put(client, renamed("Two"), 1)).json()["version"] == 2
        back = await client.post(
            "/v1/configuration/rollback", json={"version": 1}, headers={"If-Match": '"2"'}
        )
        assert (back.status_code, back.json()["version"]) == (200, 3)
        shown = await client.get("/v1/configuration")
        assert shown.json()["manifest"] == applied["manifest"]
        listed = await client.get("/v1/configuration/versions", params={"limit": 2})
        assert [version["version"] for version in listed.json()] == [3, 2]
        second = await client.get("/v1/configuration/versions/2")
        assert second.json()["sections"]["organisation"]["name"] == "Two"
        assert problem(await client.get("/v1/configuration/versions/4"))["status"] == 404


async def test_preconditions_are_asked_for_by_name() -> None:
    """A missing If-Match is 428, a stale one 412, a malformed one 400: each names the header."""
    world = World()
    async with world.client() as client:
        await put(client, renamed("One"), None)
        for seen, status in [(None, 428), (0, 412), (7, 412)]:
            found = problem(await put(client, renamed("Two"), seen))
            assert found["status"] == status
            assert found["errors"][0]["field"] == "If-Match"
        for header in ("1", 'W/"1"', "*", '"x"', '"1", "2"', '"-1"'):
            response = await client.put(
                "/v1/configuration", json={"sections": {}}, headers={"If-Match": header}
            )
            assert problem(response)["type"] == "urn:heliodesk:problem:if-match-malformed"
        assert (await client.get("/v1/configuration")).headers["etag"] == '"1"'


async def test_of_two_versions_at_once_the_second_is_refused_and_the_first_stays() -> None:
    """Both saw version 1: one is version 2, the other is told so, and nothing of it is in force."""
    world = World()
    async with world.client() as client:
        await put(client, renamed("One"), None)
        answers = await asyncio.gather(
            put(client, renamed("Two"), 1), put(client, renamed("Three"), 1)
        )
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (won.status_code, won.json()["version"]) == (200, 2)
        found = problem(lost)
        assert (found["status"], found["type"]) == (412, "urn:heliodesk:problem:version-stale")
        assert "you saw version 1, 2 is in force" in found["detail"]
        shown = (await client.get("/v1/configuration")).json()
        assert (shown["version"], shown["manifest"]) == (2, won.json()["manifest"])


async def test_an_invalid_configuration_is_told_by_file_path_and_reason() -> None:
    """All faults come back at once, and the version in force stays."""
    world = World()
    sections = sample_sections()
    sections["organisation"]["colour"] = "red"
    sections["calendars"]["calendars"][0]["time_zone"] = "Mars/Olympus"
    sections["nonsense"] = {}
    async with world.client() as client:
        await put(client, renamed("One"), None)
        found = problem(await put(client, sections, 1))
        assert found["status"] == 422
        assert found["type"] == "urn:heliodesk:problem:configuration-invalid"
        faults = {(e["file"], e["path"]): e["reason"] for e in found["errors"]}
        assert faults["organisation", "colour"] == "unknown field"
        assert faults["nonsense", ""] == "not a section of a configuration"
        assert "Mars/Olympus" in faults["calendars", "calendars[0].time_zone"]
        assert (await client.get("/v1/configuration")).json()["version"] == 1
        checked = await client.post("/v1/configuration/check", json={"sections": sections})
        assert checked.json()["valid"] is False
        assert len(checked.json()["problems"]) == len(found["errors"])
        assert (
            problem(await client.post("/v1/configuration/diff", json={"sections": sections}))[
                "status"
            ]
            == 422
        )


async def test_a_check_and_a_diff_keep_nothing() -> None:
    """A dry run answers and leaves the version in force and the store as they are."""
    world = World()
    async with world.client() as client:
        await put(client, renamed("One"), None)
        rows = dict(world.disk.rows.contents)
        body = {"sections": renamed("Two")}
        checked = await client.post("/v1/configuration/check", json=body)
        levels = ServiceLevels().model_dump(mode="json")
        right = {"valid": True, "problems": [], "broken_promises": [], "service_levels": levels}
        assert checked.json() == right
        diffed = await client.post("/v1/configuration/diff", json=body)
        assert (diffed.status_code, diffed.headers["etag"]) == (200, '"1"')
        assert diffed.json() == {
            "version": 1,
            "changes": [
                {
                    "section": "organisation",
                    "path": "name",
                    "kind": "changed",
                    "before": "One",
                    "after": "Two",
                }
            ],
            "broken_promises": [],
            "service_levels": levels,
            "skipped_states": [],
        }
        assert world.disk.rows.contents == rows


@pytest.mark.parametrize(
    ("content", "headers", "status", "names"),
    [
        (b"{", {}, 400, ""),
        (b"", {}, 400, ""),
        (b"[]", {}, 422, ""),
        (b'{"sections": {"organisation": "\\ud800"}}', {}, 400, ""),
        (b"[" * 100_000, {}, 400, ""),
        (b"\xff\xfe", {}, 400, ""),
        (b'{"sections": {}}', {}, 422, "sections"),
        (b'{"sections": {"a": 1}, "notes": ""}', {}, 422, "notes"),
        (b'{"sections": {"a": 1}, "note": 5}', {}, 422, "note"),
        (b'{"sections": {"organisation": NaN}}', {}, 422, ""),
        (b'{"sections": {"sla": {"policies": [{"warning_share": NaN}]}}}', {}, 422, ""),
        (b'{"sections": []}', {}, 422, "sections"),
        (b"a: 1", {"Content-Type": "application/yaml"}, 415, ""),
        (b"{}", {"Content-Type": "text/plain"}, 415, ""),
    ],
)
async def test_bodies_that_do_not_fit_are_refused(
    content: bytes, headers: dict[str, str], status: int, names: str
) -> None:
    """Each is a 4xx problem that names the field where one is at fault."""
    world = World()
    async with world.client() as client:
        response = await client.put(
            "/v1/configuration",
            content=content,
            headers={"Content-Type": "application/json", **headers},
        )
    found = problem(response)
    assert found["status"] == status
    assert not names or found["errors"][0]["field"] == names
    assert world.disk.rows.contents == {}


async def test_small_bodies_have_a_small_limit() -> None:
    """A sign-in of more than 4 KiB is not read to its end."""
    world = World()
    async with world.client(None) as client:
        body = {"name": "ann", "password": "x" * 5_000}
        assert problem(await client.post("/v1/sessions", json=body))["status"] == 413


CONFIGURE = [
    ("PUT", "/v1/configuration"),
    ("POST", "/v1/configuration/check"),
    ("POST", "/v1/configuration/diff"),
    ("POST", "/v1/configuration/rollback"),
    ("GET", "/v1/configuration/versions"),
    ("GET", "/v1/configuration/versions/1"),
    ("POST", "/v1/identities"),
    ("GET", "/v1/identities"),
    ("POST", "/v1/identities/x/tokens"),
    ("DELETE", "/v1/identities/x/tokens/" + "0" * 64),
    ("PUT", "/v1/identities/x/enabled"),
    ("PUT", "/v1/identities/x/roles"),
    ("PUT", "/v1/identities/x/password"),
    ("GET", "/v1/signing-keys"),
    ("POST", "/v1/signing-keys/rotate"),
]


@pytest.mark.parametrize(("method", "path"), [*CONFIGURE, ("GET", "/v1/configuration")])
async def test_strangers_are_asked_who_they_are(method: str, path: str) -> None:
    """Without a token, or with a wrong one, the answer is 401 before anything is read."""
    world = World()
    for token in (None, "hd_wrong", "wrong", BOOTSTRAP_TOKEN + "x"):
        async with world.client(token) as client:
            response = await client.request(method, path, content=b"not even JSON")
            assert response.headers["www-authenticate"] == "Bearer"
            assert problem(response)["status"] == 401


async def token_of(client: httpx.AsyncClient, world: World, body: dict[str, Any]) -> str:
    """Make an identity with a token that every service knows."""
    identity = (await client.post("/v1/identities", json=body)).json()["id"]
    answer = await client.post(f"/v1/identities/{identity}/tokens", json={"label": "test"})
    await world.deliver()
    token: str = answer.json()["token"]
    return token


@pytest.mark.parametrize(
    ("kind", "role", "reads"), [("agent", "agent", True), ("integration", "integration", False)]
)
async def test_only_administrators_configure(kind: str, role: str, *, reads: bool) -> None:
    """An agent reads the version in force and nothing else; an integration not even that."""
    world = World()
    async with world.client() as admin:
        token = await token_of(admin, world, {"kind": kind, "name": "bob", "roles": [role]})
    async with world.client(token) as client:
        for method, path in CONFIGURE:
            assert problem(await client.request(method, path))["status"] == 403
        shown = await client.get("/v1/configuration")
        assert shown.status_code == (200 if reads else 403)


async def test_an_identity_is_made_listed_and_switched_off() -> None:
    """The way of an identity over HTTP; its token is told once and then known by its digest."""
    world = World()
    body = {"kind": "integration", "name": "pager", "roles": ["integration"]}
    async with world.client() as client:
        created = await client.post("/v1/identities", json=body)
        identity = created.json()
        assert created.status_code == 201
        assert created.headers["location"] == f"/v1/identities/{identity['id']}"
        assert identity == {
            "id": identity["id"],
            "kind": "integration",
            "name": "pager",
            "roles": ["integration"],
            "enabled": True,
            "tokens": [],
        }
        assert (await client.post("/v1/identities", json=body)).status_code == 200
        end = (START + timedelta(days=1)).isoformat()
        issued = await client.post(
            f"/v1/identities/{identity['id']}/tokens", json={"label": "ops", "expires_at": end}
        )
        assert (issued.status_code, issued.headers["cache-control"]) == (201, "no-store")
        token = issued.json()
        assert token["token"].startswith("hd_")
        (listed,) = (await client.get("/v1/identities", params={"name": "pager"})).json()
        assert listed["tokens"] == [
            {"digest": token["digest"], "label": "ops", "expires_at": "2026-03-03T09:00:00Z"}
        ]
        path = f"/v1/identities/{identity['id']}/tokens/{token['digest']}"
        assert (await client.delete(path)).status_code == 204
        assert problem(await client.delete(path))["status"] == 404
        off = await client.put(f"/v1/identities/{identity['id']}/enabled", json={"enabled": False})
        assert off.json()["enabled"] is False
        taken = await client.post("/v1/identities", json={**body, "kind": "agent"})
        assert problem(taken)["status"] == 422
        missing = await client.put("/v1/identities/none/enabled", json={"enabled": True})
        assert problem(missing)["status"] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "service"}, "kind"),
        ({"roles": ["service"]}, "roles.0"),
        ({"roles": []}, "roles"),
        ({"name": "Ann Smith"}, "name"),
        ({"name": "ann\n"}, "name"),
        ({"name": ""}, "name"),
        ({"password": "short"}, "password"),
        ({"passwort": "x"}, "passwort"),
    ],
)
async def test_an_identity_that_cannot_be_is_refused_by_field(
    change: dict[str, Any], field: str
) -> None:
    """Each wrong field is named, and what it held is not repeated."""
    world = World()
    body = {"kind": "agent", "name": "ann", "roles": ["agent"], **change}
    async with world.client() as client:
        found = problem(await client.post("/v1/identities", json=body))
    assert (found["status"], found["errors"][0]["field"]) == (422, field)
    assert "short" not in json.dumps(found["errors"][0].get("input", ""))


async def test_a_person_signs_in_and_works() -> None:
    """The first administrator signs in, applies a configuration, and renews the session."""
    world = World()
    body = {"kind": "agent", "name": "ann", "roles": ["admin"], "password": PASSWORD}
    async with world.client() as client:
        assert (await client.post("/v1/identities", json=body)).status_code == 201
    async with world.client(None) as client:
        answer = await client.post("/v1/sessions", json={"name": "ann", "password": PASSWORD})
        assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
        session = answer.json()
    await world.deliver()
    assert (session["token_type"], session["tenant"], session["name"]) == ("Bearer", TENANT, "ann")
    assert session["expires_at"] == "2026-03-02T10:00:00Z"
    assert session["renewable_until"] == "2026-03-02T21:00:00Z"
    assert session["roles"] == ["admin"]
    async with world.client(session["token"]) as client:
        assert (await put(client, renamed("One"), None)).json()["actor"] == "ann"
        await world.clock.advance(600)
        renewed = await client.post("/v1/sessions/renew")
        assert renewed.json()["expires_at"] == "2026-03-02T10:10:00Z"
    async with world.client("hd_no-session") as client:
        assert problem(await client.post("/v1/sessions/renew"))["status"] == 401


async def test_sign_in_fails_alike_and_slows_down() -> None:
    """Wrong name and wrong password get the same answer; the sixth is told when to come back."""
    world = World()
    body = {"kind": "agent", "name": "ann", "roles": ["admin"], "password": PASSWORD}
    async with world.client() as client:
        await client.post("/v1/identities", json=body)
    async with world.client(None) as client:
        answers = [
            await client.post("/v1/sessions", json={"name": name, "password": "wrong"})
            for name in ("ann", "nobody")
        ]
        assert [problem(a)["status"] for a in answers] == [401, 401]
        assert answers[0].content == answers[1].content
        for _ in range(4):
            await client.post("/v1/sessions", json={"name": "ann", "password": "wrong"})
        blocked = await client.post("/v1/sessions", json={"name": "ann", "password": PASSWORD})
        assert problem(blocked)["status"] == 429
        assert blocked.headers["retry-after"] == "1"
        wrong = {"tenant": "No Tenant", "name": "ann", "password": "x"}
        found = problem(await client.post("/v1/sessions", json=wrong))
        assert (found["status"], found["errors"][0]["field"]) == (422, "tenant")


async def test_keys_are_rotated_over_http() -> None:
    """Two rotations, the second for a leak, leave one public key and no private part in sight."""
    world = World()
    async with world.client() as client:
        assert len((await client.get("/v1/signing-keys")).json()) == 1
        assert len((await client.post("/v1/signing-keys/rotate", json={})).json()) == 2
        last = await client.post("/v1/signing-keys/rotate", json={"retire": "now"})
        (key,) = last.json()
        assert set(key["jwk"]) == {"kty", "crv", "x"}


async def test_a_store_that_is_down_is_503_with_a_time_to_come_back() -> None:
    """Every door that needs the store says so, and never answers 2xx."""
    world = World(faults=FailAlways(lambda: Infrastructure("store: AutoReconnect: gone")))
    credentials = {"name": "ann", "password": PASSWORD}
    person = {"kind": "agent", "name": "ann", "roles": ["admin"], "password": PASSWORD}
    async with world.client() as client:
        answers = [
            await client.get("/v1/configuration"),
            await client.get("/v1/configuration/versions"),
            await put(client, renamed("One"), None),
            await client.post("/v1/configuration/diff", json={"sections": sample_sections()}),
            await client.get("/v1/identities"),
            await client.post("/v1/identities", json=person),
            await client.post("/v1/sessions", json=credentials),
            await client.post("/v1/signing-keys/rotate", json={}),
        ]
    for answer in answers:
        assert problem(answer)["status"] == 503
        assert answer.headers["retry-after"] == "5"
