"""Reclassifying: agents correct what a ticket is, and every correction is counted."""

from __future__ import annotations

from datetime import datetime

from services.intake.domain.figures import Decided
from services.intake.domain.reclassify import Correcting, decide_reclassified
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.ports import ModelStore
from shared.aggregate import Document
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.kernel import CommandRejected


class Reclassifying:
    """Corrects tickets, and tells how often who was wrong.

    Every method may raise `Infrastructure`: ask again.
    """

    def __init__(
        self, *, committer: Committer, configurations: Configurations, models: ModelStore
    ) -> None:
        self._committer = committer
        self._configurations = configurations
        self._models = models

    async def reclassify(
        self, ticket: str, wanted: Correcting, *, tenant: str, by: str, revision: int | None
    ) -> Document[Ticket]:
        """Correct a ticket and return it.

        Args:
            ticket: its id.
            wanted: what is said of it.
            tenant: the agent's.
            by: the agent.
            revision: the one that the agent saw; None takes any.

        Raises:
            CommandRejected: there is no such ticket or service, or the revision is stale.
        """
        configuration = self._configurations.current(tenant)
        return await self._committer.execute(
            TICKET,
            Command(
                target=ticket,
                tenant=tenant,
                revision=revision,
                decide=lambda state: decide_reclassified(
                    state, wanted, by=by, configuration=configuration
                ),
            ),
        )

    async def figures(
        self, *, tenant: str, since: datetime, until: datetime
    ) -> dict[str, list[Decided]]:
        """Return how often each source was wrong with ``kind`` and with ``category``.

        It is about the tickets that were accepted in a time, whenever they were corrected.

        Raises:
            CommandRejected: the time ends before it begins.
        """
        if since >= until:
            raise CommandRejected(
                "invalid", "the time ends before it begins", field="to", status=422
            )
        return await self._models.decided(tenant=tenant, since=since, until=until)
