"""Public keys of vendors: fetched once, kept, fetched anew for a key that is not known."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

import httpx
import pytest

from services.intake.adapters.web import Web
from services.intake.doors import Fetch, Raw, Setup, Signature, Unauthenticated
from services.intake.handlers.public_keys import PublicKeys
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock

KEYS = "https://vendor.example/keys"
DAY = 24 * 3_600


class Vendor:
    """Serves keys, and counts how often they are asked for."""

    def __init__(self) -> None:
        self.keys = b"a"
        self.asked: Counter[str] = Counter()
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.asked[str(request.url)] += 1
        return httpx.Response(self.status, content=self.keys)


def wants(key: bytes) -> Signature:
    """Return a signature that was made with a key."""

    def public(
        _raw: Raw, _setup: Setup, documents: Mapping[str, bytes]
    ) -> Fetch | Mapping[str, str]:
        if KEYS not in documents:
            return Fetch(KEYS)
        found = documents[KEYS]
        return {"keys": found.decode()} if key in found else Fetch(KEYS, fresh=True)

    return Signature(lambda _raw, _setup, _now: None, secrets=(), public=public)


@pytest.fixture
def vendor() -> Vendor:
    """Return a vendor."""
    return Vendor()


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
def keys(vendor: Vendor, clock: ManualClock) -> PublicKeys:
    """Return the keys, fetched from the vendor."""
    return PublicKeys(documents=Web(transport=httpx.MockTransport(vendor)), clock=clock)


async def test_keys_are_fetched_once_a_day(
    keys: PublicKeys, vendor: Vendor, clock: ManualClock
) -> None:
    """Two calls are one fetch; a day later the third fetches again."""
    for _ in range(2):
        setup = await keys.complete(wants(b"a"), Raw(body=b""), Setup(secrets={"x": "y"}))
        assert setup.secrets == {"x": "y", "keys": "a"}
    assert vendor.asked == {KEYS: 1}
    await clock.advance(DAY + 1)
    await keys.complete(wants(b"a"), Raw(body=b""), Setup())
    assert vendor.asked == {KEYS: 2}


async def test_a_new_key_of_the_vendors_is_found_soon(
    keys: PublicKeys, vendor: Vendor, clock: ManualClock
) -> None:
    """A key that is not among those at hand is looked for again, five minutes after the last."""
    await keys.complete(wants(b"a"), Raw(body=b""), Setup())
    vendor.keys = b"ab"
    await clock.advance(301)
    setup = await keys.complete(wants(b"b"), Raw(body=b""), Setup())
    assert setup.secrets == {"keys": "ab"}
    assert vendor.asked == {KEYS: 2}


async def test_a_made_up_key_does_not_make_us_fetch(keys: PublicKeys, vendor: Vendor) -> None:
    """Whoever signs with a key that nobody knows is a stranger; a hundred of them are one fetch."""
    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await keys.complete(wants(b"z"), Raw(body=b""), Setup())
    assert vendor.asked == {KEYS: 1}


async def test_what_is_at_hand_does_not_wait_for_a_fetch(clock: ManualClock) -> None:
    """A stranger makes us ask for a document that never comes: others' signatures are checked."""
    other, asked = "https://vendor.example/other", asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == other:
            asked.set()
            await asyncio.Event().wait()
        return httpx.Response(200, content=b"a")

    def public(
        _raw: Raw, _setup: Setup, documents: Mapping[str, bytes]
    ) -> Fetch | Mapping[str, str]:
        return {} if other in documents else Fetch(other)

    keys = PublicKeys(documents=Web(transport=httpx.MockTransport(answer)), clock=clock)
    await keys.complete(wants(b"a"), Raw(body=b""), Setup())
    strange = Signature(lambda _raw, _setup, _now: None, secrets=(), public=public)
    waiting = asyncio.create_task(keys.complete(strange, Raw(body=b""), Setup()))
    await asked.wait()
    async with asyncio.timeout(5):
        setup = await keys.complete(wants(b"a"), Raw(body=b""), Setup())
    assert setup.secrets == {"keys": "a"}
    waiting.cancel()


async def test_keys_that_cannot_be_had_are_no_refusal(keys: PublicKeys, vendor: Vendor) -> None:
    """The vendor asks again later: 503, not 401."""
    vendor.status = 500
    with pytest.raises(Infrastructure, match=r"vendor\.example"):
        await keys.complete(wants(b"a"), Raw(body=b""), Setup())


async def test_keys_without_end_are_not_read(keys: PublicKeys, vendor: Vendor) -> None:
    """Above half a mebibyte reading stops."""
    vendor.keys = b"a" * 600_000
    with pytest.raises(Infrastructure, match="too long"):
        await keys.complete(wants(b"a"), Raw(body=b""), Setup())
