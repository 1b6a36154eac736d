"""What desks, queues, agents and suppliers are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Names:
    """Titles of desks, queues and suppliers, and names of agents, as the configuration has them."""

    desks: Mapping[str, str] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)
    suppliers: Mapping[str, str] = field(default_factory=dict)

    def group(self, code: str | None) -> str:
        """Return the title of a desk or a queue; its code where the configuration has none."""
        return self.queues.get(code or "") or self.desk(code)

    def supplier(self, code: str) -> str:
        """Return a supplier's title; the code where the configuration does not know it."""
        return self.suppliers.get(code, code)

    def desk(self, code: str | None) -> str:
        """Return a desk's title; its code where the configuration does not know it."""
        return self.desks.get(code or "", code or "–")

    def agent(self, code: str | None) -> str:
        """Return an agent's name; the code where the configuration does not know it."""
        return self.agents.get(code or "", code or "–")
