"""Doors of chats beside their examples: vendors' test vectors, keys, and how files are fetched."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from services.intake.domain.fetches import is_host_of
from services.intake.domain.normal import Amendment, File, Request
from services.intake.doors import DOORS, Raw, Read, Setup, Taken, Unauthenticated
from services.intake.doors.chat import DOORS as CHAT
from services.intake.doors.chat import DOORS as CHATS
from services.intake.doors.chat import bot_token, dingtalk, dingtalk_callback, slack, twilio
from services.intake.doors.chat.ciphers import feishu_opened, wecom_key, wecom_opened
from services.intake.doors.chat.fetching import Call, NotFetched
from services.intake.doors.chat.reading import instant_of, key_of, phone_of, subject_of
from services.intake.doors.chat.signing import require_recent, sorted_sha1
from services.intake.doors.chat.slack_text import text_of_blocks
from services.intake.doors.chat.teams_text import clean_html, plain_text
from services.intake.doors.examples import Example, examples
from shared.contracts.facts import Channel

DOWNLOADS = {door.name: door.download for door in CHAT if door.download is not None}
FILE_HOSTS = {door.name: door.file_hosts for door in CHAT}
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NAMES = [door.name for door in CHATS]
WECOM_AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
WECOM_ECHO = (
    "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
)
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


def example(door: str, case: str) -> Example:
    """Return an example of a door."""
    return next(e for e in examples() if e.door.name == door and e.case == case)


def read(door: str, case: str, changes: Mapping[str, Any] | None = None) -> Read[Any]:
    """Return the one submission of an example whose JSON is changed at the top."""
    found = example(door, case)
    body = json.dumps({**json.loads(found.payload), **(changes or {})}).encode()
    (one,) = found.door.parse(dataclasses.replace(found.raw, body=body), found.setup)
    return one


def test_slack_signs_as_its_documentation_says() -> None:
    """The signature that Slack's documentation computes step by step is accepted, no other."""
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": (
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        ),
    }
    setup = Setup(secrets={"signing_secret": "8f742231b10e8888abcd99yyyzzz85a5"})
    at = datetime.fromtimestamp(1531420618, UTC)
    slack.verify(Raw(body=SLACK_BODY, headers=headers), setup, at)
    with pytest.raises(Unauthenticated):
        slack.verify(Raw(body=SLACK_BODY + b" ", headers=headers), setup, at)


def test_twilio_signs_as_its_documentation_says() -> None:
    """The signature of "Webhooks security" is accepted, whatever order the fields come in."""
    raw = Raw(
        body=b"To=%2B18005551212&Digits=1234&From=%2B12349013030&Caller=%2B12349013030"
        b"&CallSid=CA1234567890ABCDE",
        headers={"x-twilio-signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
        url="https://mycompany.com/myapp.php?foo=1&bar=2",
    )
    twilio.verify(raw, Setup(secrets={"auth_token": "12345"}), NOW)
    other = dataclasses.replace(raw, url="https://mycompany.com/myapp.php?foo=1&bar=3")
    with pytest.raises(Unauthenticated):
        twilio.verify(other, Setup(secrets={"auth_token": "12345"}), NOW)


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
)
def test_twilio_signs_with_a_port_or_without(url: str, signature: str) -> None:
    """The vectors of Twilio's library are accepted, whichever of both it signed."""
    body = (
        b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212"
        b"&Caller=%2B14158675309"
    )
    raw = Raw(body=body, headers={"x-twilio-signature": signature}, url=url)
    twilio.verify(raw, Setup(secrets={"auth_token": "12345"}), NOW)


def test_twilio_signs_a_field_that_is_there_twice() -> None:
    """Both values count, sorted, as in the vector of Twilio's library."""
    raw = Raw(
        body=b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234",
        headers={"x-twilio-signature": "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
        url="https://mycompany.com/myapp.php?foo=1&bar=2",
    )
    twilio.verify(raw, Setup(secrets={"auth_token": "12345"}), NOW)


@pytest.mark.parametrize("public_url", [None, "https://mycompany.com/myapp.php?foo=1&bar=2"])
def test_twilio_signs_json_by_its_digest(public_url: str | None) -> None:
    """The vector of Twilio's library is accepted, and no other body under the same URL."""
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    raw = Raw(
        body=b'{"property": "value", "boolean": true}',
        headers={
            "x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4=",
            "content-type": "application/json",
        },
        query={"foo": "1", "bar": "2", "bodySHA256": digest},
        url=f"https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256={digest}",
    )
    settings = twilio.TwilioSettings(public_url=public_url)
    setup = Setup(settings=settings, secrets={"auth_token": "12345"})
    twilio.verify(raw, setup, NOW)
    with pytest.raises(Unauthenticated):
        twilio.verify(dataclasses.replace(raw, body=b"{}"), setup, NOW)


def test_dingtalk_encrypts_as_its_documentation_says() -> None:
    """The call that DingTalk's documentation shows is taken, and its random text comes back."""
    sealed = (
        "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRW"
        "VdUBmfxjZ8Ej23JVYa9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgn"
        "NOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ=="
    )
    key = "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"
    setup = Setup(
        settings=dingtalk.DingtalkSettings(owner_key="suite4xxxxxxxxxxxxxxx"),
        secrets={"app_secret": "x", "token": "123456", "aes_key": key},
    )
    raw = Raw(
        body=json.dumps({"encrypt": sealed}).encode(),
        headers={"content-type": "application/json"},
        query={
            "signature": "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0",
            "timestamp": "1445827045067",
            "nonce": "nEXhMP4r",
        },
        received_at=NOW,
    )
    dingtalk.verify(raw, setup, datetime.fromtimestamp(1_445_827_045, UTC))
    answer = dingtalk_callback.greet(raw, setup)
    assert answer is not None
    said = answer.content
    assert wecom_opened(said["encrypt"], wecom_key(key)) == (b"LPIdSnlF", "suite4xxxxxxxxxxxxxxx")
    signed = sorted_sha1("123456", said["timeStamp"], said["nonce"], said["encrypt"])
    assert said["msg_signature"] == signed


def test_an_event_of_dingtalk_is_answered_with_an_encrypted_success() -> None:
    """Otherwise DingTalk would send it again, and give the address up."""
    found = example("dingtalk", "event")
    answer = dingtalk_callback.greet(found.raw, found.setup)
    assert answer is not None
    key = wecom_key(found.setup.secret("aes_key"))
    assert wecom_opened(answer.content["encrypt"], key) == (b"success", "dingexample")


def test_a_slash_command_is_answered_with_the_number_and_for_its_writer_alone() -> None:
    """A command without words is told how it is used; an event is answered with nothing."""
    found = example("slack", "slash-command")
    taken = Taken(receipt="r", ticket="t", number="HD-7", link="", location="")
    assert slack.DOOR.answer is not None
    assert slack.DOOR.answer(found.raw, [taken]).content == {
        "response_type": "ephemeral",
        "text": "HD-7",
    }
    alone = slack.DOOR.answer(example("slack", "slash-command-alone").raw, [])
    assert "/helpdesk" in alone.content["text"]
    assert slack.DOOR.answer(example("slack", "message").raw, [taken]).content == ""


def test_a_message_of_slack_and_the_shortcut_on_it_are_one() -> None:
    """Whoever makes a ticket of a message that was heard already makes no second one."""
    event = json.loads(example("slack", "message").payload)["event"]
    told = read("slack", "message")
    payload = {
        "type": "message_action",
        "team": {"id": "T123ABC456"},
        "channel": {"id": event["channel"]},
        "user": {"id": "U0"},
        "message": {k: v for k, v in event.items() if k != "channel"},
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    (again,) = slack.parse(Raw(body=body, headers=headers), Setup())
    assert (told.key, told.content) == (again.key, again.content)


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        (None, ""),
        ("words", "words"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "a <@U1>"}}], "a <@U1>"),
        ([{"type": "section", "fields": [{"text": "a"}, {"text": "b"}]}, 7, [None]], "ab"),
        (
            [{"type": "user", "user_id": "U1"}, {"type": "link", "url": "https://x"}],
            "<@U1><https://x>",
        ),
    ],
)
def test_blocks_of_any_shape_are_read(blocks: Any, text: str) -> None:
    """What is known of them is words, and what is not is passed over."""
    assert text_of_blocks(blocks) == text


def test_deep_blocks_cost_little() -> None:
    """Blocks within blocks are looked at up to a number of pieces."""
    blocks: Any = "x"
    for _ in range(20_000):
        blocks = {"elements": [blocks]}
    assert text_of_blocks(blocks) == ""


@pytest.mark.parametrize(
    ("written", "per_second", "expected"),
    [
        ("1355517523.000005", 1, datetime(2012, 12, 14, 20, 38, 43, 5, UTC)),
        (1_355_517_523_000, 1_000, datetime(2012, 12, 14, 20, 38, 43, tzinfo=UTC)),
        ("", 1, None),
        ("soon", 1, None),
        ("9" * 14, 1, None),
        ("1e9", 1, None),
    ],
)
def test_a_time_of_a_change_is_read_where_it_is_one(
    written: int | str, per_second: int, expected: datetime | None
) -> None:
    """A vendor that tells a wrong time is still heard."""
    assert instant_of(written, per_second=per_second) == expected


def test_wecom_encrypts_as_its_sample_says() -> None:
    """The sample that WeCom ships with its libraries has the right signature and words."""
    signature = sorted_sha1("QDG6eK", "1409659589", "263014780", WECOM_ECHO)
    assert signature == "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
    opened = wecom_opened(WECOM_ECHO, wecom_key(WECOM_AES_KEY))
    assert opened == (b"1616140317555161061", "wx5823bf96d3bd56c7")


def test_feishu_encrypts_as_its_documentation_says() -> None:
    """What the documentation encrypts with "test key" says "hello world"."""
    sealed = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="
    assert feishu_opened(sealed, "test key") == b"hello world"


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_a_signed_time_is_taken_for_five_minutes(seconds: int, *, accepted: bool) -> None:
    """At the edge of the window a call still counts, a second further it does not."""
    now = datetime.fromtimestamp(1_531_420_618, UTC) + timedelta(seconds=seconds)
    if accepted:
        require_recent("1531420618", now)
        return
    with pytest.raises(Unauthenticated):
        require_recent("1531420618", now)


@pytest.mark.parametrize(
    "written", ["", "soon", "-1", "1e9", "１５３１４２０６１８", "9" * 16, "1\n"]
)
def test_a_signed_time_is_digits(written: str) -> None:
    """Anything but a few ASCII digits is no time."""
    with pytest.raises(Unauthenticated):
        require_recent(written, NOW)


def test_a_slack_message_and_the_mention_in_it_are_one() -> None:
    """An app that hears messages and mentions gets the same words twice, under one key."""
    event = json.loads(example("slack", "message").payload)["event"]
    told = read("slack", "message")
    again = read("slack", "message", {"event": {**event, "type": "app_mention"}, "event_id": "Ev2"})
    assert (told.key, told.content) == (again.key, again.content)


def test_two_edits_of_a_teams_message_are_two_without_a_time_too() -> None:
    """A repetition of either is known again."""
    one, again, two = (
        read("teams", "message-updated", {"timestamp": None, "text": text})
        for text in ("first", "first", "second")
    )
    assert one.key == again.key
    assert one.key != two.key


def test_a_redelivered_line_event_is_the_same_submission() -> None:
    """``isRedelivery`` and another file address do not make another message of it."""
    body = json.loads(example("line", "text").payload)
    body["events"][0]["deliveryContext"]["isRedelivery"] = True
    told = read("line", "text")
    again = read("line", "text", body)
    assert (told.key, told.content) == (again.key, again.content)


@pytest.mark.parametrize(
    ("door", "first", "change"),
    [
        ("slack", "message", "message-changed"),
        ("slack", "message", "message-deleted"),
        ("slack", "message", "tombstone"),
        ("telegram", "message", "edited"),
        ("whatsapp", "image", "edit"),
        ("whatsapp", "text", "revoke"),
        ("line", "text", "unsend"),
        ("feishu", "text", "recalled"),
        ("teams", "channel-message", "message-updated"),
        ("teams", "channel-message", "message-deleted"),
    ],
)
def test_a_change_names_the_message_that_it_changes(door: str, first: str, change: str) -> None:
    """An edit or a deletion has the key under which the same door handed the message in."""
    told, changed = example(door, first), example(door, change)
    (message,) = told.door.parse(told.raw, told.setup)
    (amendment,) = changed.door.parse(changed.raw, changed.setup)
    assert isinstance(message.form, Request)
    assert isinstance(amendment.form, Amendment)
    assert amendment.form.key == message.key
    assert amendment.key != message.key


@pytest.mark.parametrize("name", NAMES)
def test_a_chat_is_answered_at_once_in_its_own_terms(name: str) -> None:
    """The vendor gets its 200 without waiting, and people's messages are of the channel chat."""
    door = DOORS[name]
    assert door.answers_at_once
    assert door.channel is Channel.CHAT
    assert door.answer is not None
    assert door.answer(Raw(body=b""), []).status == 200
    assert door.source.startswith("https://")


@pytest.mark.parametrize(
    ("door", "content", "media_type"),
    [
        ("slack", "", "text/plain"),
        ("teams", "", "text/plain"),
        ("wecom", "success", "text/plain"),
        ("dingtalk", {"msgtype": "empty"}, "application/json"),
        ("feishu", {}, "application/json"),
        (
            "twilio",
            '<?xml version="1.0" encoding="UTF-8"?><Response></Response>',
            "text/xml",
        ),
    ],
)
def test_the_words_of_an_answer(door: str, content: object, media_type: str) -> None:
    """Each vendor reads what it expects, and says nothing in the chat by itself."""
    answer = DOORS[door].answer
    assert answer is not None
    said = answer(Raw(body=b""), [])
    assert (said.content, said.media_type) == (content, media_type)


def test_an_outgoing_webhook_of_teams_is_answered_with_a_message() -> None:
    """Teams shows a failure where an outgoing webhook answers no message."""
    answer = DOORS["teams"].answer
    assert answer is not None
    said = answer(Raw(body=b"", headers={"authorization": "HMAC x"}), [])
    assert said.content == {"type": "message", "text": "✓"}


def test_a_door_without_its_secret_lets_nobody_in() -> None:
    """Where the integration refers to no secret, no signature is right."""
    for found in examples():
        if found.door.name in NAMES and found.now is not None:
            with pytest.raises(Unauthenticated):
                found.door.credentials.verify(  # type: ignore[union-attr]
                    found.raw, dataclasses.replace(found.setup, secrets={}), found.now
                )


def test_keys_of_different_parts_differ() -> None:
    """Where one part ends and the next begins is seen; a long key is a digest, and printable."""
    assert key_of("a:b", "c") == "a%3Ab:c"
    assert key_of("a", "b:c") == "a:b%3Ac"
    assert key_of("a%3Ab", "c") == "a%253Ab:c"
    assert len(key_of("x" * 300)) == 64
    assert key_of("x" * 300) != key_of("x" * 301)
    assert key_of("a\u200bb").isprintable()


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("16505551234", "+16505551234"),
        ("+16505551234", "+16505551234"),
        ("++1650", None),
        ("0650555", None),
        ("US.13491208655302741918", None),
        ("1" * 16, None),
        ("１６５０５５５", None),
        ("", None),
    ],
)
def test_a_number_is_written_in_e164_or_not_at_all(written: str, phone: str | None) -> None:
    """Digits of a country's plan become E.164; anything else is no telephone number."""
    assert phone_of(written) == phone


def test_a_ticket_is_called_by_the_first_line() -> None:
    """Blank lines do not count, a long line is shortened, and a lone file gives its name."""
    assert subject_of("\n \n  Screen   dark\nsince nine", [], otherwise="Slack") == "Screen dark"
    assert subject_of("x" * 200, [], otherwise="Slack") == "x" * 119 + "…"
    assert subject_of("", [File(name="a.png")], otherwise="Slack") == "a.png"
    assert subject_of(" ", [], otherwise="Slack") == "Slack"


@pytest.mark.parametrize(
    ("written", "marked_up", "text"),
    [
        ("a < b and <c> stays", False, "a < b and <c> stays"),
        ("<at>Ana Lima</at>&nbsp;asks", False, "@Ana Lima asks"),
        ("<p>One</p><p>Two &amp; three</p>", False, "One\nTwo & three"),
        ("<x>One</x><br/>Two", True, "One\nTwo"),
        ("<p>1 &lt; 2</p>", False, "1 < 2"),
    ],
)
def test_the_words_of_teams(written: str, text: str, *, marked_up: bool) -> None:
    """Markup goes where there is some; what only looks like it stays."""
    assert plain_text(written, marked_up=marked_up) == text


def test_html_of_teams_is_cleaned() -> None:
    """Scripts, handlers and pictures go; links keep a safe address."""
    written = (
        '<p onclick="x()">See <a href="javascript:x()">this</a> or '
        '<a href="https://example.org">that</a><img src="https://example.org/a.png"></p>'
        "<script>x()</script>"
    )
    assert clean_html(written) == (
        '<p>See <a rel="noopener noreferrer">this</a> or '
        '<a href="https://example.org" rel="noopener noreferrer">that</a></p>'
    )


def test_html_of_more_tags_than_people_write_is_left_out() -> None:
    """Thousands of elements within each other are not cleaned at all: the words are enough."""
    assert clean_html("<p>" * 3_001) == ""
    assert clean_html("<p>x</p>" * 1_500) == "<p>x</p>" * 1_500


def test_slack_words_are_written_for_people() -> None:
    """Mentions, channels, links and escapes of Slack become what its clients show."""
    event = json.loads(example("slack", "message").payload)["event"]
    text = "<@U7|ana> <#C1|general> <!here> <mailto:a@example.org|a@example.org> &lt;b&gt; 1 < 2"
    told = read("slack", "message", {"event": {**event, "text": text}})
    assert told.form.text == "@ana #general @here mailto:a@example.org <b> 1 < 2"


class Fetch(NamedTuple):
    """A file, what the integration has, what was answered so far, and the call that follows."""

    door: str
    file: File
    settings: dict[str, Any]
    secrets: dict[str, str]
    answers: list[bytes]
    call: Call


FETCHED = [
    Fetch(
        "slack",
        File(name="a", url="https://files.slack.com/files-pri/T1-F1/a.gif"),
        {},
        {"bot_token": "xoxb-1"},
        [],
        Call("https://files.slack.com/files-pri/T1-F1/a.gif", {"Authorization": "Bearer xoxb-1"}),
    ),
    Fetch(
        "slack",
        File(name="a", url="https://slack.com/api/files.info?file=F1"),
        {},
        {"bot_token": "xoxb-1"},
        [],
        Call(
            "https://slack.com/api/files.info?file=F1",
            {"Authorization": "Bearer xoxb-1"},
            last=False,
        ),
    ),
    Fetch(
        "slack",
        File(name="a", url="https://slack.com/api/files.info?file=F1"),
        {},
        {"bot_token": "xoxb-1"},
        [b'{"ok":true,"file":{"id":"F1","url_private_download":"https://files.slack.com/d/a"}}'],
        Call("https://files.slack.com/d/a", {"Authorization": "Bearer xoxb-1"}),
    ),
    Fetch(
        "telegram",
        File(name="a", url="telegram:AwAD/1"),
        {},
        {"bot_token": "123:ABC-x"},
        [],
        Call("https://api.telegram.org/bot123:ABC-x/getFile?file_id=AwAD%2F1", last=False),
    ),
    Fetch(
        "telegram",
        File(name="a", url="telegram:AwAD"),
        {},
        {"bot_token": "123:ABC-x"},
        [b'{"ok":true,"result":{"file_id":"AwAD","file_path":"photos/file_0.jpg"}}'],
        Call("https://api.telegram.org/file/bot123:ABC-x/photos/file_0.jpg"),
    ),
    Fetch(
        "whatsapp",
        File(name="a", url="whatsapp:1003383421387256"),
        {},
        {"access_token": "EAAJ"},
        [],
        Call(
            "https://graph.facebook.com/v23.0/1003383421387256",
            {"Authorization": "Bearer EAAJ"},
            last=False,
        ),
    ),
    Fetch(
        "whatsapp",
        File(name="a", url="whatsapp:1003383421387256"),
        {},
        {"access_token": "EAAJ"},
        [b'{"url":"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1"}'],
        Call(
            "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
            {"Authorization": "Bearer EAAJ"},
        ),
    ),
    Fetch(
        "line",
        File(name="a", url="line:325708"),
        {},
        {"channel_access_token": "ch"},
        [],
        Call(
            "https://api-data.line.me/v2/bot/message/325708/content",
            {"Authorization": "Bearer ch"},
        ),
    ),
    Fetch(
        "wecom",
        File(name="a", url="wecom:m_1"),
        {"receiver_id": "wx58"},
        {"app_secret": "s&1"},
        [],
        Call(
            "https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=wx58&corpsecret=s%261", last=False
        ),
    ),
    Fetch(
        "wecom",
        File(name="a", url="wecom:m_1"),
        {"receiver_id": "wx58", "product": "wechat"},
        {"app_secret": "s"},
        [],
        Call(
            "https://api.weixin.qq.com/cgi-bin/token"
            "?grant_type=client_credential&appid=wx58&secret=s",
            last=False,
        ),
    ),
    Fetch(
        "wecom",
        File(name="a", url="wecom:m_1"),
        {"receiver_id": "wx58"},
        {"app_secret": "s"},
        [b'{"errcode":0,"access_token":"t0","expires_in":7200}'],
        Call("https://qyapi.weixin.qq.com/cgi-bin/media/get?access_token=t0&media_id=m_1"),
    ),
    Fetch(
        "dingtalk",
        File(name="a", url="dingtalk:ding0:code/1="),
        {"app_key": "k"},
        {"app_secret": "s"},
        [],
        Call(
            "https://api.dingtalk.com/v1.0/oauth2/accessToken",
            {"Content-Type": "application/json"},
            method="POST",
            body=b'{"appKey": "k", "appSecret": "s"}',
            last=False,
        ),
    ),
    Fetch(
        "dingtalk",
        File(name="a", url="dingtalk:ding0:code/1="),
        {"app_key": "k"},
        {"app_secret": "s"},
        [b'{"accessToken":"t1","expireIn":7200}'],
        Call(
            "https://api.dingtalk.com/v1.0/robot/messageFiles/download",
            {"Content-Type": "application/json", "x-acs-dingtalk-access-token": "t1"},
            method="POST",
            body=b'{"downloadCode": "code/1=", "robotCode": "ding0"}',
            last=False,
        ),
    ),
    Fetch(
        "dingtalk",
        File(name="a", url="dingtalk:ding0:code/1="),
        {"app_key": "k"},
        {"app_secret": "s"},
        [b'{"accessToken":"t1"}', b'{"downloadUrl":"http://down-cdn.dingtalk.com/a?x=1"}'],
        Call("https://down-cdn.dingtalk.com/a?x=1"),
    ),
    Fetch(
        "feishu",
        File(name="a", url="feishu:om_1/file_1?file"),
        {"app_id": "cli_1"},
        {"app_secret": "s"},
        [],
        Call(
            "https://open.feishu.cn/open-apis/auth/v3/tenant_access_token/internal",
            {"Content-Type": "application/json"},
            method="POST",
            body=b'{"app_id": "cli_1", "app_secret": "s"}',
            last=False,
        ),
    ),
    Fetch(
        "feishu",
        File(name="a", url="feishu:om_1/img_1?image"),
        {"app_id": "cli_1", "cloud": "lark"},
        {"app_secret": "s"},
        [b'{"code":0,"tenant_access_token":"t-1","expire":7140}'],
        Call(
            "https://open.larksuite.com/open-apis/im/v1/messages/om_1/resources/img_1?type=image",
            {"Authorization": "Bearer t-1"},
        ),
    ),
    Fetch(
        "twilio",
        File(name="a", url="https://api.twilio.com/2010-04-01/Accounts/AC5/Messages/MM1/Media/ME1"),
        {},
        {"auth_token": "12345"},
        [],
        Call(
            "https://api.twilio.com/2010-04-01/Accounts/AC5/Messages/MM1/Media/ME1",
            {"Authorization": "Basic QUM1OjEyMzQ1"},
        ),
    ),
    Fetch(
        "teams",
        File(name="a", url="https://contoso-my.sharepoint.com/a?tempauth=x"),
        {"app_id": "app"},
        {},
        [],
        Call("https://contoso-my.sharepoint.com/a?tempauth=x"),
    ),
    Fetch(
        "teams",
        File(name="a", url="https://smba.trafficmanager.net/amer/v3/attachments/1/views/original"),
        {"app_id": "app", "app_tenant": "contoso.example"},
        {"app_password": "p w"},
        [],
        Call(
            "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
            {"Content-Type": "application/x-www-form-urlencoded"},
            method="POST",
            body=b"grant_type=client_credentials&client_id=app&client_secret=p+w"
            b"&scope=https%3A%2F%2Fapi.botframework.com%2F.default",
            last=False,
        ),
    ),
    Fetch(
        "teams",
        File(name="a", url="https://smba.trafficmanager.net/amer/v3/attachments/1/views/original"),
        {"app_id": "app"},
        {"app_password": "p"},
        [b'{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ"}'],
        Call(
            "https://smba.trafficmanager.net/amer/v3/attachments/1/views/original",
            {"Authorization": "Bearer eyJ"},
        ),
    ),
]


def setup_of(door: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> Setup:
    """Return an integration's setup."""
    return Setup(settings=DOORS[door].settings.model_validate(settings), secrets=secrets)


@pytest.mark.parametrize("fetch", FETCHED, ids=lambda f: f"{f.door}-{len(f.answers)}")
def test_a_file_is_fetched_as_its_vendor_says(fetch: Fetch) -> None:
    """Each call goes to a host of the vendor's, with the integration's own secrets."""
    door, file, settings, secrets, answers, call = fetch
    found = DOWNLOADS[door](file, setup_of(door, settings, secrets), answers)
    assert found == call
    assert is_host_of(found.url, FILE_HOSTS[door])


@pytest.mark.parametrize("fetch", FETCHED, ids=lambda f: f"{f.door}-{len(f.answers)}")
def test_a_file_is_not_fetched_from_strangers(fetch: Fetch) -> None:
    """Another host, an answer of another host, or a missing secret: no call is made."""
    door, file, settings, secrets, answers, _call = fetch
    setup = setup_of(door, settings, secrets)
    download = DOWNLOADS[door]
    for url in (
        "https://attacker.example/a",
        "http://files.slack.com/a",
        "https://files.slack.com@attacker.example/a",
        "https://files.slack.com:8443/a",
        "",
    ):
        with pytest.raises(NotFetched):
            download(File(name="a", url=url), setup, answers)
    if answers:
        hostile = json.dumps(
            {
                "url": "https://attacker.example/",
                "downloadUrl": "https://attacker.example/",
                "file": {"url_private": "https://attacker.example/"},
                "result": {"file_path": "../../bot1:x/getMe"},
            }
        ).encode()
        with pytest.raises(NotFetched):
            download(file, setup, [*answers[:-1], hostile])
        with pytest.raises(NotFetched):
            download(file, setup, [*answers[:-1], b"<html>"])
    if secrets and not answers:
        with pytest.raises(NotFetched):
            download(file, setup_of(door, settings, {}), answers)


@pytest.mark.parametrize(
    ("door", "url"),
    [
        ("wecom", "wecom:m_1"),
        ("dingtalk", "dingtalk:ding0:code"),
        ("feishu", "feishu:om_1/file_1?file"),
        ("teams", "https://smba.trafficmanager.net/amer/v3/attachments/1/views/original"),
    ],
)
def test_a_file_is_not_fetched_without_the_apps_name(door: str, url: str) -> None:
    """The secret alone is not enough where the vendor asks whose it is; the setting is named."""
    with pytest.raises(NotFetched, match=r"the integration has no setting \w+"):
        DOWNLOADS[door](
            File(name="a", url=url),
            setup_of(door, {}, {"app_secret": "s", "app_password": "s"}),
            [],
        )


@pytest.mark.parametrize(
    ("door", "url"),
    [
        ("slack", "https://slack.com/api/auth.revoke"),
        ("twilio", "https://api.twilio.com/elsewhere"),
        ("feishu", "feishu:om_1/file_1?card"),
        ("dingtalk", "dingtalk:ding0"),
        ("teams", "https://login.microsoftonline.com/common"),
    ],
)
def test_only_files_are_fetched(door: str, url: str) -> None:
    """Another address of the vendor's own is no file, and is not called with our token."""
    settings = {"feishu": {"app_id": "a"}, "dingtalk": {"app_key": "k"}}.get(door, {})
    secrets = dict.fromkeys(("bot_token", "auth_token", "app_secret"), "1:x")
    with pytest.raises(NotFetched):
        DOWNLOADS[door](File(name="a", url=url), setup_of(door, settings, secrets), [])


def test_a_token_of_telegram_is_put_into_no_other_path() -> None:
    """The bot's token is part of the URL: one with a slash would name another call."""
    setup = setup_of("telegram", {}, {"bot_token": "1:x/../deleteWebhook?"})
    with pytest.raises(NotFetched):
        DOWNLOADS["telegram"](File(name="a", url="telegram:AwAD"), setup, [])


@pytest.mark.parametrize(
    ("sealed", "key"),
    [
        ("", "test key"),
        ("AAAA", "test key"),
        ("A" * 24, "test key"),
        ("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=", "another key"),
        ("no base64!", "test key"),
    ],
)
def test_what_feishu_did_not_encrypt_is_not_opened(sealed: str, key: str) -> None:
    """Too short, cut off, or of another key: a ValueError, which becomes a refusal."""
    with pytest.raises(ValueError, match=r"."):
        feishu_opened(sealed, key)


@pytest.mark.parametrize("written", ["", "short", "!" * 43, WECOM_AES_KEY + "AAAA"])
def test_a_key_of_wecom_has_43_characters(written: str) -> None:
    """Anything else is no key, and is not guessed at."""
    with pytest.raises(ValueError, match=r"."):
        wecom_key(written)


@pytest.mark.parametrize("case", ["file-share", "photo", "image", "file", "mms", "personal-file"])
def test_the_files_of_examples_can_be_fetched(case: str) -> None:
    """What a door reads of a file is enough to ask for it."""
    secrets = dict.fromkeys(
        ("bot_token", "access_token", "channel_access_token", "app_secret", "app_password"), "1:x"
    )
    settings = {"app_key": "k", "app_id": "a", "receiver_id": "wx5823bf96d3bd56c7"}
    for found in examples():
        if found.case != case or found.door.name not in NAMES:
            continue
        known = found.door.settings.model_fields
        setup = setup_of(
            found.door.name,
            {name: value for name, value in settings.items() if name in known},
            {**found.setup.secrets, **secrets},
        )
        for one in found.door.parse(found.raw, found.setup):
            assert isinstance(one.form, Request)
            assert one.form.files
            for file in one.form.files:
                call = DOWNLOADS[found.door.name](file, setup, [])
                assert is_host_of(call.url, FILE_HOSTS[found.door.name])


def test_every_chat_says_how_its_files_are_fetched() -> None:
    """The doors, their downloads and their hosts are one list."""
    assert list(DOWNLOADS) == list(FILE_HOSTS) == NAMES


def test_the_keys_of_the_bot_connector_come_from_its_own_host() -> None:
    """Metadata that names keys elsewhere is refused; a call tells which key it needs."""
    assert bot_token.key_source("public") == (
        "https://login.botframework.com/v1/.well-known/openidconfiguration"
    )
    metadata = b'{"jwks_uri":"https://login.botframework.com/v1/.well-known/keys"}'
    found = bot_token.keys_url(metadata, "public")
    assert found == "https://login.botframework.com/v1/.well-known/keys"
    for hostile in (
        b'{"jwks_uri":"https://attacker.example/keys"}',
        b'{"jwks_uri":"https://login.botframework.com.attacker.example/keys"}',
        b"{}",
    ):
        with pytest.raises(Unauthenticated):
            bot_token.keys_url(hostile, "public")
    call = example("teams", "channel-message")
    assert bot_token.key_id(call.raw) == "bot-1"
    jwks = call.setup.secrets["jwks"]
    assert bot_token.has_key(jwks, "bot-1")
    assert not bot_token.has_key(jwks, "bot-2")
