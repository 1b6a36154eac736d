"""Tags as somebody says them, and as a ticket holds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.contracts.facts import TicketFacts
from shared.tags import TAG_LENGTH_MAX, TAGS_MAX, Tags, split_words, tag_set
from tests.support.routing import facts


class Body(BaseModel):
    """Something that has tags."""

    tags: Tags = ()


def test_tags_are_kept_in_lower_case_each_once_and_sorted() -> None:
    """What is said twice, or in capitals, is one tag."""
    assert Body(tags=("VPN", " mfa ", "vpn")).tags == ("mfa", "vpn")


@pytest.mark.parametrize(
    ("tags", "place", "reason"),
    [
        (["vpn", ""], ("tags", 1), "1 to 50 characters"),
        (["a", "b", "x" * 51], ("tags", 2), "1 to 50 characters"),
        (["two words"], ("tags", 0), "one word"),
        (["a,b"], ("tags", 0), "one word"),
        (["a\tb"], ("tags", 0), "one word"),
        (["a\u00a0b"], ("tags", 0), "one word"),
        (["a", 7], ("tags", 1), "valid string"),
        ([f"t{n}" for n in range(21)], ("tags",), "at most 20 items"),
    ],
)
def test_what_is_no_tag_is_refused_with_its_place(
    tags: list[object], place: tuple[object, ...], reason: str
) -> None:
    """The field, and the index in it."""
    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"tags": tags})
    (fault,) = caught.value.errors()
    assert fault["loc"] == place
    assert reason in fault["msg"]


@given(st.lists(st.text(max_size=60), max_size=25))
def test_whatever_is_taken_is_a_set_of_words(given_: list[str]) -> None:
    """Taking it again changes nothing, and no tag has capitals or white space."""
    try:
        tags = Body(tags=tuple(given_)).tags
    except ValidationError:
        return
    assert Body(tags=tags).tags == tags == tag_set(tags)
    assert len(tags) <= TAGS_MAX
    for tag in tags:
        assert 1 <= len(tag) <= TAG_LENGTH_MAX
        assert tag == tag.lower()
        assert split_words(tag) == [tag]


def test_an_event_that_was_stored_before_there_were_tags_has_none() -> None:
    """Old events stay readable."""
    stored = facts(tags=("vpn",)).model_dump(mode="json")
    assert TicketFacts.model_validate(stored).tags == ("vpn",)
    del stored["tags"]
    assert TicketFacts.model_validate(stored).tags == ()
