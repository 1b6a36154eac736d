"""The alarm about tickets that no topology takes."""

from __future__ import annotations

from collections.abc import Callable

from services.routing.ports import Tickets
from shared.configuration import Configurations


class UnroutedWatch:
    """Shows how many open tickets the fallback desks have because no topology took them.

    The number falls as they are closed, or transferred to where they belong.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        configurations: Configurations,
        show: Callable[[str, int], None],
    ) -> None:
        self._tickets = tickets
        self._configurations = configurations
        self._show = show

    async def look(self) -> None:
        """Count them, of each tenant.

        Raises:
            Infrastructure: the store does not answer.
        """
        for tenant in self._configurations.tenants:
            self._show(tenant, await self._tickets.unrouted(tenant))
