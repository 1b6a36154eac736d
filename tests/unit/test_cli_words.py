"""Events and instants in words, and the heads of articles."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from heliodesk.cli.moments import ago, business_span, left_span, shown, span, used_span
from heliodesk.cli.output import print_json_line, printable
from heliodesk.errors import CliError
from heliodesk.event_words import words_of
from heliodesk.events import seen_of
from heliodesk.product.articles import parse_article
from shared.contracts.topics import TOPICS

EXAMPLES = sorted((Path("shared") / "contracts" / "examples").glob("*.json"))
ARTICLES = sorted((Path("deploy") / "sample" / "articles").glob("*.md"))
TYPES = [
    body.type.removeprefix("heliodesk.").rpartition(".v")[0] for t in TOPICS for body in t.events
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_kind_of_event_has_words(path: Path) -> None:
    """The golden example of each event is said in one line."""
    body = json.loads(path.read_text(encoding="utf-8"))
    kind = path.stem.removeprefix("heliodesk.").rpartition(".v")[0]
    words = words_of(kind, body)
    assert "\n" not in words
    assert "None" not in words


@given(
    kind=st.sampled_from([*TYPES, "ticket.applauded"]),
    body=st.dictionaries(
        st.sampled_from(
            ["facts", "number", "clocks", "due_at", "desk", "tell", "opens_at", "tokens"]
        ),
        st.none() | st.text(max_size=5) | st.dictionaries(st.text(max_size=3), st.none()),
        max_size=4,
    ),
)
def test_words_never_fail(kind: str, body: dict[str, object]) -> None:
    """Whatever another release writes into a body, `tail` goes on."""
    assert isinstance(words_of(kind, body), str)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3_600, "1 h"),
        (3_660, "1 h 1 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
        (-120, "2 min"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, text: str) -> None:
    """A duration is said in its largest units."""
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (30, "30 s"),
        (900, "15 min"),
        (172_800, "48 h"),
        (153_000, "42 h 30 min"),
        (3_601, "1 h 1 s"),
    ],
)
def test_business_time_is_said_in_hours(seconds: float, text: str) -> None:
    """48 business hours are not two days."""
    assert business_span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "used", "left"),
    [
        (0, "0 s", "0 s left"),
        (0.4, "0 s", "1 s left"),
        (3_599.6, "59 min 59 s", "1 h left"),
        (14_399.6, "3 h 59 min", "4 h left"),
        (14_400, "4 h", "4 h left"),
        (284_401, "79 h", "79 h 1 min left"),
    ],
)
def test_used_time_is_cut_and_time_left_is_rounded_up(seconds: float, used: str, left: str) -> None:
    """A target of four hours is not said to be used up 400 milliseconds before it is."""
    assert (used_span(seconds), left_span(seconds)) == (used, left)


def test_what_is_over_is_said_so() -> None:
    """It is cut as well: nothing is late by more than it is."""
    assert [left_span(seconds) for seconds in (-0.4, -61, -7_199)] == [
        "0 s over",
        "1 min 1 s over",
        "1 h 59 min over",
    ]


def test_instants_are_said_relative_to_now() -> None:
    """Past and future instants are told apart."""
    now = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    assert ago("2026-03-04T11:58:00.000Z", now) == "2 min ago"
    assert ago("2026-03-04T13:30:00.000Z", now) == "in 1 h 30 min"
    assert shown("2026-03-04T13:30:05.123Z") == "2026-03-04 13:30:05 UTC"
    assert shown(None) is None


def test_an_article_s_head_is_read() -> None:
    """Title, language and keywords come from the head, the text follows it."""
    text = "---\ntitle: Printers\nlanguage: en\nkeywords: [paper, jam]\n---\nOpen it.\n\n---\n\nDone.\n"
    assert parse_article(text, name="a.md") == {
        "title": "Printers",
        "language": "en",
        "keywords": ["paper", "jam"],
        "body": "Open it.\n\n---\n\nDone.",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No head.",
        "---\ntitle: x\n",
        "---\ntitle: x\n---\nNo language.",
        "---\n[]\n---\nA list.",
        "---\ntitle: x\nlanguage: en\nowner: me\n---\nUnknown field.",
        "---\n: : :\n---\nNo YAML.",
    ],
)
def test_what_is_no_article_is_refused_by_name(text: str) -> None:
    """The error names the file."""
    with pytest.raises(CliError, match=r"^a\.md: "):
        parse_article(text, name="a.md")


@pytest.mark.parametrize("path", ARTICLES, ids=lambda p: p.stem)
def test_the_sample_articles_can_be_handed_in(path: Path) -> None:
    """Each sample article has a title, a language and a text."""
    article = parse_article(path.read_text(encoding="utf-8"), name=path.name)
    assert article["title"]
    assert article["language"] in {"en", "zh"}
    assert len(article["body"]) > 50


def record(value: bytes | None) -> ConsumerRecord[bytes, bytes]:
    """Return a record of an outsider, without headers."""
    return ConsumerRecord(
        topic="heliodesk.alerts",
        partition=0,
        offset=7,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=(("ce_id", None),),
    )


@pytest.mark.parametrize(
    ("value", "body"),
    [(None, None), (b"\xff", "\ufffd"), (b"[" * 200_000, "[" * 200_000), (b"[1]", [1])],
    ids=["null", "bytes", "deep", "json"],
)
def test_a_record_that_cannot_be_read_is_shown_as_it_is(value: bytes | None, body: object) -> None:
    """Anybody may write to the public topic; `tail` goes on."""
    assert seen_of(record(value)).body == body


def test_what_outsiders_write_gives_a_terminal_no_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Escape sequences and halves of surrogate pairs are shown as signs that stand for them."""
    assert printable("ok \x1b[2J \ud800 你好\n") == "ok \ufffd[2J \ufffd 你好\ufffd"
    print_json_line({"data": "\ud800"})
    assert json.loads(capsys.readouterr().out) == {"data": "?"}
