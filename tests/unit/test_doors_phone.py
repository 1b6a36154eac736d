"""Doors of telephone exchanges, beyond their examples."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import CallMoment
from services.intake.doors import DOORS, Fault, Raw, Refused, Setup
from services.intake.doors.phone.settings import PhoneSettings
from services.intake.doors.phone.sipgate import answer, find_token
from services.intake.doors.phone.work_orders import ORDERS_MAX

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
CSV = {"content-type": "text/csv"}
SETUP = Setup(settings=PhoneSettings(), name="pbx")
NEW_CALL = b"event=newCall&from=1&to=2&direction=in&callId=7"


def test_sipgate_is_asked_for_the_further_events_of_a_call() -> None:
    """At the URL that it was given, token and all, as XML."""
    raw = Raw(body=NEW_CALL, url="https://desk.example/v1/phone/sipgate?token=hd_x&a=%22<")
    found = answer(raw, [])
    assert (found.status, found.media_type) == (200, "application/xml")
    assert found.content == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Response onAnswer="https://desk.example/v1/phone/sipgate?token=hd_x&amp;a=%22&lt;"'
        ' onHangup="https://desk.example/v1/phone/sipgate?token=hd_x&amp;a=%22&lt;"/>'
    )


def test_sipgate_is_given_the_url_that_it_can_reach() -> None:
    """A proxy says under which name it was called; what is no web scheme is passed over."""
    inside = "http://intake:18101/v1/phone/sipgate?token=hd_x"
    raw = Raw(
        body=NEW_CALL,
        url=inside,
        headers={"x-forwarded-proto": "https, http", "x-forwarded-host": "desk.example, inner"},
    )
    assert 'onAnswer="https://desk.example/v1/phone/sipgate?token=hd_x"' in answer(raw, []).content
    odd = Raw(body=NEW_CALL, url=inside, headers={"x-forwarded-proto": "javascript"})
    assert f'onAnswer="{inside}"' in answer(odd, []).content


def test_later_events_of_sipgate_need_no_answer() -> None:
    """What is answered to them is discarded; it is empty."""
    raw = Raw(body=b"event=hangup&cause=cancel&callId=7", url="https://desk.example/")
    assert answer(raw, []).content == "<Response/>"


def test_the_token_of_sipgate_is_in_the_query_or_in_the_url_itself() -> None:
    """It can be given a URL and nothing else; user and password of one come as Basic."""
    basic = base64.b64encode(b"sipgate:hd_y").decode()
    assert find_token(Raw(body=b"", query={"token": "hd_x"})) == "hd_x"
    assert find_token(Raw(body=b"", headers={"authorization": f"Basic {basic}"})) == "hd_y"
    assert find_token(Raw(body=b"")) is None


def test_a_moment_told_again_is_the_same_with_other_details() -> None:
    """Its key is call, moment, time and agent, and its content is its key."""

    def read(**more: object) -> tuple[str | None, bytes]:
        body = {"call": "c", "moment": "ringing", "at": "2026-03-02T09:00:00Z", **more}
        raw = Raw(body=json.dumps(body).encode(), headers=JSON)
        (found,) = DOORS["cti"].parse(raw, SETUP)
        return found.key, found.content

    assert read() == read(queue="first-level", at="2026-03-02T10:00:00+01:00")
    assert read(agent="ana") != read(agent="bo")


def test_the_name_of_a_call_may_be_long_or_odd() -> None:
    """Its key stays printable and short."""
    body = {"call": "ñ " * 120, "moment": "offered", "at": "2026-03-02T09:00:00Z"}
    (found,) = DOORS["cti"].parse(Raw(body=json.dumps(body).encode(), headers=JSON), SETUP)
    assert found.key is not None
    assert len(found.key) == 64


def test_every_moment_of_the_normal_form_can_be_told() -> None:
    """The generic door takes them all."""
    for moment in CallMoment:
        body = {"call": "c", "moment": moment.value, "at": "2026-03-02T09:00:00Z"}
        (found,) = DOORS["cti"].parse(Raw(body=json.dumps(body).encode(), headers=JSON), SETUP)
        assert found.form.model_dump()["moment"] == moment


def test_too_many_at_once_are_refused_whole() -> None:
    """Moments and work orders are bounded: 413, and nothing is taken."""
    order = {"id": "1", "text": "x"}
    moment = {"call": "c", "moment": "offered", "at": "2026-03-02T09:00:00Z"}
    table = "id,text\n" + "1,x\n" * (ORDERS_MAX + 1)
    for door, body, headers in (
        ("work-orders", json.dumps([order] * (ORDERS_MAX + 1)).encode(), JSON),
        ("work-orders", table.encode(), CSV),
        ("cti", json.dumps([moment] * 1_001).encode(), JSON),
    ):
        with pytest.raises(Refused) as caught:
            DOORS[door].parse(Raw(body=body, headers=headers), SETUP)
        assert caught.value.kind.value == 413


def faults_or_none(door: str, raw: Raw) -> tuple[Fault, ...] | None:
    """Return the faults for which a door refuses a body; None where it reads it."""
    try:
        DOORS[door].parse(raw, SETUP)
    except Refused as error:
        return error.faults
    return None


@pytest.mark.parametrize("door", ["cti", "sipgate", "work-orders"])
@given(body=st.binary(max_size=300), headers=st.sampled_from([FORM, JSON, CSV, {}]))
def test_no_bytes_make_a_door_fail_otherwise_than_by_refusing(
    door: str, body: bytes, headers: dict[str, str]
) -> None:
    """Whatever comes in, a door reads it or refuses it with a fault."""
    assert faults_or_none(door, Raw(body=body, headers=headers)) != ()


@given(
    st.lists(
        st.lists(st.text(max_size=20), min_size=3, max_size=3).map(tuple), min_size=1, max_size=5
    )
)
def test_any_table_is_read_or_refused_by_row(rows: list[tuple[str, ...]]) -> None:
    """Each fault of a cell names its row and its column."""
    lines = ["id,text,number"]
    lines += [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    raw = Raw(body="\r\n".join(lines).encode("utf-8", "replace"), headers=CSV)
    faults = faults_or_none("work-orders", raw) or ()
    assert all(not fault.field or fault.field.startswith("row ") for fault in faults)
