from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from heliodesk import documents
from shared.contracts.envelope import Body
from shared.contracts.facts import Word
from shared.contracts.topics import TOPICS, topic_of

RELEASES = sorted(documents.RELEASES.glob("*.json"))


@pytest.mark.parametrize("body", documents.bodies(), ids=lambda b: b.type)
def test_each_event_has_a_golden_example_that_round_trips(body: type[Body]) -> None:
    """An example reads as its model and is written again as the same JSON."""
    example = documents.examples()[body.type]
    read = body.model_validate_json(json.dumps(example))
    assert json.loads(read.model_dump_json(exclude_none=True)) == example


def test_no_example_is_left_over() -> None:
    """Every example belongs to an event of the registry."""
    assert set(documents.examples()) == {body.type for body in documents.bodies()}


def test_each_event_is_carried_by_one_topic() -> None:
    """A type belongs to exactly one topic, and says its version."""
    types = [body.type for topic in TOPICS for body in topic.events]
    assert len(types) == len(set(types))
    assert all(t.startswith("heliodesk.") and t.rsplit(".", 1)[1].startswith("v") for t in types)


def test_the_schemas_are_the_locked_ones() -> None:
    """A changed schema is seen, together with whom it concerns, before it is committed."""
    locked = json.loads(documents.LOCK.read_text(encoding="utf-8"))
    today = documents.schema_lock()
    changed = [kind for kind in today.keys() | locked.keys() if today.get(kind) != locked.get(kind)]
    concerned = {
        kind: topic_of(body).consumers
        for body in documents.bodies()
        if (kind := body.type) in changed
    }
    assert not changed, f"schemas changed; consumers: {concerned}; run `make docs` if it is meant"


@pytest.mark.parametrize("body", documents.bodies(), ids=lambda b: b.type)
def test_a_reader_ignores_fields_of_a_newer_writer(body: type[Body]) -> None:
    """A body with a field that nobody knows yet is read as if it were not there."""
    example = documents.examples()[body.type]
    newer = {**example, "field_of_a_newer_release": {"anything": [1, 2]}}
    assert body.model_validate_json(json.dumps(newer)) == body.model_validate_json(
        json.dumps(example)
    )


@pytest.mark.parametrize("word", Word.__subclasses__(), ids=lambda w: w.__name__)
def test_a_word_of_a_newer_release_reads_as_unknown(word: type[Word]) -> None:
    """An enumeration member that is not known here does not make the event unreadable."""
    assert word("a-word-of-a-newer-release") == "unknown"


@pytest.mark.parametrize("release", RELEASES, ids=lambda p: p.stem)
def test_today_reads_what_a_release_wrote(release: Path) -> None:
    """Every example of a release, known today, is read by today's model."""
    kept = json.loads(release.read_text(encoding="utf-8"))
    models = {body.type: body for body in documents.bodies()}
    for kind, example in kept["examples"].items():
        assert kind in models, f"{kind} was released: it cannot be dropped, only superseded"
        models[kind].model_validate_json(json.dumps(example))


@pytest.mark.parametrize("release", RELEASES, ids=lambda p: p.stem)
def test_a_release_reads_what_today_writes(release: Path) -> None:
    """Every example of today fits the schema that a release had for its type."""
    kept: dict[str, Any] = json.loads(release.read_text(encoding="utf-8"))
    today = documents.examples()
    for kind, schema in kept["schemas"].items():
        jsonschema.validate(today[kind], schema)


def test_no_released_field_changed_its_meaning() -> None:
    """A release's required fields are still required or present, and none was made required."""
    for release in RELEASES:
        kept = json.loads(release.read_text(encoding="utf-8"))["schemas"]
        for kind, schema in documents.schema_lock().items():
            if kind in kept:
                added = set(schema.get("required", ())) - set(kept[kind].get("required", ()))
                assert not added, f"{kind}: {added} became required: that is a new version"


@pytest.mark.parametrize("body", documents.bodies(), ids=lambda b: b.type)
def test_what_is_left_out_reads_as_what_was_written(body: type[Body]) -> None:
    """A field that may be None defaults to None: fields that are None are not written."""
    wrong = [
        name
        for name, field in body.model_fields.items()
        if type(None) in get_args(field.annotation) and field.default is not None
    ]
    assert not wrong
