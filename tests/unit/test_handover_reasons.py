"""The reasons of people, as routing tells them."""

from __future__ import annotations

import pytest

from services.routing.domain.handover.items import ItemState, Stage
from services.routing.domain.handover.telling import Teller
from services.routing.domain.handover.vocabulary import Lang
from tests.support.console import NOON


@pytest.mark.parametrize(
    ("lang", "kept", "declined"),
    [
        ("en", "T-1  kept: ann, nearly done", "T-1  declined: bob, no capacity"),
        ("zh", "T-1  保留: ann, 即将完成", "T-1  已拒绝: bob, 人手不足"),
    ],
)
def test_a_reason_is_told_in_words_of_the_reader(lang: Lang, kept: str, declined: str) -> None:
    """A code that nobody has a word for reads as it was written."""
    teller = Teller(lang=lang, time_zone="UTC", now=NOON)
    item = ItemState(number="T-1", stage=Stage.KEPT, kept_by="ann", kept_reason="nearly-done")
    assert teller.item(item) == kept
    refused = ItemState(
        number="T-1", stage=Stage.DECLINED, answered_by="bob", declined_reason="no-capacity"
    )
    assert teller.item(refused) == declined
    own = refused.model_copy(update={"declined_reason": "too-far"})
    assert teller.item(own).endswith("bob, too-far")
