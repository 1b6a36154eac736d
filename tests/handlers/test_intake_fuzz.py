"""Every door over HTTP, and the listener, under garbage: no 5xx, no lost mail, bounded memory."""

from __future__ import annotations

import json
import os
import random
import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from services.intake.api.listener import Listener
from services.intake.doors import Signature
from services.intake.doors.examples import Example, examples
from shared.log import silent
from shared.testing.clock import START, ManualClock
from tests.support.doors import (
    all_doors,
    call_of,
    good_examples,
    refused_examples,
    secrets,
    with_all_doors,
)
from tests.support.intake import TENANT, Intake
from tests.support.mails import mailing_of

CALLS = 20_000 if os.environ.get("HELIODESK_CHAOS") else 600
SERVER_ERROR = 500
GROWTH_MIB_MAX = 400
"""Of a run's resident memory; the rows of everything that was accepted are in it."""
NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, "", " ", "\x00", "\ud800", "\u202e", "a" * 5_000, [], {}, [[]],
    {"$gt": ""}, "{{7*7}}", "<script>", "=cmd()", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every door's secrets."""
    for name, value in secrets().items():
        monkeypatch.setenv(name, value)


def intake_at(example: Example | None = None) -> Intake:
    """Return an intake with all doors, at the time of an example and with its settings."""
    at = example.now if example else None
    intake = Intake(clock=ManualClock(at or START))
    known = intake.configurations.current(TENANT)
    intake.configurations.install(TENANT, with_all_doors(known, like=example))
    return intake


async def test_calls_of_a_door_are_counted_by_what_became_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a vendor tells and nobody needs is acknowledged, and seen in the figures."""
    wanted = ("text", "reaction", "missing-id", "bad-signature", "handshake")
    found = {e.case: e for e in examples() if e.door.name == "whatsapp" and e.case in wanted}
    for name, value in secrets(like=found["text"]).items():
        monkeypatch.setenv(name, value)
    intake, seen = intake_at(found["text"]), Counter[tuple[str, str]]()

    def came(door: str, outcome: str) -> None:
        seen[door, outcome] += 1

    async with all_doors(intake, came=came) as client:
        statuses = [(await client.request(**call_of(found[case]))).status_code for case in wanted]
    assert statuses == [200, 200, 422, 401, 200]
    outcomes = ("read", "ignored", "refused", "unauthenticated", "greeted")
    assert seen == {("whatsapp", outcome): 1 for outcome in outcomes}


GOOD = list(good_examples())
STRANGER = {"pagerduty": 400}
"""A routing key that nobody has is an invalid event there; all others answer 401."""
each_good = pytest.mark.parametrize("example", GOOD, ids=lambda e: f"{e.door.name}-{e.case}")


@each_good
async def test_a_good_example_is_accepted_durably(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the door's own credentials: 2xx or a page that thanks, and a receipt a submission."""
    for name, value in secrets(like=example).items():
        monkeypatch.setenv(name, value)
    intake = intake_at(example)
    async with all_doors(intake) as client:
        answer = await client.request(**call_of(example))
    assert answer.is_success or answer.has_redirect_location, answer.text
    keys = [read["key"] for read in example.expected["reads"]]
    distinct = {key for key in keys if key is not None}
    wanted = len(distinct) + keys.count(None)
    assert len(intake.store.all_receipts()) == wanted


@pytest.mark.parametrize(
    "example", list(refused_examples()), ids=lambda e: f"{e.door.name}-{e.case}"
)
async def test_a_refused_example_stores_nothing(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP, with the door's own credentials: 4xx in the caller's protocol, and no receipt."""
    for name, value in secrets(like=example).items():
        monkeypatch.setenv(name, value)
    intake = intake_at(example)
    async with all_doors(intake) as client:
        answer = await client.request(**call_of(example))
    assert answer.is_client_error, answer.text
    assert not intake.store.all_receipts()


@each_good
async def test_a_stranger_gets_nothing_in(example: Example) -> None:
    """Without credentials, or by an integration that there is not: 401, and nothing is stored."""
    intake = intake_at(example)
    call = call_of(example)
    call["headers"] = {"content-type": call["headers"].get("content-type", "")}
    call["params"] = {}
    call["url"] = call["url"].replace(f"/{TENANT}/", "/elsewhere/")
    async with all_doors(intake) as client:
        answer = await client.request(**call)
    assert answer.status_code in {401, 400}
    assert not intake.store.all_receipts()


@pytest.mark.parametrize(
    "example",
    [e for e in GOOD if isinstance(e.door.credentials, Signature)],
    ids=lambda e: f"{e.door.name}-{e.case}",
)
async def test_a_stranger_does_not_learn_which_integrations_there_are(example: Example) -> None:
    """One that is there answers an unsigned call as one that is not does."""
    answers = []
    for tenant in (TENANT, "elsewhere"):
        call = call_of(example)
        call["headers"] = {"content-type": call["headers"].get("content-type", "")}
        call["params"] = {}
        # The one signature that is in a body is that of SNS.
        call["content"] = call["content"].replace(b'"Signature"', b'"Unsigned"')
        call["url"] = call["url"].replace(f"/{TENANT}/", f"/{tenant}/")
        async with all_doors(intake_at(example)) as client:
            answers.append(await client.request(**call))
    wanted = STRANGER.get(example.door.name, 401)
    assert answers[0].status_code == answers[1].status_code == wanted
    assert answers[0].json() == answers[1].json()


@each_good
async def test_a_huge_body_is_refused(example: Example) -> None:
    """Over the limit: 413, and nothing is stored."""
    intake = intake_at(example)
    async with all_doors(intake) as client:
        answer = await client.request(**call_of(example, body=b" " * 200_001))
    assert answer.status_code == 413
    assert not intake.store.all_receipts()


def mutated(example: Example, chance: random.Random) -> bytes:
    """Return a payload with something wrong in it."""
    body = bytearray(example.payload)
    if example.suffix == ".json" and chance.random() < 0.7:
        try:
            return json.dumps(_twisted(json.loads(body), chance)).encode("utf-8", "surrogatepass")
        except ValueError:
            pass
    for _ in range(chance.randint(1, 8)):
        if not body:
            break
        place = chance.randrange(len(body))
        match chance.randrange(3):
            case 0:
                body[place] = chance.randrange(256)
            case 1:
                del body[place : place + chance.randrange(1, 30)]
            case _:
                body[place:place] = chance.randbytes(chance.randrange(1, 20))
    return bytes(body)


def _twisted(content: Any, chance: random.Random) -> Any:
    """Return JSON in which one value is another one, or missing, or doubled."""
    if isinstance(content, dict) and content and chance.random() < 0.8:
        name = chance.choice(sorted(content))
        match chance.randrange(4):
            case 0:
                return {n: v for n, v in content.items() if n != name}
            case 1:
                return {**content, name: chance.choice(NASTY)}
            case _:
                return {**content, name: _twisted(content[name], chance)}
    if isinstance(content, list) and content and chance.random() < 0.8:
        place = chance.randrange(len(content))
        return [*content[:place], _twisted(content[place], chance), *content[place:]]
    return chance.choice(NASTY)


async def test_garbage_over_http_is_never_an_error_of_ours() -> None:
    """Thousands of broken payloads: below 500 each, and what is answered with 2xx is stored."""
    chance = random.Random(4)  # noqa: S311 - the same garbage each time
    known = GOOD
    intake = intake_at()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    statuses: Counter[int] = Counter()
    async with all_doors(intake) as client:
        for _ in range(CALLS):
            example = chance.choice(known)
            answer = await client.request(**call_of(example, body=mutated(example, chance)))
            statuses[answer.status_code] += 1
            assert answer.status_code < SERVER_ERROR, (example.door.name, answer.text)
    await intake.settle()
    waiting = [r.task for r in intake.store.all_receipts() if r.pending_since]
    assert not waiting
    assert statuses[202] > 0
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1_024
    assert grown < GROWTH_MIB_MAX


def mails() -> Iterator[Example]:
    """Yield the examples of mail."""
    for example in examples():
        if example.suffix == ".eml":
            yield example


async def test_no_mail_is_lost_whatever_it_is() -> None:
    """Thousands of broken mails: each is taken, has a receipt and its original, byte by byte."""
    chance = random.Random(5)  # noqa: S311 - the same garbage each time
    known = list(mails())
    intake = intake_at()
    listener = Listener(
        mailing=mailing_of(intake),
        closed=lambda: "",
        clock=intake.clock,
        log=silent(),
        host="127.0.0.1",
        port=1,
        name="test",
        mail_bytes_max=BODY_MAX,
    )
    sent = set()
    for number in range(CALLS):
        await intake.clock.advance(60)
        # Equal mails under one Message-ID are one: here each is a mail of its own.
        body = b"Message-ID: <%d@fuzz>\r\n" % number + mutated(chance.choice(known), chance)
        envelope = Envelope()
        envelope.mail_from, envelope.rcpt_tos = "ana@example.org", ["smtp@helio.example"]
        envelope.original_content = body
        answer = await listener.handle_DATA(None, None, envelope)
        assert answer.startswith("250"), answer
        sent.add(body)
    await intake.settle()
    assert sent == set(intake.store.all_originals())
    assert not [r for r in intake.store.all_receipts() if r.pending_since]


BODY_MAX = 200_000
