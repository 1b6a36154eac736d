"""Names in commands that the configuration must have."""

from __future__ import annotations

from shared.contracts.routing import PendReason
from shared.kernel import CommandRejected
from shared.organisation import Configuration, UnknownName


def require_queue(configuration: Configuration, queue: str | None, *, desk: str) -> None:
    """Refuse a queue that the desk does not have; None is the desk's own.

    Raises:
        CommandRejected: ``unknown-queue``.
    """
    if queue is None:
        return
    try:
        found = configuration.queue(queue)
    except UnknownName as error:
        raise CommandRejected("unknown-queue", str(error), field="queue", status=422) from error
    if found.desk != desk:
        reason = f"{queue} is a queue of {found.desk}, not of {desk}"
        raise CommandRejected("unknown-queue", reason, field="queue", status=422)


def listed_group(
    configuration: Configuration, desk: str | None, queue: str | None
) -> tuple[str | None, str | None]:
    """Return the desk and the queue of which tickets are listed; a desk's own has its name.

    Raises:
        CommandRejected: ``unknown-desk``, or ``unknown-queue``.
    """
    if desk is not None:
        try:
            configuration.desk(desk)
        except UnknownName as error:
            raise CommandRejected("unknown-desk", str(error), field="desk", status=422) from error
    if queue is None:
        return desk, None
    try:
        group = configuration.group(queue)
    except UnknownName as error:
        raise CommandRejected("unknown-queue", str(error), field="queue", status=422) from error
    if desk is not None and group.desk.name != desk:
        whose = f"a queue of {group.desk.name}" if group.queue else "another desk's own"
        reason = f"{queue} is {whose}, not of {desk}"
        raise CommandRejected("unknown-queue", reason, field="queue", status=422)
    return group.desk.name, queue


def require_supplier(
    configuration: Configuration, supplier: str | None, *, reason: PendReason
) -> None:
    """Refuse a supplier that there is not, or where the work does not wait for one.

    Raises:
        CommandRejected: ``unknown-supplier``, or ``no-supplier``.
    """
    if supplier is None:
        return
    if reason is not PendReason.SUPPLIER:
        message = f"the reason {reason} waits for no supplier"
        raise CommandRejected("no-supplier", message, field="supplier", status=422)
    try:
        configuration.supplier(supplier)
    except UnknownName as error:
        raise CommandRejected(
            "unknown-supplier", str(error), field="supplier", status=422
        ) from error
