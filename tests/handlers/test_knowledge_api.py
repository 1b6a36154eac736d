"""HTTP of knowledge: articles with their revisions, search, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from services.knowledge.api import articles_router, search_router
from tests.support.callers import Callers
from tests.support.knowledge import Knowledge, sample_articles

VPN: dict[str, Any] = {
    "title": " VPN ",
    "body": "Restart the client.",
    "language": "en",
    "keywords": ["remote"],
}


class Api(Callers):
    """The routes of one process."""

    def __init__(self) -> None:
        self.knowledge = Knowledge()
        desk = self.knowledge.desk
        super().__init__(
            articles_router(desk, self.knowledge.articles),
            search_router(self.knowledge.library, desk),
            clock=self.knowledge.clock,
        )


async def test_the_life_of_an_article() -> None:
    """An article is made, read, changed at its revision, found, retired and found no more."""
    api = Api()
    made = await api.call("POST", "/v1/articles", body=VPN)
    assert made.status_code == 201
    path = made.headers["Location"]
    assert path == f"/v1/articles/{made.json()['id']}"
    assert made.headers["ETag"] == '"1"'
    assert made.json() == {
        "id": made.json()["id"],
        "revision": 1,
        "title": "VPN",
        "body": "Restart the client.",
        "language": "en",
        "keywords": ["remote"],
        "author": "h-clarke",
        "retired": False,
        "published_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-02T09:00:00Z",
    }
    changed = await api.call(
        "PUT", path, body={**VPN, "body": "Renew it."}, headers={"If-Match": '"1"'}
    )
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    stale = await api.call("PUT", path, body=VPN, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    await api.knowledge.follow()
    found = await api.call("GET", "/v1/search?q=vpn&language=en&limit=5")
    (hit,) = found.json()["results"]
    assert (hit["id"], hit["title"], hit["excerpt"]) == (made.json()["id"], "VPN", "Renew it.")
    assert (await api.call("POST", f"{path}/retire")).json()["retired"] is True
    await api.knowledge.follow()
    assert (await api.call("GET", "/v1/search?q=vpn")).json() == {"query": "vpn", "results": []}
    assert (await api.call("GET", path)).json()["retired"] is True
    assert (await api.call("GET", "/v1/articles")).json() == {"articles": [], "next": None}
    every = await api.call("GET", "/v1/articles?retired=true")
    assert [item["id"] for item in every.json()["articles"]] == [made.json()["id"]]


async def test_idempotency_key() -> None:
    """The same key and content give the same article; another content is refused."""
    api = Api()
    key = {"Idempotency-Key": "sample:vpn"}
    first = await api.call("POST", "/v1/articles", body=VPN, headers=key)
    again = await api.call("POST", "/v1/articles", body=VPN, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    other = await api.call("POST", "/v1/articles", body={**VPN, "title": "X"}, headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "urn:heliodesk:problem:key-reused"


async def test_pages() -> None:
    """A list comes in pages that together have everything once."""
    api = Api()
    for number in range(5):
        await api.call("POST", "/v1/articles", body={**VPN, "title": f"T{number}"})
    seen: list[str] = []
    path = "/v1/articles?limit=2"
    while True:
        page = (await api.call("GET", path)).json()
        seen += [item["title"] for item in page["articles"]]
        if page["next"] is None:
            break
        path = f"/v1/articles?limit=2&after={page['next']}"
    assert sorted(seen) == ["T0", "T1", "T2", "T3", "T4"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"body": ""}, "body"),
        ({"body": "x" * 50_001}, "body"),
        ({"language": "English"}, "language"),
        ({"keywords": ["x"] * 51}, "keywords"),
        ({"keywords": ["x" * 81]}, "keywords.0"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_bad_articles_are_named(change: dict[str, Any], field: str) -> None:
    """A body that does not fit is refused with the field at fault."""
    answer = await Api().call("POST", "/v1/articles", body={**VPN, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("if_match", "status"),
    [(None, 428), ("1", 400), ('W/"1"', 400), ("*", 200), ('"1"', 200), ('"7"', 412)],
)
async def test_if_match(if_match: str | None, status: int) -> None:
    """An article is changed only by who says which revision was seen, or that any will do."""
    api = Api()
    made = await api.call("POST", "/v1/articles", body=VPN)
    headers = {} if if_match is None else {"If-Match": if_match}
    path = f"/v1/articles/{made.json()['id']}"
    answer = await api.call("PUT", path, body={**VPN, "title": "New"}, headers=headers)
    assert answer.status_code == status


async def test_not_caught_up() -> None:
    """While the index is made, a search is answered 503 with Retry-After."""
    api = Api()
    await api.knowledge.desk.create("main", sample_articles()["vpn-does-not-connect"], key="k")
    await api.knowledge.relay.drain()
    answer = await api.call("GET", "/v1/search?q=vpn")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("by", "read", "write"),
    [
        (None, 401, 401),
        ("mail-demo", 403, 403),
        ("console", 200, 403),
        ("boss", 200, 201),
    ],
)
async def test_who_may(by: str | None, read: int, write: int) -> None:
    """Readers search and read, agents write."""
    api = Api()
    for path in ("/v1/search?q=vpn", "/v1/articles", "/v1/suggestions?ticket=t-1"):
        assert (await api.call("GET", path, by=by)).status_code == read
    assert (await api.call("POST", "/v1/articles", body=VPN, by=by)).status_code == write


async def test_another_tenant_sees_nothing() -> None:
    """An agent of another tenant neither reads, changes, retires, lists nor finds an article."""
    api = Api()
    made = await api.call("POST", "/v1/articles", body=VPN)
    await api.knowledge.follow()
    path = f"/v1/articles/{made.json()['id']}"
    assert (await api.call("GET", path, by="stranger")).status_code == 404
    changed = await api.call("PUT", path, by="stranger", body=VPN, headers={"If-Match": "*"})
    assert changed.status_code == 404
    assert (await api.call("POST", f"{path}/retire", by="stranger")).status_code == 404
    assert (await api.call("GET", "/v1/articles", by="stranger")).json()["articles"] == []
    found = await api.call("GET", "/v1/search?q=vpn", by="stranger")
    assert found.json()["results"] == []


async def test_an_article_that_is_not_there_is_404_whatever_revision_is_named() -> None:
    """There is nothing whose revision could be stale."""
    api = Api()
    match = {"If-Match": '"1"'}
    changed = await api.call("PUT", "/v1/articles/nope", body=VPN, headers=match)
    assert (changed.status_code, changed.json()["title"]) == (404, "not found")
    assert (await api.call("POST", "/v1/articles/nope/retire", headers=match)).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": "\0"}, "title"),
        ({"body": "a\x1b[2J"}, "body"),
        ({"keywords": ["\0"]}, "keywords"),
    ],
)
async def test_an_article_has_no_control_characters(change: dict[str, Any], field: str) -> None:
    """They break pages and terminals: 422 names the field, and nothing is kept."""
    api = Api()
    refused = await api.call("POST", "/v1/articles", body={**VPN, **change})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"field": field, "reason": "control characters are not taken"}
    ]
    assert (await api.call("GET", "/v1/articles")).json()["articles"] == []


async def test_a_missing_or_odd_if_match_is_named() -> None:
    """428 and 400 name the header at fault."""
    api = Api()
    for headers, status in (({}, 428), ({"If-Match": "x"}, 400)):
        answer = await api.call("PUT", "/v1/articles/a1", body=VPN, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, "If-Match")
