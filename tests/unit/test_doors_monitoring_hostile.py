"""Doors of monitors: whatever comes in, they read it or refuse it, and keep within the forms."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.intake.domain.normal import NormalForm
from services.intake.doors import Answer, Raw, Refused, Setup, Unauthenticated
from services.intake.doors.examples import Example, examples
from services.intake.doors.monitoring import DOORS, sns
from services.intake.doors.shape import Door

NAMES = {door.name for door in DOORS}
GOOD = [e for e in examples() if e.door.name in NAMES and "reads" in e.expected]
JSON_GOOD = [e for e in GOOD if e.suffix == ".json" and e.payload.strip()]
FORMS: TypeAdapter[Any] = TypeAdapter(NormalForm)
KEY_MAX = 1_000
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "0", "1e999", "NaN", "2026-03-02T10:00:00Z", "{A.B}", "x" * 3_000, "a/b\\c"]
    )
    | st.sampled_from([10**400, -1, 2**63, 1e17]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all values in a document."""
    if at:
        yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*at, name))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*at, number))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document in which one value is another."""
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def reads_or_refuses(door: Door, raw: Raw, setup: Setup) -> bool:
    """Return whether all that a door reads fits the forms, or a refusal names a reason."""
    try:
        found = door.parse(raw, setup)
    except Refused as error:
        if door.refuse is not None:
            refusal = door.refuse(raw, error)
            json.dumps(refusal.content)
        return all(fault.reason for fault in error.faults)
    for read in found:
        FORMS.validate_python(read.form.model_dump())
        assert read.key is None or (0 < len(read.key) <= KEY_MAX and read.key.isprintable())
    if door.answer is not None:
        assert isinstance(door.answer(raw, ()), Answer)
    return True


@given(example=st.sampled_from(JSON_GOOD), data=st.data())
def test_no_value_in_a_golden_payload_makes_a_door_fail_otherwise(
    example: Example, data: st.DataObject
) -> None:
    """Any value of any field may be any JSON: the door reads it within its forms, or refuses."""
    document = json.loads(example.payload)
    path = data.draw(st.sampled_from(list(paths(document)) or [()]))
    changed = with_value(document, path, data.draw(VALUES)) if path else document
    raw = replace(example.raw, body=json.dumps(changed).encode())
    assert reads_or_refuses(example.door, raw, example.setup)


@given(example=st.sampled_from(JSON_GOOD), data=st.data())
def test_no_byte_in_a_golden_payload_makes_a_door_fail_otherwise(
    example: Example, data: st.DataObject
) -> None:
    """Bytes may be cut off, and one of them may be another."""
    body = bytearray(example.payload[: data.draw(st.integers(0, len(example.payload)))])
    if body:
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert reads_or_refuses(example.door, replace(example.raw, body=bytes(body)), example.setup)


@pytest.mark.parametrize("door", DOORS, ids=lambda d: d.name)
def test_deep_and_wide_bodies_are_refused_or_read(door: Door) -> None:
    """No nesting, and no number of digits, ends in anything but a refusal."""
    setup = next(e.setup for e in GOOD if e.door is door)
    for body in (
        b"[" * 200_000,
        b'{"a":' * 150 + b"1" + b"}" * 150,
        b"9" * 5_000,
        b'{"version":' + b"9" * 4_400 + b"}",
    ):
        raw = Raw(body=body, headers={"content-type": "application/json"})
        assert reads_or_refuses(door, raw, setup)


@pytest.mark.parametrize("example", GOOD, ids=lambda e: f"{e.door.name}-{e.case}")
def test_a_payload_that_comes_again_has_the_same_key_and_the_same_words(example: Example) -> None:
    """Reading is a function of the call: a repetition is recognised, or counts as another one."""
    door, raw, setup = example.door, example.raw, example.setup
    assert list(door.parse(raw, setup)) == list(door.parse(raw, setup))


ALARM = next(e for e in GOOD if (e.door.name, e.case) == ("sns", "alarm"))


@given(bit=st.integers(0, 2_047))
def test_a_signature_with_one_other_bit_is_refused(bit: int) -> None:
    """All bits of SNS' signature count."""
    message = json.loads(ALARM.payload)
    signature = bytearray(base64.b64decode(message["Signature"]))
    signature[bit // 8] ^= 1 << bit % 8
    body = json.dumps({**message, "Signature": base64.b64encode(signature).decode()}).encode()
    assert ALARM.now is not None
    with pytest.raises(Unauthenticated):
        sns.verify(replace(ALARM.raw, body=body), ALARM.setup, ALARM.now)


@given(body=st.binary(max_size=200))
def test_no_bytes_make_the_signature_check_fail_otherwise(body: bytes) -> None:
    """What is no message of SNS' is not authenticated, and names no address to fetch."""
    raw = replace(ALARM.raw, body=body)
    assert ALARM.now is not None
    with pytest.raises(Unauthenticated):
        sns.verify(raw, ALARM.setup, ALARM.now)
    assert sns.certificate_url(raw, ALARM.setup) is None
    assert sns.subscription_url(raw, ALARM.setup) is None
