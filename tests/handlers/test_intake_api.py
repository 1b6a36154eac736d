"""The client of intake's internal read API, against routes of the same contract."""

from __future__ import annotations

import httpx
import pytest

from shared.contracts.internal import (
    CONTACTS_PATH,
    ContactsAnswer,
    ContactView,
    IdsRequest,
)
from shared.intake_api import IntakeApi
from shared.kernel import Infrastructure


def client(answer: httpx.Response | Exception, seen: list[IdsRequest]) -> IntakeApi:
    """Return a client whose questions are kept, and answered with every contact asked for."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer s3cret"
        if isinstance(answer, Exception):
            raise answer
        if answer.status_code != 200 or answer.content:
            return answer
        assert request.url.path == CONTACTS_PATH
        question = IdsRequest.model_validate_json(request.content)
        seen.append(question)
        found = tuple(ContactView(id=i, name=i) for i in question.ids if i != "unknown")
        return httpx.Response(200, text=ContactsAnswer(contacts=found).model_dump_json())

    transport = httpx.MockTransport(handle)
    return IntakeApi(url="http://intake", token="s3cret", transport=transport)


async def test_batches() -> None:
    """Ids are asked for once each, two hundred at a time; unknown ones are left out."""
    seen: list[IdsRequest] = []
    api = client(httpx.Response(200), seen)
    ids = [f"c-{n}" for n in range(399)] + ["c-1", "unknown"]
    found = await api.contacts("main", ids)
    assert len(found) == 399
    assert [len(question.ids) for question in seen] == [200, 200]
    assert {question.tenant for question in seen} == {"main"}


async def test_nothing_to_ask() -> None:
    """Without ids nothing is asked."""
    seen: list[IdsRequest] = []
    assert await client(httpx.Response(200), seen).contacts("main", []) == {}
    assert seen == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.Response(401),
        httpx.Response(503),
        httpx.Response(200, text="not JSON"),
        httpx.Response(200, text='{"contacts": [{}]}'),
    ],
)
async def test_every_failure_is_infrastructure(answer: httpx.Response | Exception) -> None:
    """Whatever goes wrong between services is to be tried again."""
    with pytest.raises(Infrastructure, match="intake"):
        await client(answer, []).contacts("main", ["c-1"])
