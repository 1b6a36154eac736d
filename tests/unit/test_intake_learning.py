from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.evaluation import Labelled, evaluated, learnable, report, split
from services.intake.domain.learning import (
    BUCKETS,
    Guess,
    Head,
    Learned,
    Model,
    counts,
    packed,
    unpacked,
    weighed,
)
from services.intake.handlers.training import TrainingImpossible, train
from services.intake.ports import Sample
from shared.testing.memory import MemoryData
from tests.support.intake_contacts import MemoryModels

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

ENGLISH = {
    "incident": (
        "The {} is broken and does not start",
        "Cannot log in to the {}, it shows an error",
        "{} crashed again this morning",
        "The {} is down, nobody can work",
    ),
    "service-request": (
        "Please give me access to the {}",
        "I would like to order a new {}",
        "Please install the {} on my computer",
        "Could you set up a {} for our new colleague",
    ),
}
CHINESE = {
    "incident": ("{}无法启动，出现错误", "{}坏了，请尽快修复", "{}今天又崩溃了", "大家都打不开{}"),
    "service-request": ("请给我开通{}的权限", "申请一台新的{}", "请帮我安装{}", "为新同事开通{}"),
}
THINGS = ("laptop", "printer", "mail account", "CRM", "phone", "database", "scanner", "monitor")
DINGE = ("电脑", "打印机", "邮箱", "客户系统", "电话", "数据库", "扫描仪", "显示器")
CATEGORIES = {"laptop": "hardware", "CRM": "software", "database": "database"}


def desk_tickets() -> list[Sample]:
    """Return the closed tickets of a desk in two languages."""
    return [
        Sample(
            ticket=f"{kind}-{sentence}-{thing}",
            subject=sentence.format(thing),
            text="",
            kind=kind,
            category=CATEGORIES.get(thing),
        )
        for patterns, things in ((ENGLISH, THINGS), (CHINESE, DINGE))
        for kind, sentences in patterns.items()
        for sentence in sentences
        for thing in things
    ]


class Desk(MemoryModels):
    """A store whose samples are given."""

    def __init__(self, samples: list[Sample]) -> None:
        super().__init__(MemoryData())
        self.given = samples

    async def samples(self, *, tenant: str, limit: int) -> list[Sample]:
        """Return what is given."""
        return self.given[:limit]


async def trained(desk: Desk) -> tuple[Any, Learned, Model]:
    """Return the report of a training, and the model ready to be asked."""
    report = await train(desk, tenant="main", at=AT, apply_from=0.8)
    model = await desk.model(tenant="main", version=report.version)
    assert model is not None
    return report, Learned(model), model


async def test_a_model_of_the_desks_own_tickets_tells_kinds_in_both_languages() -> None:
    """Sentences that it has not seen are told, and how well is said of tickets held out."""
    report, learned, _ = await trained(Desk(desk_tickets()))
    assert report.version == 1
    assert report.samples == 128
    assert report.kind.trained + report.kind.held_out == 128
    assert report.kind.held_out == 24
    assert report.kind.accuracy >= 0.95
    for subject, kind in (
        ("My tablet is broken, it shows an error", "incident"),
        ("Please order a new tablet for me", "service-request"),
        ("平板坏了，无法启动", "incident"),
        ("请帮我申请平板的权限", "service-request"),
    ):
        said = learned.suggest(subject=subject, text="")
        assert said is not None
        assert said.kind is not None
        assert (said.version, said.kind.value) == (1, kind)
        assert 0.5 < said.kind.probability <= 1
        assert said.category is not None


async def test_training_is_repeatable_and_versions_count() -> None:
    """The same tickets, in any order, give the same weights under the next version."""
    samples = desk_tickets()
    desk = Desk(samples)
    _, _, first = await trained(desk)
    desk.given = samples[::-1]
    report, _, second = await trained(desk)
    assert report.version == 2
    assert second.model_copy(update={"version": 1}) == first
    assert await desk.drop_model(tenant="main", version=2)
    assert await desk.newest_models() == {"main": 1}
    assert await desk.model(tenant="main", version=2) is None
    assert not await desk.drop_model(tenant="main", version=2)
    assert await desk.last_version("main") == 2


async def test_a_model_is_small_and_holds_no_words() -> None:
    """With fifty categories it stays below five megabytes of JSON, and nothing in it can be read."""
    samples = [
        Sample(f"t-{n}-{i}", f"word{n} thing{n} number{i}", "", f"kind-{n % 7}", f"category-{n}")
        for n in range(60)
        for i in range(4)
    ]
    _, _, model = await trained(Desk(samples))
    assert model.category is not None
    assert len(model.category.classes) == 50
    text = model.model_dump_json()
    assert len(text) < 5_000_000
    assert "thing7" not in text


def test_the_work_for_a_text_is_bounded() -> None:
    """However long a text is, only its beginning is looked at: a thousand buckets at most."""
    long = " ".join(f"word{n} thing{n} and something-else{n * 7919}" for n in range(60_000))
    assert len(counts(long)) < 1_000
    assert len(counts("打印机坏了请尽快修复" * 10_000)) < 1_000


@pytest.mark.parametrize(
    "samples",
    [
        [],
        desk_tickets()[:8],
        [Sample(f"t-{n}", "always the same", "", "incident", None) for n in range(100)],
        [Sample(f"t-{n}", "each is its own", "", f"kind-{n}", None) for n in range(100)],
    ],
)
async def test_too_little_is_said_and_nothing_is_stored(samples: list[Sample]) -> None:
    """One kind, or a handful of tickets, is nothing to learn from."""
    desk = Desk(samples)
    with pytest.raises(TrainingImpossible, match="too little"):
        await train(desk, tenant="main", at=AT, apply_from=0.8)
    assert await desk.newest_models() == {}


def labelled(label: str, count: int) -> list[Labelled]:
    """Return tickets of one class."""
    return [Labelled(f"{label}-{n}", "text", label) for n in range(count)]


def test_rare_classes_are_left_out() -> None:
    """Two tickets are no class; without two classes there is nothing to tell."""
    given = [*labelled("a", 20), *labelled("b", 3), *labelled("c", 2)]
    assert {s.label for s in learnable(given)} == {"a", "b"}
    assert learnable([*labelled("a", 40), *labelled("c", 2)]) == []


def test_one_of_five_of_each_class_is_held_out() -> None:
    """The split knows no chance, and no ticket is on both sides."""
    given = [*labelled("a", 20), *labelled("b", 11), *labelled("c", 4)]
    train_part, held_out = split(given)
    assert sorted(s.label for s in held_out) == ["a"] * 4 + ["b"] * 2
    assert {s.key for s in train_part}.isdisjoint({s.key for s in held_out})
    again = split(given[::-1])
    assert {s.key for s in again[1]} == {s.key for s in held_out}


def test_the_report_counts_by_hand() -> None:
    """Four of six are right; recall, precision and the guesses that would be applied are said."""
    held_out = [*labelled("a", 4), *labelled("b", 2)]
    guesses = [
        Guess(value="a", probability=0.9),
        Guess(value="a", probability=0.7),
        Guess(value="a", probability=0.95),
        Guess(value="b", probability=0.85),
        Guess(value="b", probability=0.6),
        None,
    ]
    found = evaluated(held_out, guesses, trained=24, apply_from=0.8)
    assert found.accuracy == 0.6667
    assert (found.applied, found.applied_right) == (3, 2)
    assert found.confusion == {"a": {"a": 3, "b": 1}, "b": {"(nothing)": 1, "b": 1}}
    by_name = {c.name: (c.tickets, c.recall, c.precision) for c in found.classes}
    assert by_name == {"a": (4, 0.75, 1.0), "b": (2, 0.5, 0.5), "(nothing)": (0, None, 0.0)}


def test_the_report_is_read_by_people() -> None:
    """Shares as percentages, each class on a line, and what was mistaken for what."""
    held_out = [*labelled("a", 4), *labelled("b", 2)]
    guesses = [Guess(value="a", probability=0.9)] * 5 + [None]
    lines = report("Kinds", evaluated(held_out, guesses, trained=24, apply_from=0.8))
    assert lines[0] == "Kinds: trained from 24 tickets, tried on 6"
    assert lines[1].split() == ["right", "66.7%"]
    assert lines[2] == "  certain (80% or more) 5, of them right 4"
    assert [line.split() for line in lines[4:7]] == [
        ["(nothing)", "0", "–", "0.0%"],
        ["a", "4", "100.0%", "80.0%"],
        ["b", "2", "0.0%", "–"],
    ]
    assert lines[7:] == ["  b said to be (nothing): 1", "  b said to be a: 1"]
    assert report("Categories", None) == ["Categories: too few tickets"]


def test_scripts_without_spaces_count_by_characters() -> None:
    """Four Chinese characters are four and three pairs; words count whole and in parts."""
    assert sum(counts("打印机坏").values()) == 7
    assert sum(counts("vpn").values()) == 1
    assert sum(counts("mail").values()) == 5
    assert counts("ticket 4711") == counts("TICKET 99")


@given(st.text(max_size=900))
def test_any_text_is_counted_and_weighed(text: str) -> None:
    """Whatever is written, buckets are in range and a vector has length one, or is empty."""
    found = counts(text)
    assert all(0 <= bucket < BUCKETS for bucket in found)
    vector = weighed(found, [1.0] * BUCKETS)
    assert not vector or abs(sum(v * v for v in vector.values()) - 1) < 1e-9


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_weights_survive_packing(values: list[float]) -> None:
    """Each weight comes back within one step of the largest."""
    padded = values + [0.0] * (BUCKETS - len(values))
    scale, text = packed(padded)
    back = unpacked(scale, text)
    assert all(abs(a - b) <= scale for a, b in zip(padded, back, strict=True))


def test_a_model_that_is_cut_short_is_refused() -> None:
    """Half the weights are an error when the model is loaded, not when it is asked."""
    scale, whole = packed([1.0] * BUCKETS)
    head = Head(
        classes=("a", "b"), intercepts=(0.0, 0.0), scales=(scale,) * 2, weights=("AAAAAAAA", whole)
    )
    model = Model(
        version=1,
        tenant="main",
        trained_at=AT,
        samples=20,
        rarity_scale=scale,
        rarity=whole,
        kind=head,
    )
    with pytest.raises(ValueError, match="3 weights"):
        Learned(model)
