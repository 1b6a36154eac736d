"""Forming: what a door has read becomes the task of a receipt.

Everything that has to be looked up for it is looked up here, before the receipt is written: what
a receipt says is then applied as it stands, however often.
"""

from __future__ import annotations

from typing import assert_never

from services.intake.domain.alert_parts import alerting_of, hinting_of
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
    Amending,
    Beating,
    Calling,
    Receipt,
    Task,
    receipt_id,
)
from services.intake.doors import Door
from services.intake.handlers.callers import Caller, kept_as
from services.intake.handlers.requesting import Asking, Requests
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Integration


class Forming:
    """Gives receipts their tasks. Every method may raise `Infrastructure`."""

    def __init__(self, *, requests: Requests) -> None:
        self._requests = requests

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
                integration = _integration(caller, "alerts")
                alerting = alerting_of(
                    form,
                    tenant=caller.tenant,
                    integration=integration,
                    configuration=configuration,
                )
                return _with(receipt, alerting)
            case Request():
                asking = Asking(form, door, caller, configuration, files)
                return await self._requests.form(receipt, asking)
            case Amendment():
                of = receipt_id(
                    tenant=caller.tenant, door=kept_as(door), key=caller.key(form.key, door=door)
                )
                return _with(receipt, Amending(of=of, amendment=form))
            case Heartbeat():
                integration = _integration(caller, "heartbeats")
                return _with(receipt, Beating(integration=integration.name, heartbeat=form))
            case Hint():
                integration = _integration(caller, "hints")
                hinting = hinting_of(form, tenant=caller.tenant, integration=integration)
                return _with(receipt, hinting)
            case CallProgress():
                return _with(receipt, Calling(progress=form))
        assert_never(form)


def _with(receipt: Receipt, task: Task) -> Receipt:
    return receipt.model_copy(update={"task": task})


def _integration(caller: Caller, what: str) -> Integration:
    """Return the integration that a caller is.

    Raises:
        CommandRejected: it is a person or a service: such forms come from integrations.
    """
    if caller.integration is None:
        raise CommandRejected("forbidden", f"{what} come from an integration", status=403)
    return caller.integration
