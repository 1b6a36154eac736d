"""Accepting: a submission becomes one durable receipt, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.intake.domain.alerts import alert_key
from services.intake.domain.classify import classify_alerts, classify_request
from services.intake.domain.normal import AlertGroup, NormalForm, Request
from services.intake.domain.receipts import (
    Alerting,
    Joining,
    Opening,
    Receipt,
    Reviewing,
    Task,
    Words,
    message_id,
    receipt_id,
    ticket_id,
)
from services.intake.doors import Door, Read
from services.intake.handlers.applying import Applied
from services.intake.handlers.grouping import GroupCommit
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.threading import MAIL, Threads
from services.intake.ports import Incoming
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.kernel import CommandRejected, Infrastructure, digest
from shared.organisation import Configuration, Integration

KEY_MAX = 200
"""Characters of a caller's key; those of mail are bounded by their header."""
MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who hands something in: an integration, or a person or service without one."""

    tenant: str
    name: str
    integration: Integration | None = None


class Accepting:
    """Makes receipts. When a method returns, its receipt is durable.

    Each method may raise `Infrastructure`: nothing is promised, ask again. ``full`` says why no
    more is taken now; it is empty where more is.
    """

    def __init__(
        self,
        *,
        threads: Threads,
        writer: GroupCommit[Incoming, Receipt],
        applier: GroupCommit[Receipt, Applied],
        numbers: Numbers,
        configurations: Configurations,
        clock: Clock,
        full: Callable[[], str],
    ) -> None:
        self._threads = threads
        self._writer = writer
        self._applier = applier
        self._numbers = numbers
        self._configurations = configurations
        self._clock = clock
        self._full = full

    async def submit(
        self, door: Door, read: Read[NormalForm], caller: Caller, *, original: bytes | None = None
    ) -> Receipt:
        """Accept what a door has read. Alerts wait for `applied`, everything else for nothing.

        Raises:
            CommandRejected: the key was used for something else, or the organisation does not
                have what the request names.
        """
        key = self._key(door, read, caller)
        body = digest(read.content)
        receipt = await self._receipt(door, read.form, caller, key=key, body=body)
        stored = await self._keep(Incoming(receipt, original))
        if stored.body == body:
            if not isinstance(read.form, AlertGroup):
                self._offer(stored)
            return stored
        if door.name != MAIL:
            raise CommandRejected(
                "idempotency-key-reused",
                "the key was used before, with another body",
                field="Idempotency-Key",
                status=422,
            )
        # Broken mailers give two mails one Message-ID: both are kept.
        twin = await self._receipt(door, read.form, caller, key=f"{key}\n{body}", body=body)
        kept = await self._keep(Incoming(twin.model_copy(update={"twin_of": stored.id}), original))
        self._offer(kept)
        return kept

    async def receipt(self, door: Door, read: Read[NormalForm], caller: Caller) -> Receipt:
        """Return the receipt of what a door has read, without storing it."""
        return await self._receipt(
            door,
            read.form,
            caller,
            key=self._key(door, read, caller),
            body=digest(read.content),
        )

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
        name = f"{caller.name}:{ticket}:{_checked(key) or self._clock.unique()}"
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
            raise CommandRejected(
                "idempotency-key-reused",
                "the key was used before, with another message",
                field="Idempotency-Key",
                status=422,
            )
        return stored

    async def applied(self, receipt: Receipt, *, seconds_max: float) -> Receipt:
        """Return the receipt as it is once applied, or as it is when the wait is over."""
        if receipt.pending_since is None:
            return receipt
        try:
            async with asyncio.timeout(seconds_max):
                done = await asyncio.shield(self._applier.submit(receipt))
        except (TimeoutError, Infrastructure):
            return receipt
        return done.receipt

    async def _keep(self, incoming: Incoming) -> Receipt:
        reason = self._full()
        if reason:
            raise Infrastructure(reason)
        return await self._writer.submit(incoming)

    def _offer(self, receipt: Receipt) -> None:
        """Have a receipt applied soon; where too many wait, the sweeper comes to it."""
        if receipt.pending_since is None:
            return
        try:
            self._applier.submit(receipt)
        except Infrastructure:
            return

    def _key(self, door: Door, read: Read[NormalForm], caller: Caller) -> str:
        if door.name == MAIL:
            return read.key or ""
        # Two callers may use the same words: each has keys of its own.
        return f"{caller.name}:{_checked(read.key) or self._clock.unique()}"

    def _configuration(self, tenant: str) -> tuple[Configuration, int]:
        version = self._configurations.version(tenant)
        return self._configurations.current(tenant), version

    async def _receipt(
        self, door: Door, form: NormalForm, caller: Caller, *, key: str, body: str
    ) -> Receipt:
        configuration, version = self._configuration(caller.tenant)
        receipt = self._blank(door=door.name, caller=caller, key=key, body=body, version=version)
        match form:
            case AlertGroup():
                return receipt.model_copy(update={"task": _alerting(form, caller, configuration)})
            case Request():
                return await self._request(door, form, caller, configuration, receipt)

    async def _request(
        self,
        door: Door,
        form: Request,
        caller: Caller,
        configuration: Configuration,
        receipt: Receipt,
    ) -> Receipt:
        words = Words(subject=form.subject, text=form.text, message_id=form.thread.message_id)
        if form.automatic is not None:
            review = Reviewing(
                author=form.contact,
                words=words,
                reason=form.automatic,
                integration=caller.name,
            )
            return receipt.model_copy(update={"task": review})
        found = await self._threads.conversation(caller.tenant, form.thread)
        if found is not None and not found.closed:
            task: Task = Joining(
                author=form.contact,
                direction=Direction.INBOUND,
                channel=Channel.EMAIL,
                words=words,
                language=form.language or configuration.organisation.languages[0],
            )
            return receipt.model_copy(
                update={"ticket": found.ticket, "number": found.number, "task": task}
            )
        task = Opening(
            contact=form.contact,
            words=words,
            classified=classify_request(
                form,
                integration=caller.integration,
                configuration=configuration,
                channel=door.channel,
            ),
            follows=found.ticket if found else None,
        )
        return receipt.model_copy(
            update={
                "ticket": ticket_id(tenant=caller.tenant, receipt=receipt.id),
                "number": await self._numbers.take(caller.tenant),
                "task": task,
            }
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


def _checked(key: str | None) -> str | None:
    """Return a caller's key; refuse one that is empty, too long or not printable.

    Raises:
        CommandRejected: 422.
    """
    if key is None:
        return None
    if not 0 < len(key) <= KEY_MAX or not key.isprintable():
        raise CommandRejected(
            "invalid",
            f"Idempotency-Key: 1 to {KEY_MAX} printable characters",
            field="Idempotency-Key",
            status=422,
        )
    return key


def _alerting(form: AlertGroup, caller: Caller, configuration: Configuration) -> Alerting:
    if caller.integration is None:
        message = "alerts come from an integration"
        raise CommandRejected("forbidden", message, status=403)
    return Alerting(
        group=form,
        alert_key=alert_key(
            tenant=caller.tenant, integration=caller.integration.name, key=form.key
        ),
        classified=classify_alerts(
            form, integration=caller.integration, configuration=configuration
        ),
    )
