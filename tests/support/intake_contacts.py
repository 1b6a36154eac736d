"""People, addresses and models in memory: `ContactStore` and `ModelStore` on rows as the real ones."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from services.intake.domain.contact import Person
from services.intake.domain.figures import COUNTED, Correction, Decided, decided_by, teaches
from services.intake.domain.learning import Model
from services.intake.domain.people import Address, Noted, SentCode
from services.intake.domain.ticket import TICKET
from services.intake.ports import LinkMade, Sample
from shared.documents import Row, plain
from shared.testing.memory import Faults, MemoryData, NoFaults

M = TypeVar("M", bound=BaseModel)


class MemoryContacts:
    """`ContactStore` in memory."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    def _all(self, name: str, kind: type[M]) -> list[M]:
        rows = self.data.collection(name).values()
        return [kind.model_validate(copy.deepcopy(row)) for row in rows]

    def _insert(self, name: str, models: Sequence[BaseModel]) -> None:
        for model in models:
            row = plain(model)
            self.data.collection(name).setdefault(row["id"], row)

    async def addresses(self, ids: Collection[str]) -> dict[str, Address]:
        """Return addresses by id."""
        await self._faults.point("intake.addresses")
        rows = self.data.collection("addresses")
        return {i: Address.model_validate(copy.deepcopy(rows[i])) for i in ids if i in rows}

    async def addresses_of(self, contacts: Collection[str]) -> list[Address]:
        """Return the addresses of contacts."""
        await self._faults.point("intake.addresses")
        found = [a for a in self._all("addresses", Address) if a.contact in contacts]
        return sorted(found, key=lambda a: a.address)

    async def add_addresses(self, rows: Sequence[Address]) -> set[str]:
        """Insert addresses; return those that are there already."""
        if not rows:
            return set()
        await self._faults.point("intake.add_addresses")
        taken = {row.id for row in rows if row.id in self.data.collection("addresses")}
        self._insert("addresses", rows)
        await self._faults.point("intake.add_addresses.answer")
        return taken

    async def move_address(self, row: Address, *, before: Address) -> bool:
        """Replace an address where it is as it was."""
        await self._faults.point("intake.move_address")
        rows = self.data.collection("addresses")
        now = rows[row.id]
        if (now["contact"], now["verified"]) != (before.contact, before.verified):
            return False
        rows[row.id] = plain(row)
        await self._faults.point("intake.move_address.answer")
        return True

    async def save_people(self, people: Sequence[Person]) -> None:
        """Insert people, or replace them."""
        await self._faults.point("intake.save_people")
        for person in people:
            self.data.collection("people")[person.id] = plain(person)
            await self._faults.point("intake.save_people.answer")

    async def find_people(
        self, *, tenant: str, words: Sequence[Sequence[str]], limit: int
    ) -> list[Person]:
        """Return people by the starts of their keys."""
        if not words:
            return []
        found = [
            p
            for p in self._all("people", Person)
            if p.tenant == tenant
            and p.merged_into is None
            and all(any(k.startswith(tuple(forms)) for k in p.keys) for forms in words)
        ]
        return sorted(found, key=lambda p: p.name)[:limit]

    async def add_notes(self, notes: Sequence[Noted]) -> None:
        """Insert addresses that nobody proved."""
        self._insert("address_notes", notes)

    async def notes_of(self, contact: str) -> list[Noted]:
        """Return the newest addresses that nobody proved."""
        found = [n for n in self._all("address_notes", Noted) if n.contact == contact]
        return sorted(found, key=lambda n: n.at, reverse=True)[:20]

    async def add_codes(self, codes: Sequence[SentCode]) -> None:
        """Insert where codes were sent."""
        await self._faults.point("intake.add_codes")
        self._insert("codes", codes)

    async def codes(self, ids: Collection[str]) -> dict[str, SentCode]:
        """Return where codes were sent."""
        rows = self.data.collection("codes")
        return {i: SentCode.model_validate(copy.deepcopy(rows[i])) for i in ids if i in rows}

    async def add_links(self, links: Sequence[LinkMade]) -> None:
        """Insert what was done to links."""
        await self._faults.point("intake.add_links")
        for link in links:
            self.data.collection("links").setdefault(link.id, asdict(link))

    async def links_of(self, contact: str) -> list[LinkMade]:
        """Return what was done to a contact's links."""
        rows = self.data.collection("links").values()
        found = [LinkMade(**row) for row in rows if row["contact"] == contact]
        return sorted(found, key=lambda link: (link.at, link.id), reverse=True)


def _taught(state: Row, field: str) -> str | None:
    """Return a ticket's label, where somebody said it whom one learns from."""
    said_by = (state["classification"] or {}).get(f"{field}_by")
    corrected = any(c["field"] == field for c in state["corrections"])
    label: str | None = state["facts"][field] if corrected or teaches(said_by) else None
    return label


class MemoryModels:
    """`ModelStore` in memory."""

    def __init__(self, data: MemoryData) -> None:
        self.data = data

    def _tickets(self, tenant: str) -> list[tuple[str, Row]]:
        rows: dict[str, Any] = self.data.collection(TICKET.name)
        return [(i, r["state"]) for i, r in rows.items() if r["tenant"] == tenant and r["state"]]

    async def newest_models(self) -> dict[str, int]:
        """Return the newest version of each tenant."""
        found: dict[str, int] = {}
        for row in self.data.collection("models").values():
            if "dropped" not in row:
                found[row["tenant"]] = max(row["version"], found.get(row["tenant"], 0))
        return found

    async def last_version(self, tenant: str) -> int:
        """Return the newest version that a tenant ever had."""
        rows = self.data.collection("models").values()
        return max((row["version"] for row in rows if row["tenant"] == tenant), default=0)

    async def model(self, *, tenant: str, version: int) -> Model | None:
        """Return a model."""
        row = self.data.collection("models").get(f"{tenant}:{version}")
        if row is None or "dropped" in row:
            return None
        return Model.model_validate(copy.deepcopy(row))

    async def add_model(self, model: Model) -> bool:
        """Insert a model."""
        rows, name = self.data.collection("models"), f"{model.tenant}:{model.version}"
        if name in rows:
            return False
        rows[name] = plain(model)
        return True

    async def drop_model(self, *, tenant: str, version: int) -> bool:
        """Drop a model."""
        rows, name = self.data.collection("models"), f"{tenant}:{version}"
        if name not in rows or "dropped" in rows[name]:
            return False
        rows[name] = {"tenant": tenant, "version": version, "dropped": True}
        return True

    async def samples(self, *, tenant: str, limit: int) -> list[Sample]:
        """Return closed tickets that people opened, the newest first."""
        messages = self.data.collection("messages")
        found = [
            (
                state["ordinal"],
                Sample(
                    ticket=identifier,
                    subject=messages[state["message"]]["subject"],
                    text=messages[state["message"]]["text"],
                    kind=_taught(state, "kind"),
                    category=_taught(state, "category"),
                ),
            )
            for identifier, state in self._tickets(tenant)
            if state["closed"]
            and state["facts"]["channel"] != "monitoring"
            and state["message"] in messages
        ]
        found.sort(key=lambda item: item[0], reverse=True)
        return [sample for _, sample in found[:limit]]

    async def decided(
        self, *, tenant: str, since: datetime, until: datetime
    ) -> dict[str, list[Decided]]:
        """Return the figures of tickets accepted in a time."""
        states = [s for _, s in self._tickets(tenant) if since <= s["facts"]["accepted_at"] < until]
        corrections = [[Correction.model_validate(c) for c in s["corrections"]] for s in states]
        return {
            field: decided_by(
                field,
                Counter(
                    by
                    for s in states
                    if s["classification"] and (by := s["classification"][f"{field}_by"])
                ),
                corrections,
            )
            for field in COUNTED
        }
