"""Words in conditions that no ticket can have: a slip of the pen that no check refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final, Literal, get_args

from shared.condition_reading import read_condition
from shared.organisation import Configuration
from shared.organisation.policies import WORK_FIELDS
from shared.organisation.words import LEVELS, PRIORITIES, ChannelName, KindName
from shared.tags import normal_tag

UNKNOWN: Final = "unknown"
"""What a word of a newer release is read as."""
_LISTED: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": (*get_args(KindName), UNKNOWN),
    "channel": (*get_args(ChannelName), UNKNOWN),
    "priority": (*PRIORITIES, UNKNOWN),
    "impact": (*LEVELS, UNKNOWN),
    "urgency": (*LEVELS, UNKNOWN),
}
_CONDITIONS: Final = (
    "condition",
    "starts_when",
    "pauses_when",
    "resumes_when",
    "stops_when",
    "resets_when",
    "cancels_when",
)


def dead_words(configuration: Configuration) -> Iterator[tuple[Literal["sla", "agreements"], str]]:
    """Yield the section and a sentence for each word with which no ticket can agree.

    Conditions that do more than compare fields with texts are not looked at.
    """
    for policy in configuration.sla.policies:
        for name in _CONDITIONS:
            for text in _of(getattr(policy, name)):
                yield "sla", f"policy {policy.name}, {name}: {text}"
    for agreement in configuration.agreements.agreements:
        for text in _of(agreement.condition):
            yield "agreements", f"{agreement.name}, condition: {text}"


def _of(condition: str | None) -> Iterator[str]:
    if condition is None:
        return
    named = read_condition(condition, WORK_FIELDS).named
    for tag in sorted(named.get("tags", ())):
        kept = _kept_as(tag)
        if kept is None:
            yield f"no ticket has the tag {tag!r}: a tag is one word"
        elif kept != tag:
            yield f"no ticket has the tag {tag!r}: tags are kept in lower case, as {kept!r}"
    for field, words in _LISTED.items():
        for word in sorted(named.get(field, frozenset()) - set(words)):
            near = [each for each in words if each.lower() == word.lower()]
            near = near or get_close_matches(word, words, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it is {', '.join(words[:-1])}"
            yield f"no ticket has the {field} {word!r}{hint}"


def _kept_as(tag: str) -> object:
    try:
        return normal_tag(tag)
    except ValueError:
        return None
