"""English words of the page of open tasks, and of tier 0 beside the desks."""

from __future__ import annotations

from typing import Final

TASK_ENGLISH: Final[dict[str, str]] = {
    "desks.unattended": "{count} at tier 0",
    "nav.tasks": "Tasks",
    "tasks.title": "Open tasks",
    "tasks.lead": "Parts of the work on tickets, for others to do. A ticket is not resolved while tasks of it are open.",
    "tasks.tab.mine": "For me and my desks",
    "tasks.tab.all": "All",
    "tasks.for": "For {whose}",
    "tasks.by": "asked for by {by}",
    "tasks.none": "No open tasks.",
    "tasks.none_hint": "Tasks are asked for on a ticket's page.",
    "tasks.no_texts": "Intake does not answer: what is to be done is not shown.",
    "tasks.cut": "Only the tasks of the newest {limit} tickets are shown.",
}
