"""Which version of the configuration chose a desk: stamped on the explanation of each choice.

A ticket whose desk was chosen by a topology is moved when a newer version chooses another; one
that people put somewhere is not. The stamp is what tells them apart, and it is made where the
choice is made: a process that learns of a version late says truly by which one it chose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from services.routing.domain.desks import DeskChoice
    from services.routing.domain.tickets import TicketState
    from shared.organisation import Configuration

P = ParamSpec("P")
Found = TypeVar("Found", bound="DeskChoice | None")


def stamped(
    choose: Callable[Concatenate[Configuration, P], Found],
) -> Callable[Concatenate[Configuration, P], Found]:
    """Let a choice of a desk name the version by which it was made, where there is one."""

    @wraps(choose)
    def chosen(configuration: Configuration, /, *args: P.args, **kwargs: P.kwargs) -> Found:
        found = choose(configuration, *args, **kwargs)
        if found is None or not configuration.version:
            return found
        by = {"version": configuration.version}
        return replace(found, explanation=found.explanation.model_copy(update=by))

    return chosen


def is_behind(configuration: Configuration, state: TicketState) -> bool:
    """Return whether a ticket was decided on under a newer version than this one.

    While a version spreads, one process knows desks and agents that another has not heard of. To
    the other they look as if they were gone; it is the one that has to wait.
    """
    return 0 < configuration.version < state.written_under
