"""Accepting: a submission becomes one durable receipt, and its answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.intake.domain.normal import REFERENCES_MAX, AlertGroup, NormalForm, Request
from services.intake.domain.receipts import (
    Joining,
    Receipt,
    Words,
    copy_of,
    message_id,
    receipt_id,
)
from services.intake.doors import Door, Raw, Read
from services.intake.handlers.applying import Applied
from services.intake.handlers.callers import Caller, checked_key, kept_as
from services.intake.handlers.forming import Forming
from services.intake.handlers.grouping import GroupCommit
from services.intake.handlers.keeping import Keeping
from services.intake.handlers.requesting import Requests, Twin
from services.intake.ports import FileStore, Incoming, Original
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.kernel import CommandRejected, Infrastructure, digest
from shared.organisation import MAIL_DOORS, Configuration

MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class _Formed:
    """A submission and its receipt; ``stored`` where that was accepted before."""

    read: Read[NormalForm]
    receipt: Receipt
    stored: bool = False


class Accepting:
    """Makes receipts. When a method returns, its receipt is durable.

    Each method may raise `Infrastructure`: nothing is promised, ask again. ``full`` says why no
    more is taken now; it is empty where more is. ``repeated`` is told of what came again, with
    its task: alerts that are told of once more have not expired.
    """

    def __init__(
        self,
        *,
        forming: Forming,
        requests: Requests,
        files: FileStore,
        writer: GroupCommit[Incoming, Receipt],
        applier: GroupCommit[Receipt, Applied],
        configurations: Configurations,
        clock: Clock,
        full: Callable[[], str],
        repeated: Callable[[Receipt], None],
    ) -> None:
        self._repeated = repeated
        self._forming = forming
        self._requests = requests
        self._keeping = Keeping(files)
        self._writer = writer
        self._applier = applier
        self._configurations = configurations
        self._clock = clock
        self._full = full

    async def submit(
        self, door: Door, read: Read[NormalForm], caller: Caller, *, original: Raw | None = None
    ) -> Receipt:
        """Accept the only submission of a call; see `submit_all`.

        Raises:
            CommandRejected: the key was used for something else, or the organisation does not
                have what the request names.
        """
        return (await self.submit_all(door, [read], caller, original=original))[0]

    async def submit_all(
        self,
        door: Door,
        reads: Sequence[Read[NormalForm]],
        caller: Caller,
        *,
        original: Raw | None = None,
    ) -> list[Receipt]:
        """Accept what a door has read of one call, all of it or nothing; have it applied soon.

        Alerts whose caller wants to hear of a ticket are left to `applied`.

        Raises:
            CommandRejected: a key was used for something else, or the organisation does not have
                what a request names. Nothing of the call is kept then, but for what a race over
                a key left: the caller's next try finds that.
        """
        formed = await asyncio.gather(*(self._formed(door, read, caller) for read in reads))
        await self._require_unused(door, formed)
        kept = await self._keeping.original(caller.tenant, original, copies=len(formed))
        return await _all_of([self._accept(door, one, caller, kept) for one in formed])

    async def _formed(self, door: Door, read: Read[NormalForm], caller: Caller) -> _Formed:
        """Return a submission with its receipt, or with the one that was stored before."""
        key = self._key(door, read, caller)
        body = digest(read.content)
        try:
            receipt = await self._receipt(door, read, caller, key=key, body=body)
        except CommandRejected as error:
            identifier = receipt_id(tenant=caller.tenant, door=kept_as(door), key=key)
            before = await self._as_before(identifier, body, refused=error)
            return _Formed(read, before, stored=True)
        return _Formed(read, receipt)

    async def _require_unused(self, door: Door, formed: Sequence[_Formed]) -> None:
        """Refuse a call of several submissions before anything of it is kept.

        One alone is refused where it is stored, which needs no look-up.

        Raises:
            CommandRejected: a key was used for something else.
        """
        if len(formed) < 2 or door.name in MAIL_DOORS:  # noqa: PLR2004 - several
            return
        known = await self._requests.all_known([one.receipt.id for one in formed])
        for one in formed:
            before = known.get(one.receipt.id)
            if before is not None and before.body != one.receipt.body:
                raise _key_reused("body")

    async def _accept(
        self, door: Door, formed: _Formed, caller: Caller, original: Original | None
    ) -> Receipt:
        if formed.stored:
            return formed.receipt
        read, receipt = formed.read, formed.receipt
        stored = await self._keep(Incoming(receipt, original))
        if stored.body == receipt.body:
            if stored.pending_since is None:
                self._repeated(receipt)
            released = await self._released(stored, receipt, original)
            if released is not None:
                return released
            if door.answers_at_once or not isinstance(read.form, AlertGroup):
                self._offer(stored)
            return stored
        if door.name not in MAIL_DOORS:
            raise _key_reused("body")
        return await self._other_mail(door, formed, caller, original, stored=stored)

    async def _other_mail(
        self,
        door: Door,
        formed: _Formed,
        caller: Caller,
        original: Original | None,
        *,
        stored: Receipt,
    ) -> Receipt:
        """Accept a mail whose Message-ID another one had: a copy of it, or a mail of its own."""
        read, receipt = formed.read, formed.receipt
        if isinstance(read.form, Request):
            brought = [hashlib.sha256(part.content).hexdigest() for part in read.parts]
            twin = await self._requests.twin(stored, read.form, files=brought)
            if twin is not Twin.OTHER:
                copy = copy_of(receipt, stored=stored).id
                released = await self._released(stored, receipt, original)
                released = released or await self._requests.known(copy)
                if released is not None:
                    return released
            match twin:
                case Twin.COPY:
                    self._offer(stored)
                    return stored
                case Twin.FULLER:
                    read = replace(read, form=_answering_itself(read.form))
                case Twin.OTHER:
                    pass
        # Broken mailers give two mails one Message-ID: both are kept.
        key, body = f"{receipt.key}\n{receipt.body}", receipt.body
        other = await self._receipt(door, read, caller, key=key, body=body)
        other = other.model_copy(update={"twin_of": stored.id})
        kept = await self._keep(Incoming(other, original))
        self._offer(kept)
        return kept

    async def _released(
        self, stored: Receipt, receipt: Receipt, original: Original | None
    ) -> Receipt | None:
        """Accept a copy of what waits for review only because a list brought it.

        Durable before the review is over: a crash in between is mended by the repetition.

        Returns:
            What is stored of the copy; None where it is no such copy.
        """
        review = await self._requests.listed(stored, copy=receipt)
        if review is None:
            return None
        copy = await self._keep(Incoming(copy_of(receipt, stored=stored), original))
        await self._requests.release(review, stored, copy=copy)
        self._offer(copy)
        return copy

    async def _as_before(self, identifier: str, body: str, *, refused: CommandRejected) -> Receipt:
        """Return the receipt of what was accepted before the organisation changed.

        Raises:
            CommandRejected: nothing was, or something else.
        """
        before = await self._requests.known(identifier)
        if before is None or before.body != body:
            raise refused
        return before

    async def incoming(
        self, door: Door, read: Read[NormalForm], caller: Caller, *, original: Raw
    ) -> Incoming:
        """Return the receipt of what a door has read with its original, without storing it."""
        receipt = await self._receipt(
            door,
            read,
            caller,
            key=self._key(door, read, caller),
            body=digest(read.content),
        )
        return Incoming(receipt, await self._keeping.original(caller.tenant, original, copies=1))

    async def note(
        self,
        caller: Caller,
        *,
        ticket: str,
        number: str,
        text: str,
        direction: Direction,
        key: str | None,
    ) -> Receipt:
        """Accept an agent's message to a ticket that is there.

        Raises:
            CommandRejected: the key was used for something else.
        """
        configuration, version = self._configuration(caller.tenant)
        agent = next((a for a in configuration.all_agents() if a.id == caller.name), None)
        name = f"{caller.name}:{ticket}:{checked_key(key) or self._clock.unique()}"
        receipt = self._blank(
            door=MESSAGES,
            caller=caller,
            key=name,
            body=digest(text.encode(), direction.encode()),
            version=version,
        ).model_copy(
            update={
                "ticket": ticket,
                "number": number,
                "task": Joining(
                    author=caller.name,
                    author_name=agent.name if agent else caller.name,
                    direction=direction,
                    channel=Channel.WEB,
                    words=Words(text=text),
                ),
            }
        )
        stored = await self._keep(Incoming(receipt))
        if stored.body != receipt.body:
            raise _key_reused("message")
        return stored

    async def all_applied(
        self, receipts: Sequence[Receipt], *, seconds_max: float
    ) -> list[Receipt]:
        """Return receipts as `applied` does; those that name a ticket already are not waited for."""

        async def named(receipt: Receipt) -> Receipt:
            if receipt.ticket is not None:
                return receipt
            return await self.applied(receipt, seconds_max=seconds_max)

        return list(await asyncio.gather(*map(named, receipts)))

    async def applied(self, receipt: Receipt, *, seconds_max: float) -> Receipt:
        """Return the receipt as it is once applied, or as it is when the wait is over."""
        if receipt.pending_since is None:
            return receipt
        try:
            async with asyncio.timeout(seconds_max):
                done = await asyncio.shield(self._applier.submit(receipt, lane=_lane(receipt)))
        except (TimeoutError, Infrastructure):
            return receipt
        return done.receipt

    async def _keep(self, incoming: Incoming) -> Receipt:
        reason = self._full()
        if reason:
            raise Infrastructure(reason)
        receipt = incoming.receipt
        return await self._writer.submit(incoming, lane=_lane(receipt))

    def _offer(self, receipt: Receipt) -> None:
        """Have a receipt applied soon; where too many wait, the sweeper comes to it."""
        if receipt.pending_since is None:
            return
        try:
            self._applier.submit(receipt, lane=_lane(receipt))
        except Infrastructure:
            return

    def _key(self, door: Door, read: Read[NormalForm], caller: Caller) -> str:
        if door.name in MAIL_DOORS:
            return read.key or ""
        return caller.key(checked_key(read.key) or self._clock.unique(), door=door)

    def _configuration(self, tenant: str) -> tuple[Configuration, int]:
        version = self._configurations.version(tenant)
        return self._configurations.current(tenant), version

    async def _receipt(
        self, door: Door, read: Read[NormalForm], caller: Caller, *, key: str, body: str
    ) -> Receipt:
        configuration, version = self._configuration(caller.tenant)
        files = await self._keeping.files(read, caller, configuration)
        return await self._forming.form(
            self._blank(door=kept_as(door), caller=caller, key=key, body=body, version=version),
            read.form,
            door=door,
            caller=caller,
            configuration=configuration,
            files=files,
        )

    def _blank(self, *, door: str, caller: Caller, key: str, body: str, version: int) -> Receipt:
        identifier = receipt_id(tenant=caller.tenant, door=door, key=key)
        now = self._clock.now()
        return Receipt(
            id=identifier,
            tenant=caller.tenant,
            door=door,
            by=caller.name,
            key=key,
            body=body,
            message=message_id(identifier),
            accepted_at=now,
            configversion=version,
            pending_since=now,
        )


async def _all_of(accepting: Sequence[Coroutine[Any, Any, Receipt]]) -> list[Receipt]:
    """Return all receipts, written together; the first error once none is under way any more."""
    if len(accepting) == 1:
        return [await accepting[0]]
    done = await asyncio.gather(*accepting, return_exceptions=True)
    receipts = []
    for one in done:
        if isinstance(one, BaseException):
            raise one
        receipts.append(one)
    return receipts


def _key_reused(what: str) -> CommandRejected:
    return CommandRejected(
        "idempotency-key-reused",
        f"the key was used before, with another {what}",
        field="Idempotency-Key",
        status=422,
    )


def _answering_itself(form: Request) -> Request:
    """Return a mail as one that joins the conversation of its own copy."""
    thread = form.thread
    references = tuple(r for r in (thread.message_id, *thread.references) if r is not None)
    answering = thread.model_copy(
        update={"message_id": None, "references": references[:REFERENCES_MAX]}
    )
    return form.model_copy(update={"thread": answering})


def _lane(receipt: Receipt) -> str:
    """Return in which lane a receipt waits: no integration stands behind another's storm."""
    return f"{receipt.tenant}/{receipt.by}"
