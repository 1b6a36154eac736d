from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from services.console.domain import words
from services.console.domain.actions import PEND_REASONS, Verb
from services.console.domain.levels import FILES
from services.console.domain.tickets import Order, Tab, Urgency
from services.console.domain.words import CATALOGUES, Language, Words, chosen
from services.intake.domain.people import BY_AGENT, BY_DOOR, BY_IMPORT, MET
from shared.contracts.facts import Channel, Kind, Level
from shared.contracts.intake import AlertStatus, Direction
from shared.contracts.monitors import HeldReason
from shared.contracts.notify import NoticeKind
from shared.contracts.routing import Presence, QueueReason, Status
from shared.contracts.sla import Metric
from shared.organisation import RESOLUTION_CODES, TASK_OUTCOMES
from shared.organisation.agreements import AgreementState
from shared.organisation.intake import CATEGORIES_DEFAULT
from shared.organisation.policies import AgreementKind
from shared.service_levels.agreements import Warned

REASONS = (
    "closed",
    "closing",
    "skill",
    "language",
    "away",
    "offline",
    "unknown",
    "off-shift",
    "on-leave",
    "full",
    "channel-full",
    "ramp",
    "reserved",
    "affinity",
    "later-in-order",
    "unable",
)
"""Why routing leaves a desk or an agent out."""

EN, ZH = CATALOGUES[Language.EN], CATALOGUES[Language.ZH]


def fields(text: str) -> set[str]:
    """Return the placeholders of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_catalogues_have_the_same_keys() -> None:
    """What can be said in one language can be said in the other."""
    assert set(EN) == set(ZH)


def test_both_catalogues_fill_in_the_same_fields() -> None:
    """A sentence has the same placeholders in both languages."""
    assert [key for key in EN if fields(EN[key]) != fields(ZH[key])] == []


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("status", Status),
        ("kind", Kind),
        ("channel", Channel),
        ("level", Level),
        ("metric", Metric),
        ("presence", Presence),
        ("direction", Direction),
        ("notice", NoticeKind),
        ("urgency", Urgency),
        ("tab", Tab),
        ("order", Order),
        ("left", REASONS),
        ("resolution", RESOLUTION_CODES),
        ("task_outcome", TASK_OUTCOMES),
        ("pend", PEND_REASONS),
        ("alert", AlertStatus),
        ("held", HeldReason),
        ("category", CATEGORIES_DEFAULT),
        ("agreement_kind", get_args(AgreementKind)),
        ("agreement_state", get_args(AgreementState)),
        ("agreement_warning", get_args(Warned)),
        ("levels.file", tuple(file.code for file in FILES)),
        ("proof", (BY_DOOR, BY_AGENT, BY_IMPORT, MET)),
    ],
)
def test_every_code_of_the_contracts_has_a_word(group: str, words: object) -> None:
    """A code that events may carry is never shown raw."""
    assert isinstance(words, tuple | type)
    assert [str(w) for w in words if f"{group}.{w}" not in EN] == []  # type: ignore[union-attr]


def test_every_reason_for_queueing_has_a_sentence() -> None:
    """Each way into a queue is told in its own words."""
    assert [r.value for r in QueueReason if f"say.queued.{r.value}" not in EN] == []


def test_every_command_says_that_it_is_done() -> None:
    """Each command of an agent has its sentence."""
    assert [v.value for v in Verb if f"act.done.{v.value}" not in ZH] == []


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        (None, None, Language.EN),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", Language.ZH),
        (None, "de,en;q=0.5,zh;q=0.4", Language.EN),
        (None, "en;q=0.2, zh;q=0.7", Language.ZH),
        (None, "zh;q=0, en;q=0.1", Language.EN),
        (None, "zh;q=broken", Language.EN),
        ("zh", "en", Language.ZH),
        ("klingon", "zh", Language.ZH),
    ],
)
def test_the_language_is_the_chosen_or_the_preferred_one(
    cookie: str | None, accept: str | None, expected: Language
) -> None:
    """A choice by hand wins; then the browser's preference counts; English is left."""
    assert chosen(cookie=cookie, accept=accept) is expected


def test_a_code_without_a_word_reads_as_written() -> None:
    """A code from a configuration or a newer release is shown readably."""
    assert Words(Language.EN).code("reason", "asked-again") == "asked again"


def test_every_sentence_that_a_template_names_is_there() -> None:
    """A key that is misspelt would be shown as it is written."""
    templates = Path(words.__file__).parents[1] / "templates"
    named = {
        key: path.name
        for path in sorted(templates.glob("*.html"))
        for key in re.findall(r'\bt\("([a-z_.0-9-]+)"[,)]', path.read_text(encoding="utf-8"))
    }
    assert len(named) > 200
    assert {key: name for key, name in named.items() if key not in EN} == {}
