"""Wiring of notify."""

from __future__ import annotations

from fastapi import FastAPI

from services.notify.adapters.smtp import SmtpChannel, SmtpServer
from services.notify.adapters.words import JinjaWords
from services.notify.api import notices_router
from services.notify.consumers import (
    configured,
    on_clocks,
    on_contacts,
    on_requests,
    on_shifts,
    on_tickets,
)
from services.notify.domain.answers import AnswerLinks
from services.notify.domain.notices import NOTICES
from services.notify.handlers import Letters, NoticeDesk, Reach
from services.notify.settings import NotifySettings
from services.notify.store import MongoClaims
from services.notify.ticker import Sender, SendingLimits
from shared.clock import Clock, SystemClock
from shared.contracts.topics import CLOCKS, CONTACTS, REQUESTS, SHIFTS, TICKETS
from shared.intake_api import IntakeApi
from shared.service import Runtime
from shared.settings import secret
from shared.threads import ThreadSigner
from shared.verdicts import VerdictSigner


def create_app(settings: NotifySettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application of one notify process."""
    clock = clock or SystemClock()
    runtime = Runtime(name="notify", settings=settings, clock=clock, aggregates=[NOTICES])
    directory = IntakeApi(url=settings.intake_url, token=secret(settings.service_token))
    claims = MongoClaims(runtime.database)
    key = secret(settings.thread_key or settings.service_token)
    sender = Sender(
        committer=runtime.committer,
        claims=claims,
        letters=Letters(
            directory=directory,
            words=JinjaWords(log=runtime.log),
            configurations=runtime.configurations,
            clock=clock,
            domain=settings.domain,
            sender=settings.sender,
            signer=ThreadSigner(key),
            answers=AnswerLinks(VerdictSigner(key), settings.console_url),
        ),
        channel=SmtpChannel(_server(settings)),
        clock=clock,
        log=runtime.log,
        slot=settings.slot,
        limits=_limits(settings),
    )
    runtime.prepare += [claims.ensure_indexes, sender.recover]
    ticker = runtime.tick("sender", sender.round, seconds=settings.poll_seconds)
    find = configured(runtime.configurations)
    requests_reach, tickets_reach = Reach(directory), Reach(directory)
    runtime.consume(
        REQUESTS, on_requests(requests_reach, find), first=requests_reach.learn, then=ticker.wake
    )
    runtime.consume(
        TICKETS, on_tickets(tickets_reach, find), first=tickets_reach.learn, then=ticker.wake
    )
    runtime.consume(CLOCKS, on_clocks(find), then=ticker.wake)
    runtime.consume(SHIFTS, on_shifts(find), then=ticker.wake)
    runtime.consume(CONTACTS, on_contacts(), then=ticker.wake)
    desk = NoticeDesk(committer=runtime.committer, clock=clock, wake=ticker.wake)
    return runtime.application(
        routers=[notices_router(desk)],
        title="Heliodesk notify",
        description="Who was told what, and whether it arrived.",
    )


def _server(settings: NotifySettings) -> SmtpServer:
    password = settings.smtp_password
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        own_name=settings.domain,
        ca_file=settings.smtp_ca_file,
        username=settings.smtp_username,
        password=secret(password) if password else None,
        seconds_max=settings.smtp_seconds_max,
    )


def _limits(settings: NotifySettings) -> SendingLimits:
    return SendingLimits(
        batch_notices_max=settings.batch_notices_max,
        unrecorded_notices_max=settings.unrecorded_notices_max,
        lease_seconds=settings.lease_seconds,
        send_seconds_max=settings.smtp_seconds_max,
        retry_seconds_min=settings.retry_seconds_min,
        retry_seconds_max=settings.retry_seconds_max,
        retry_days_max=settings.retry_days_max,
    )
