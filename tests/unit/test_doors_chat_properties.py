"""Doors of chats against anything: whatever comes is read, refused, or not let in."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import NormalForm
from services.intake.doors import Raw, Read, Refused, Signature, Unauthenticated
from services.intake.doors.chat import DOORS as CHATS
from services.intake.doors.examples import Example, examples

EXAMPLES: Final = [e for e in examples() if e.door in CHATS]
DOORS: Final = {door.name: door for door in CHATS}
HEADERS: Final = (
    "authorization",
    "content-type",
    "sign",
    "timestamp",
    "x-hub-signature-256",
    "x-lark-request-nonce",
    "x-lark-request-timestamp",
    "x-lark-signature",
    "x-line-signature",
    "x-slack-request-timestamp",
    "x-slack-signature",
    "x-telegram-bot-api-secret-token",
    "x-twilio-signature",
)
QUERY: Final = (
    "echostr",
    "hub.challenge",
    "hub.mode",
    "hub.verify_token",
    "msg_signature",
    "nonce",
    "signature",
    "timestamp",
)
MEDIA_TYPES: Final = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/xml",
    "text/plain",
)
SIGNED_BY: Final = {
    "slack": "x-slack-signature",
    "teams": "authorization",
    "telegram": "x-telegram-bot-api-secret-token",
    "whatsapp": "x-hub-signature-256",
    "line": "x-line-signature",
    "dingtalk": "sign",
    "feishu": "x-lark-signature",
    "twilio": "x-twilio-signature",
}
"""Where each vendor's signature is; that of WeCom is in the query."""
BODIES_SIGNED: Final = ("slack", "whatsapp", "line", "feishu")
"""Doors whose signature is of every byte. Of the others: Teams' token is not of the body,
Telegram and DingTalk do not sign it, WeCom and Twilio sign what they wrote in it."""

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30, max_value=10**40)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\x00", "a" * 600, "\u2028", "-1", "1e999", "@_user_1", "<at>", "&lt;"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def good(door: str) -> Example:
    """Return the first example of a door whose credentials are right and that is read."""
    return next(
        e for e in EXAMPLES if e.door.name == door and e.now is not None and e.expected.get("reads")
    )


def let_in(found: Example, raw: Raw) -> None:
    """Check a call's credentials as an example's integration has them."""
    assert isinstance(found.door.credentials, Signature)
    assert found.now is not None
    found.door.credentials.verify(raw, found.setup, found.now)


def taken(found: Example, raw: Raw) -> Sequence[Read[NormalForm]] | None:
    """Return what a call is read as; None where it is refused."""
    try:
        if found.door.greet is not None and found.door.greet(raw, found.setup) is not None:
            return ()
        reads = found.door.parse(raw, found.setup)
    except Refused:
        return None
    for read in reads:
        assert read.key
        assert len(read.key) <= 200
        assert read.key.isprintable()
    return reads


def raws(door: str) -> st.SearchStrategy[Raw]:
    """Return calls of a door that are hardly anything."""
    text = st.text(max_size=40)
    return st.builds(
        Raw,
        body=st.binary(max_size=300) | st.sampled_from([e.payload for e in EXAMPLES]),
        headers=st.builds(
            lambda headers, kind: {**headers, "content-type": kind},
            st.dictionaries(st.sampled_from(HEADERS), text),
            st.sampled_from(MEDIA_TYPES) | text,
        ),
        method=st.sampled_from(["GET", "POST"]),
        query=st.dictionaries(st.sampled_from(QUERY), text),
        url=text,
    )


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_a_call_of_a_stranger_is_not_let_in(name: str, data: st.DataObject) -> None:
    """Whatever bytes, headers and parameters come: not let in, and never another error."""
    raw = data.draw(raws(name))
    with pytest.raises(Unauthenticated):
        let_in(good(name), raw)


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_any_call_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """Also behind the credentials nothing but a reading or a clear refusal comes of it."""
    taken(good(name), data.draw(raws(name)))


def changed_at(tree: Any, path: Sequence[Any], value: Any) -> Any:
    """Return a JSON tree in which the value at a path is another."""
    if not path:
        return value
    copied = dict(tree) if isinstance(tree, dict) else list(tree)
    copied[path[0]] = changed_at(tree[path[0]], path[1:], value)
    return copied


def paths(tree: Any) -> list[tuple[Any, ...]]:
    """Return the paths of all values of a JSON tree, itself first."""
    found: list[tuple[Any, ...]] = [()]
    if isinstance(tree, dict):
        found += [(key, *rest) for key, value in tree.items() for rest in paths(value)]
    elif isinstance(tree, list):
        found += [(n, *rest) for n, value in enumerate(tree) for rest in paths(value)]
    return found


def feishu_sealed(inner: bytes) -> bytes:
    """Return a body of Feishu's, encrypted as its documentation says."""
    key, iv = hashlib.sha256(b"test key").digest(), b"fedcba9876543210"
    count = 16 - len(inner) % 16
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(inner + bytes([count]) * count) + encryptor.finalize()
    return json.dumps({"encrypt": base64.b64encode(iv + sealed).decode()}).encode()


def wecom_sealed(inner: bytes, receiver: bytes = b"wx5823bf96d3bd56c7") -> bytes:
    """Return a body of WeCom's, encrypted as its documentation says."""
    key = base64.b64decode("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C=")
    plain = b"0123456789abcdef" + len(inner).to_bytes(4, "big") + inner + receiver
    count = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    sealed = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
    return b"<xml><Encrypt>" + base64.b64encode(sealed) + b"</Encrypt></xml>"


FEISHU_MESSAGE: Final = {
    "schema": "2.0",
    "header": {"event_id": "e1", "event_type": "im.message.receive_v1", "tenant_key": "t1"},
    "event": {
        "sender": {"sender_id": {"open_id": "ou_1"}, "sender_type": "user"},
        "message": {
            "message_id": "om_1",
            "root_id": "om_0",
            "chat_id": "oc_1",
            "chat_type": "group",
            "message_type": "post",
            "content": '{"title":"t","content":[[{"tag":"img","image_key":"i"}]]}',
            "mentions": [{"key": "@_user_1", "name": "n", "mentioned_type": "user"}],
        },
    },
}
FEISHU_CONTENTS: Final = {
    "text": {"text": "hello"},
    "post": {"title": "t", "content": [[{"tag": "a", "href": "h", "text": "x"}]]},
    "image": {"image_key": "i"},
    "file": {"file_key": "f", "file_name": "n"},
    "location": {"name": "n", "latitude": 1, "longitude": 2},
}
JSON_EXAMPLES: Final = [
    e
    for e in EXAMPLES
    if e.suffix == ".json" and e.door.name != "feishu" and e.expected.get("reads")
]


@given(data=st.data())
def test_a_message_with_any_value_in_any_field_is_read_or_refused(data: st.DataObject) -> None:
    """One value of a vendor's payload becomes anything: no length, type or number breaks it."""
    found = data.draw(st.sampled_from(JSON_EXAMPLES))
    tree = json.loads(found.payload)
    path = data.draw(st.sampled_from(paths(tree)))
    body = json.dumps(changed_at(tree, path, data.draw(anything))).encode()
    taken(found, dataclasses.replace(found.raw, body=body))


@given(data=st.data())
def test_an_event_of_feishu_with_any_value_is_read_or_refused(data: st.DataObject) -> None:
    """So it is with what Feishu encrypts."""
    path = data.draw(st.sampled_from(paths(FEISHU_MESSAGE)))
    inner = json.dumps(changed_at(FEISHU_MESSAGE, path, data.draw(anything))).encode()
    found = good("feishu")
    taken(found, dataclasses.replace(found.raw, body=feishu_sealed(inner)))


@given(data=st.data())
def test_a_content_of_feishu_with_any_value_is_read_or_refused(data: st.DataObject) -> None:
    """So it is with a content, which is JSON within the JSON."""
    kind = data.draw(st.sampled_from(sorted(FEISHU_CONTENTS)))
    tree: Any = FEISHU_CONTENTS[kind]
    path = data.draw(st.sampled_from(paths(tree)))
    content = json.dumps(changed_at(tree, path, data.draw(anything)))
    message = {**FEISHU_MESSAGE["event"]["message"], "message_type": kind, "content": content}  # type: ignore[index]
    event = {**FEISHU_MESSAGE["event"], "message": message}  # type: ignore[dict-item]
    inner = json.dumps({**FEISHU_MESSAGE, "event": event}).encode()
    found = good("feishu")
    taken(found, dataclasses.replace(found.raw, body=feishu_sealed(inner)))


@given(
    inner=st.binary(max_size=200)
    | st.builds(
        lambda kind, media, place, sender: (
            f"<xml><FromUserName>{sender}</FromUserName><MsgType>{kind}</MsgType>"
            f"<MsgId>1</MsgId><MediaId>{media}</MediaId><Location_X>{place}</Location_X>"
            f"<Location_Y>{place}</Location_Y></xml>"
        ).encode(),
        st.sampled_from(["text", "image", "voice", "location", "link", "file", "event", "new"]),
        st.text("ab &<>\t", max_size=9),
        st.sampled_from(["1.5", "nan", "inf", "1e400", "north", ""]),
        st.text(alphabet="ab@\u4f60 ", max_size=200),
    ),
    receiver=st.just(b"wx5823bf96d3bd56c7") | st.binary(max_size=40),
)
def test_what_wecom_encrypts_is_read_or_refused(inner: bytes, receiver: bytes) -> None:
    """Whatever is encrypted, for whomever: no XML, text or number breaks it."""
    found = good("wecom")
    taken(found, dataclasses.replace(found.raw, body=wecom_sealed(inner, receiver)))


@given(
    fields=st.dictionaries(
        st.sampled_from(
            [
                *("MessageSid", "From", "To", "AccountSid", "Body", "NumMedia", "MediaUrl0"),
                *("Latitude", "Longitude", "SmsStatus", "CallSid", "OptOutType"),
            ]
        ),
        st.text(max_size=30) | st.sampled_from(["1", "11", "nan", "whatsapp:+16505551234"]),
    )
)
def test_any_form_of_twilio_is_read_or_refused(fields: dict[str, str]) -> None:
    """So it is with the fields of a text message."""
    found = good("twilio")
    quoted = {n: "".join(f"%{b:02x}" for b in v.encode()) for n, v in fields.items()}
    body = "&".join(f"{name}={value}" for name, value in quoted.items()).encode()
    taken(found, dataclasses.replace(found.raw, body=body))


def flipped(text: str, bit: int) -> str:
    """Return a text of ASCII of which one bit is another."""
    content = bytearray(text.encode("ascii"))
    content[bit // 8] ^= 1 << (bit % 8)
    return content.decode("latin-1")


def with_header(name: str) -> Callable[[Raw, str], Raw]:
    """Return how a call's header is replaced."""
    return lambda raw, value: dataclasses.replace(raw, headers={**raw.headers, name: value})


@pytest.mark.parametrize("name", DOORS)
@given(data=st.data())
def test_a_signature_with_one_wrong_bit_is_refused(name: str, data: st.DataObject) -> None:
    """Every bit of what proves a call counts, also those that base64 or hexadecimal would drop."""
    found = good(name)
    raw = found.raw
    let_in(found, raw)
    if name == "wecom":
        signature = raw.query["msg_signature"]
        bit = data.draw(st.integers(0, len(signature) * 8 - 1))
        query = {**raw.query, "msg_signature": flipped(signature, bit)}
        broken = dataclasses.replace(raw, query=query)
    else:
        signature = raw.headers[SIGNED_BY[name]]
        # The scheme of Authorization may be written in any case: it is no part of the proof.
        start = signature.index(" ") + 1 if name == "teams" else 0
        bit = data.draw(st.integers(start * 8, len(signature) * 8 - 1))
        broken = with_header(SIGNED_BY[name])(raw, flipped(signature, bit))
    with pytest.raises(Unauthenticated):
        let_in(found, broken)


@given(data=st.data())
def test_every_bit_of_an_outgoing_webhooks_signature_counts(data: st.DataObject) -> None:
    """So it is with the HMAC of Teams, and with every bit of the body that it signs."""
    found = next(e for e in EXAMPLES if e.case == "outgoing-webhook")
    raw = found.raw
    let_in(found, raw)
    signature = raw.headers["authorization"]
    bit = data.draw(st.integers(5 * 8, len(signature) * 8 - 1))
    with pytest.raises(Unauthenticated):
        let_in(found, with_header("authorization")(raw, flipped(signature, bit)))
    place = data.draw(st.integers(0, len(raw.body) - 1))
    body = raw.body[:place] + bytes([raw.body[place] ^ 1]) + raw.body[place + 1 :]
    with pytest.raises(Unauthenticated):
        let_in(found, dataclasses.replace(raw, body=body))


@pytest.mark.parametrize("name", BODIES_SIGNED)
@given(data=st.data())
def test_a_body_with_one_wrong_bit_is_refused(name: str, data: st.DataObject) -> None:
    """The signature is of the bytes as they came, before anything is read of them."""
    found = good(name)
    body = found.raw.body
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    place, mask = bit // 8, 1 << (bit % 8)
    broken = body[:place] + bytes([body[place] ^ mask]) + body[place + 1 :]
    with pytest.raises(Unauthenticated):
        let_in(found, dataclasses.replace(found.raw, body=broken))
