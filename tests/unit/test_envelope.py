from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.envelope import Body, EnvelopeInvalid, Event, decode, numbered
from shared.kernel import event_id


class Noted(Body):
    """A fact for these tests."""

    type: ClassVar[str] = "test.noted.v1"
    text: str
    rank: int | None = None


utf8 = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
sequences = st.integers(1, 10**12 - 1)
times = st.datetimes(timezones=st.just(UTC))
traces = st.none() | st.just("00-" + "a" * 32 + "-" + "b" * 16 + "-01")


@st.composite
def events(draw: st.DrawFn, *, caused: bool = True) -> Event[Any]:
    """Return an event, caused by another one or not."""
    cause = draw(st.none() | events(caused=False)) if caused else None
    return numbered(
        source=draw(utf8),
        subject=draw(utf8),
        sequence=draw(sequences),
        time=draw(times),
        tenant=draw(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)),
        configversion=draw(st.integers(0, 10**9)),
        body=Noted(text=draw(utf8), rank=draw(st.none() | st.integers())),
        cause=cause,
        correlationid=draw(st.none() | utf8),
        traceparent=draw(traces),
    )


@given(events())
def test_a_decoded_event_is_the_encoded_one(event: Event[Any]) -> None:
    """Every attribute and the body survive the way over the wire."""
    wire = event.encoded()
    assert decode(wire.headers(), wire.body).with_body(Noted) == event


header_names = st.sampled_from(
    [
        f"ce_{name}"
        for name in (
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "sequence",
            "tenant",
            "configversion",
            "correlationid",
            "causationid",
            "causesource",
            "causesequence",
            "traceparent",
        )
    ]
)
odd_values = (
    st.none()
    | st.sampled_from(
        [
            b"",
            b"\xff\xfe",
            b"-1",
            b"0",
            b"9" * 30,
            "١٢".encode(),
            b"0001-01-01T00:00:00+14:00",
            b"9999-12-31T23:59:59-14:00",
            b"2026-03-02",
            b"acme\n",
            b"2.0",
        ]
    )
    | st.binary(max_size=30)
)


@given(
    st.dictionaries(header_names, odd_values, max_size=4),
    st.none() | st.binary(max_size=10),
    events(),
)
def test_whatever_comes_only_one_error_leaves(
    odd: dict[str, bytes | None], value: bytes | None, event: Event[Any]
) -> None:
    """Headers that are nearly right decode, or raise EnvelopeInvalid and nothing else."""
    headers: dict[str, bytes | None] = {**dict(event.encoded().headers()), **odd}
    with suppress(EnvelopeInvalid):
        assert decode(tuple(headers.items()), value).sequence >= 1


@given(
    st.lists(st.tuples(st.text(max_size=15), st.none() | st.binary(max_size=20)), max_size=5),
    st.none() | st.binary(max_size=20),
)
def test_noise_is_no_event(headers: list[tuple[str, bytes | None]], value: bytes | None) -> None:
    """Random headers never make an event, and never another error."""
    with pytest.raises(EnvelopeInvalid):
        decode(headers, value)


@given(st.binary(max_size=40))
def test_a_body_that_does_not_fit_is_a_validation_error(body: bytes) -> None:
    """Reading a body either gives the model or a pydantic error."""
    event = _event().encoded()
    broken: Event[Any] = Event(
        **{name: getattr(event, name) for name in Event.__slots__} | {"body": body}
    )
    with suppress(ValidationError):
        assert isinstance(broken.with_body(Noted).body, Noted)


def _event(**changes: Any) -> Event[Any]:
    values: dict[str, Any] = {
        "source": "/test/thing",
        "subject": "s-1",
        "sequence": 7,
        "time": datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC),
        "tenant": "acme",
        "configversion": 3,
        "body": Noted(text="hello"),
    }
    return numbered(**{**values, **changes})


def test_the_headers_on_the_wire() -> None:
    """The attributes are CloudEvents 1.0 in Kafka's binary mode, the sequence zero-padded."""
    cause = _event(subject="s-0", sequence=2)
    assert dict(_event(cause=cause).encoded().headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": event_id("/test/thing", "s-1", 7).encode(),
        "ce_source": b"/test/thing",
        "ce_type": b"test.noted.v1",
        "ce_subject": b"s-1",
        "ce_time": b"2026-03-02T09:00:00.123Z",
        "ce_sequence": b"000000000007",
        "ce_partitionkey": b"s-1",
        "ce_tenant": b"acme",
        "ce_configversion": b"3",
        "ce_correlationid": b"s-0",
        "ce_causationid": event_id("/test/thing", "s-0", 2).encode(),
        "ce_causesource": b"/test/thing",
        "ce_causesequence": b"000000000002",
        "content-type": b"application/json",
    }


def test_fields_that_are_none_are_left_out() -> None:
    """An optional field that is not set does not appear in the body."""
    assert _event().encoded().body == b'{"text":"hello"}'


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("id", None, "id: the attribute is missing"),
        ("specversion", b"0.3", "specversion"),
        ("sequence", b"0", "sequence: counts from 1"),
        ("sequence", b"-3", "sequence"),
        ("sequence", b"1" * 19, "sequence"),
        ("configversion", b"x", "configversion"),
        ("tenant", b"ACME", "tenant"),
        ("time", b"yesterday", "time"),
        ("time", b"2026-03-02T09:00:00", "time"),
        ("time", b"0001-01-01T00:00:00+14:00", "time"),
        ("subject", b"\xff", "subject: not UTF-8"),
        ("causesequence", b"two", "causesequence"),
    ],
)
def test_a_broken_attribute_is_named(name: str, value: bytes | None, complaint: str) -> None:
    """The error says which attribute is wrong and why."""
    wire = _event().encoded()
    headers = {**dict(wire.headers()), f"ce_{name}": value}
    with pytest.raises(EnvelopeInvalid, match=complaint):
        decode(headers.items(), wire.body)


def test_a_record_without_value_is_no_event() -> None:
    """A tombstone is refused: nothing here is compacted."""
    with pytest.raises(EnvelopeInvalid, match="no value"):
        decode(_event().encoded().headers(), None)


def test_unknown_headers_and_fields_are_ignored() -> None:
    """A newer producer may add headers and fields."""
    wire = _event().encoded()
    decoded = decode((*wire.headers(), ("ce_new", b"x"), ("other", None)), wire.body)
    body = decoded.with_body(Noted).body
    assert body == Noted(text="hello")


def test_deep_nesting_is_a_validation_error() -> None:
    """Ten thousand brackets neither crash nor hang the reader."""
    deep = b'{"text":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    wire = _event().encoded()
    with pytest.raises(ValidationError):
        decode(wire.headers(), deep).with_body(Noted)
