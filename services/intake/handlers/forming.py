"""Forming: what a door has read becomes the task of a receipt.

Everything that has to be looked up for it is looked up here, before the receipt is written: what
a receipt says is then applied as it stands, however often.
"""

from __future__ import annotations

from typing import assert_never

from services.intake.domain.alerts import alert_key
from services.intake.domain.classify import classify_alerts, classify_request
from services.intake.domain.files import FileRef
from services.intake.domain.normal import (
    AlertGroup,
    Amendment,
    CallProgress,
    Heartbeat,
    Hint,
    NormalForm,
    Request,
)
from services.intake.domain.receipts import (
    Alerting,
    Amending,
    Beating,
    Calling,
    Hinting,
    Joining,
    Opening,
    Receipt,
    Reviewing,
    Task,
    Words,
    receipt_id,
    ticket_id,
)
from services.intake.doors import Door
from services.intake.handlers.callers import Caller, kept_as
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.threading import Threads
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.kernel import CommandRejected
from shared.organisation import Configuration


class Forming:
    """Gives receipts their tasks. Every method may raise `Infrastructure`."""

    def __init__(self, *, threads: Threads, numbers: Numbers) -> None:
        self._threads = threads
        self._numbers = numbers

    async def form(
        self,
        receipt: Receipt,
        form: NormalForm,
        *,
        door: Door,
        caller: Caller,
        configuration: Configuration,
        files: tuple[FileRef, ...] = (),
    ) -> Receipt:
        """Return the receipt with its task, and with its ticket where that is known already.

        Raises:
            CommandRejected: the organisation does not have what the form names, or nobody of
                this kind may hand such a form in.
        """
        match form:
            case AlertGroup():
                return _with(receipt, _alerting(form, caller, configuration))
            case Request():
                return await self._request(receipt, form, door, caller, configuration, files)
            case Amendment():
                of = receipt_id(
                    tenant=caller.tenant, door=kept_as(door), key=caller.key(form.key, door=door)
                )
                return _with(receipt, Amending(of=of, amendment=form))
            case Heartbeat():
                return _with(receipt, Beating(heartbeat=form))
            case Hint():
                return _with(receipt, Hinting(hint=form))
            case CallProgress():
                return _with(receipt, Calling(progress=form))
        assert_never(form)

    async def _request(
        self,
        receipt: Receipt,
        form: Request,
        door: Door,
        caller: Caller,
        configuration: Configuration,
        files: tuple[FileRef, ...],
    ) -> Receipt:
        words = Words(
            subject=form.subject,
            text=form.text,
            quoted=form.quoted,
            html=form.html,
            message_id=form.thread.message_id,
            chat=form.thread.chat,
            files=files,
            fields=form.fields,
        )
        channel = form.channel or door.channel
        if form.automatic is not None or form.confirm:
            review = Reviewing(
                author=form.contact,
                words=words,
                reason=form.automatic.reason if form.automatic else "to-confirm",
                integration=caller.name,
                channel=channel,
            )
            return _with(receipt, review)
        found = await self._threads.conversation(caller.tenant, form.thread)
        if found is not None and not found.closed:
            task: Task = Joining(
                author=form.contact,
                direction=Direction.INBOUND,
                channel=Channel(channel),
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


def _with(receipt: Receipt, task: Task) -> Receipt:
    return receipt.model_copy(update={"task": task})


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
