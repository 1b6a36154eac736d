"""A ticket's page as it is drawn, with what became of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import Request
from starlette.responses import Response

from services.console.domain.actions import PEND_REASONS, RESOLVERS
from services.console.handlers.asking import Refusal, ask
from services.console.pages.faults import Fault
from services.console.pages.frame import Frame, is_partial
from services.console.ports import Caller, Conversation
from shared.contracts.facts import Kind
from shared.http import Problem
from shared.kernel import CommandRejected
from shared.organisation import REJECT_REASONS, Configuration, LifecycleSection

KINDS = tuple(kind for kind in Kind if kind is not Kind.UNKNOWN)


class TicketPages:
    """Renders a ticket, whole or its live part, with what became of a command."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    async def save(self, request: Request, file: str) -> Response:
        """Give a file of a message, to be saved."""
        caller = self.frame.caller(request)
        try:
            found = await self.frame.console.owners.file(caller, file)
        except CommandRejected as error:
            raise Problem(error.status, error.code, error.reason) from error
        return Response(found.content, headers=dict(found.headers))

    async def show(
        self,
        request: Request,
        caller: Caller,
        name: str,
        *,
        said: str | None = None,
        said_ticket: str | None = None,
        status: int = 200,
        clear: bool = False,
        fault: Fault | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Render it.

        Args:
            request: of the page or the command.
            caller: who looks.
            name: the ticket's id or number.
            said: what became of a command.
            said_ticket: another ticket that this is about.
            status: of the answer to a browser without htmx.
            clear: empty the reply's form.
            fault: what is wrong with a form.
            given: what was written into that form.
        """
        frame, views = self.frame, self.frame.console.views
        found = await views.find(caller, name[:80])
        words = frame.words(request)
        view = await views.ticket(caller, found, words) if found is not None else None
        if view is None:
            text = words("ticket.not_found")
            partial = is_partial(request)
            template = "notice.html" if partial else "error.html"
            return frame.page(request, template, caller, status=404, text=text, tone="quiet")
        relating = frame.console.relating
        texts, other, work = await asyncio.gather(
            views.texts(caller, view.ticket.id),
            relating.named(caller, [said_ticket]),
            ask(frame.console.work.of_ticket(caller, view.ticket.id), service="routing"),
        )
        relations = await relating.of_ticket(caller, view.ticket, texts.conversation)
        configuration = views.configuration(caller.tenant)
        classification = configuration.intake.classification if configuration else None
        life = configuration.lifecycle if configuration else LifecycleSection()
        told = texts.conversation
        return frame.page(
            request,
            "ticket_live.html" if is_partial(request) else "ticket.html",
            caller,
            # htmx swaps every status; a browser without it should keep the true one.
            status=200 if is_partial(request) else status,
            at=f"/tickets/{view.ticket.id}",
            view=view,
            texts=texts,
            relations=relations,
            revision=told.revision if told else None,
            splittable=_splittable(told, view.ticket.id),
            renew=status < 300 and said is not None,  # noqa: PLR2004
            names=views.names(caller.tenant),
            desks=configuration.desks.desks if configuration else (),
            queues=configuration.desks.queues if configuration else (),
            suppliers=configuration.suppliers.suppliers if configuration else (),
            kinds=KINDS,
            categories=classification.categories if classification else (),
            resolutions=life.resolutions,
            resolvers=RESOLVERS,
            escalation_reasons=life.escalation_reasons,
            task_outcomes=life.task_outcomes,
            work=None if isinstance(work, Refusal) else work,
            pend_reasons=PEND_REASONS,
            reject_reasons=_reject_reasons(configuration, view.ticket.routing.desk),
            said=said,
            said_tone="good" if status < 300 else "bad",  # noqa: PLR2004
            said_ticket=next(iter(other.values()), None),
            reply_key=frame.console.clock.unique(),
            clear=clear,
            fault=fault,
            given=given or {},
        )


def _reject_reasons(configuration: Configuration | None, desk: str | None) -> list[str]:
    """Return the words with which an offer of a desk may be given back."""
    said = configuration.routing.desks.get(desk or "") if configuration else None
    reasons = said.offers.reject_reasons if said and said.offers else REJECT_REASONS
    return [reason.code for reason in reasons]


def _splittable(told: Conversation | None, ticket: str) -> frozenset[str]:
    """Return the messages to offer for a split: the ticket's own, but for the first."""
    return frozenset(
        message.id
        for message in (told.messages[1:] if told else ())
        if message.entry == "message"
        and message.moved_to is None
        and message.ticket in {None, ticket}
    )
