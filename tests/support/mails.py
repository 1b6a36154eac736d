"""What is noted of mails, in memory: `MailStore`, `Bounces` and `FetchStore`."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from services.intake.domain.fetches import Fetch
from services.intake.domain.files import FileRef
from services.intake.domain.mail_facts import Delivery, Frequency
from services.intake.domain.text import normal_mail
from services.intake.handlers.mailing import Mailing
from shared.documents import Row, plain
from shared.testing.memory import Faults, MemoryData, NoFaults
from tests.support.intake import SIGNER, Intake

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class MemoryMails:
    """`MailStore` and `Bounces` in memory."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    def all_deliveries(self) -> list[Delivery]:
        """Return every delivery, the oldest first."""
        rows = self.data.collection("deliveries").values()
        found = [Delivery.model_validate(copy.deepcopy(row)) for row in rows]
        return sorted(found, key=lambda d: (d.at, d.id))

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert deliveries."""
        await self._faults.point("intake.add_deliveries")
        for delivery in deliveries:
            self.data.collection("deliveries").setdefault(delivery.id, plain(delivery))

    async def deliveries(self, receipts: Collection[str], *, tenant: str) -> list[Delivery]:
        """Return the deliveries of receipts."""
        return [d for d in self.all_deliveries() if d.receipt in receipts and d.tenant == tenant]

    async def frequency(self, *, tenant: str, sender: str, now: datetime) -> Frequency:
        """Return how often a sender has written of late."""
        await self._faults.point("intake.frequency")
        # Of the rows themselves: a long fuzz asks this of some ten thousand of them each time.
        mine = {
            row["receipt"]: row
            for row in self.data.collection("deliveries").values()
            if (row["tenant"], row["sender"]) == (tenant, sender) and row["at"] > now - DAY
        }.values()
        recent = [row for row in mine if row["at"] > now - HOUR]
        tickets = Counter(row["ticket"] for row in recent if row["ticket"])
        return Frequency(
            mails=len(recent),
            in_conversation=max(tickets.values(), default=0),
            opened=sum(row["opened"] for row in mine),
        )

    async def mark_bounced(self, *, tenant: str, address: str, hard: bool, at: datetime) -> None:
        """Note that a mail did not reach an address."""
        name = normal_mail(address)
        row: Row = self.data.collection("bounced").setdefault(
            f"{tenant}:{name}", {"address": name, "hard": hard, "at": at}
        )
        row.update(hard=row["hard"] or hard, at=max(row["at"], at))

    async def bounced(self, *, tenant: str, addresses: Collection[str]) -> set[str]:
        """Return which addresses are wrong for good."""
        found = set()
        for address in addresses:
            name = normal_mail(address)
            row = self.data.collection("bounced").get(f"{tenant}:{name}")
            wrote = [d for d in self.all_deliveries() if (d.tenant, d.sender) == (tenant, name)]
            if row and row["hard"] and all(d.at <= row["at"] for d in wrote):
                found.add(address)
        return found


class MemoryFetches:
    """`FetchStore` in memory, on the rows that the messages' store wrote."""

    def __init__(self, data: MemoryData) -> None:
        self.data = data

    async def due_fetches(self, *, now: datetime, limit: int) -> list[Fetch]:
        """Return messages whose files are to be fetched."""
        rows = sorted(self.data.collection("fetches").values(), key=lambda row: row["at"])
        return [Fetch.model_validate(row) for row in rows if row["at"] <= now][:limit]

    async def put_off_fetch(self, fetch: Fetch, *, until: datetime) -> None:
        """Try a message's files again later."""
        row = self.data.collection("fetches").get(fetch.message)
        if row is not None:
            row.update(at=until, attempts=fetch.attempts + 1)

    async def settle_file(self, fetch: Fetch, *, position: int, url: str, file: FileRef) -> None:
        """Put a file into its message."""
        files = self.data.collection("messages")[fetch.message]["files"]
        if files[position]["url"] == url:
            files[position] = plain(file)

    async def end_fetch(self, fetch: Fetch) -> None:
        """Forget a message that has all its files."""
        self.data.collection("fetches").pop(fetch.message, None)


def mailing_of(intake: Intake) -> Mailing:
    """Return what takes mails in, wired as the application does."""
    mails = MemoryMails(intake.data, faults=intake.faults)
    return Mailing(
        accepting=intake.accepting,
        configurations=intake.configurations,
        mails=mails,
        bounces=mails,
        signer=SIGNER,
        clock=intake.clock,
    )
