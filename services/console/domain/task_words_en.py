"""English words of the page of open tasks."""

from __future__ import annotations

from typing import Final

TASK_ENGLISH: Final[dict[str, str]] = {
    "nav.tasks": "Tasks",
    "tasks.title": "Open tasks",
    "tasks.lead": "Parts of a ticket's work that others were asked for; open ones keep it open.",
    "tasks.tab.mine": "For me and my desks",
    "tasks.tab.all": "All",
    "tasks.for": "For {whose}",
    "tasks.by": "asked for by {by}",
    "tasks.none": "No open tasks.",
    "tasks.none_hint": "Tasks are asked for on a ticket's page.",
    "tasks.no_texts": "Intake does not answer: what is to be done is not shown.",
    "tasks.cut": "Only the tasks of the newest {limit} tickets are shown.",
}
