"""The menu that a caller hears, as data: for an exchange that announces it and asks what was pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from services.intake.domain.call_routing import by_configuration
from shared.contracts.directions import CallDirection, CallQuestion
from shared.contracts.routing import Status
from shared.directions import PERSON_KEY, STATE_KEY, asked_by, topology_of_call
from shared.organisation import CallCentreMenu, Configuration, SelfService, UnknownName

LANGUAGES: Final = ("en", "zh")
"""In which a menu is always written; an organisation adds its own."""
Action = Literal["group", "ticket-state", "person"]

_SELF_SERVICE: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        STATE_KEY: {"en": "The state of your tickets", "zh": "查询您的工单状态"},
        PERSON_KEY: {"en": "Speak to a person", "zh": "转人工服务"},
    }
)


_STATES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "received": {"en": "It has been received.", "zh": "已收到。"},
        "self-service": {
            "en": "It waits for you. Press 0 for a person.",
            "zh": "等待您自行处理。如需人工服务，请按 0。",
        },
        "queued": {"en": "It waits for an agent.", "zh": "正在等待客服处理。"},
        "working": {"en": "Somebody is working on it.", "zh": "正在处理中。"},
        "pending": {"en": "It waits for an answer.", "zh": "正在等待答复。"},
        "resolved": {"en": "It is solved.", "zh": "已解决。"},
        "closed": {"en": "It is closed.", "zh": "已关闭。"},
    }
)


def told_state(status: Status | None, tier: int) -> Mapping[str, str]:
    """Return how a ticket stands, as a telephone says it, by language; None: it is not known."""
    if status is None:
        return _STATES["received"]
    if status is Status.QUEUED:
        return _STATES["queued" if tier else "self-service"]
    known = {Status.PENDING, Status.RESOLVED, Status.CLOSED}
    return _STATES[status.value if status in known else "working"]


@dataclass(frozen=True, slots=True)
class MenuChoice:
    """One entry of a menu. Of the state of tickets there is no way: the telephone tells it."""

    key: str
    titles: Mapping[str, str]
    action: Action
    way: CallDirection | None


@dataclass(frozen=True, slots=True)
class CallMenu:
    """What a caller can choose, and where the call goes where nothing or nonsense is pressed."""

    topology: str
    shape: str
    entries: tuple[MenuChoice, ...]
    """None where a call needs no choice."""
    default: CallDirection


def menu_of(configuration: Configuration, question: CallQuestion, *, at: datetime) -> CallMenu:
    """Return the menu of a call, by the configuration: who is there is asked with the choice.

    Raises:
        UnknownName: no topology takes calls, and there is no fallback.
    """
    topology = topology_of_call(configuration, asked_by(question))
    entries: tuple[MenuChoice, ...] = ()
    if isinstance(topology, CallCentreMenu):
        entries = tuple(
            MenuChoice(
                key=key,
                titles={
                    language: entry.title_in(language)
                    for language in dict.fromkeys((*LANGUAGES, *entry.titles))
                },
                action="group",
                way=_way(configuration, question, key, at),
            )
            for key, entry in topology.entries.items()
        )
    elif isinstance(topology, SelfService):
        person = _way(configuration, question, PERSON_KEY, at)
        entries = (
            MenuChoice(STATE_KEY, _SELF_SERVICE[STATE_KEY], "ticket-state", None),
            MenuChoice(PERSON_KEY, _SELF_SERVICE[PERSON_KEY], "person", person),
        )
    default = _way(configuration, question, None, at)
    shape = topology.shape.replace("_", "-") if topology is not None else default.shape
    return CallMenu(default.topology, shape, entries, default)


def _way(
    configuration: Configuration, question: CallQuestion, choice: str | None, at: datetime
) -> CallDirection:
    chosen = question.model_copy(update={"choice": choice})
    found = by_configuration(configuration, chosen, at=at)
    if found is None:
        raise UnknownName("way", "for a call")
    return found
