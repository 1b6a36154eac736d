from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import SystemClock
from shared.contracts.topics import TOPICS
from shared.kernel import (
    TENANT_PATTERN,
    derived_id,
    digest,
    event_id,
    instant,
    rfc3339,
    stream_id,
)

parts = st.lists(st.text(max_size=8), min_size=1, max_size=4)


def test_ids_are_fixed_for_ever() -> None:
    """An event's id is the same on every machine and in every release."""
    assert event_id("/routing/ticket", "t-1", 1) == "c00392ce-5195-5ef1-a02f-1a82e7bc53bd"


def test_a_stream_of_another_tenant_is_another_stream() -> None:
    """The same caller's key gives two tenants two different streams."""
    assert stream_id("acme", "ticket", "1") != stream_id("other", "ticket", "1")


def test_parts_are_not_run_together() -> None:
    """Moving a letter from one part to the next gives another id and another digest."""
    assert derived_id("ab", "c") != derived_id("a", "bc")
    assert digest(b"ab", b"c") != digest(b"a", b"bc")


@given(parts, parts)
def test_only_equal_parts_have_equal_ids(one: list[str], other: list[str]) -> None:
    """Two lists of parts share an id only where they are the same list."""
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


def test_an_instant_is_cut_to_milliseconds_in_utc() -> None:
    """What the store would cut off is cut off at once."""
    east = timezone(timedelta(hours=8))
    value = datetime(2026, 3, 2, 17, 0, 0, 123999, tzinfo=east)
    assert instant(value) == datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC)
    assert instant(value).utcoffset() == timedelta(0)


def test_an_instant_without_offset_is_refused() -> None:
    """A naive datetime means a different instant on each machine."""
    with pytest.raises(ValueError, match="no UTC offset"):
        instant(datetime(2026, 3, 2, 9, 0))  # noqa: DTZ001 - the point of the test


def test_an_instant_beyond_the_calendar_is_refused() -> None:
    """The first hour of the year 1, east of Greenwich, has no UTC date."""
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValueError, match="years 1 to 9999"):
        instant(early)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 11, 22, 13, 45, 0, 123456, tzinfo=UTC), "2026-11-22T13:45:00.123Z"),
        (datetime(2026, 11, 22, 13, 45, tzinfo=UTC), "2026-11-22T13:45:00.000Z"),
        (datetime(987, 1, 2, tzinfo=UTC), "0987-01-02T00:00:00.000Z"),
    ],
)
def test_instants_are_written_with_three_digits(value: datetime, text: str) -> None:
    """An instant has one spelling, which sorts as time does."""
    assert rfc3339(value) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_written_instant_reads_as_itself(value: datetime) -> None:
    """Reading what was written gives the instant in milliseconds."""
    assert datetime.fromisoformat(rfc3339(value)) == instant(value)


@pytest.mark.parametrize("name", ["acme", "a", "a-1", "x" * 40])
def test_tenants_names(name: str) -> None:
    """Small letters, digits and inner dashes, up to forty."""
    assert TENANT_PATTERN.match(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "Acme", "acme\n", "x" * 41, "a b", "ä"])
def test_what_is_no_tenants_name(name: str) -> None:
    """Anything else is refused, a trailing newline too."""
    assert not TENANT_PATTERN.match(name)


def test_sources_can_be_names_of_fields() -> None:
    """Marks are kept in a field named after the source: no dot, no dollar, no NUL."""
    for topic in TOPICS:
        assert not set(topic.source or "") & set(".$\0"), topic.name


def test_the_system_clock_gives_milliseconds_and_bounded_jitter() -> None:
    """Now is a UTC instant as the store keeps it; jitter is between half and all."""
    clock = SystemClock()
    assert clock.now().microsecond % 1000 == 0
    assert all(1.0 <= clock.jitter(2.0) <= 2.0 for _ in range(100))
    assert clock.unique() != clock.unique()
    assert len(clock.secret()) >= 43
