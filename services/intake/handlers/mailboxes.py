"""Mailboxes: the mails of mailboxes elsewhere are taken in, each when it is durable here.

A mail is marked only after it was accepted: a crash in between leaves it unseen, and the next one
who takes it meets its receipt. Two processes at one mailbox do the same work twice, and no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from services.intake.doors import DOORS, Raw
from services.intake.doors.mail.settings import ImapSettings
from services.intake.handlers.callers import Caller, SetupInvalid, setup_of
from services.intake.handlers.mailing import Mailing
from services.intake.ports import Mailbox, MailboxAt, MailboxDown
from shared.clock import Clock
from shared.configuration import Configurations
from shared.kernel import Infrastructure
from shared.log import Log
from shared.organisation import Integration

LOOK_SECONDS = 5.0
"""Between two looks at the configuration."""
BACKOFF_SECONDS_MIN = 2.0
BACKOFF_SECONDS_MAX = 300.0
AGAIN = timedelta(hours=1)
"""A mail that shows a defect is tried again after it; meanwhile the others are taken."""

Connect = Callable[[MailboxAt], Mailbox]


class Mailboxes:
    """Follows the mailboxes of the configuration for as long as `run` runs."""

    def __init__(
        self,
        *,
        mailing: Mailing,
        configurations: Configurations,
        connect: Connect,
        closed: Callable[[], str],
        clock: Clock,
        log: Log,
    ) -> None:
        self._mailing = mailing
        self._configurations = configurations
        self._connect = connect
        self._closed = closed
        self._clock = clock
        self._log = log
        self._running: dict[tuple[str, str], tuple[Integration, asyncio.Task[None]]] = {}
        self.open = 0
        """How many mailboxes are connected now."""

    async def run(self) -> None:
        """Follow the configuration until cancelled: each mailbox has a task, owned here."""
        try:
            while True:
                await self._follow_configuration()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            await self._end(list(self._running))

    async def _follow_configuration(self) -> None:
        wanted = {} if self._closed() else self._wanted()
        changed = [key for key, (was, _) in self._running.items() if wanted.get(key) != was]
        await self._end(changed)
        for key, integration in wanted.items():
            if key not in self._running:
                task = asyncio.create_task(self._serve(key[0], integration))
                self._running[key] = (integration, task)

    def _wanted(self) -> dict[tuple[str, str], Integration]:
        return {
            (tenant, integration.name): integration
            for tenant in self._configurations.tenants
            for integration in self._configurations.current(tenant).integrations.integrations
            if integration.door == "imap" and integration.enabled
        }

    async def _end(self, keys: list[tuple[str, str]]) -> None:
        ended = [self._running.pop(key)[1] for key in keys]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)

    async def _serve(self, tenant: str, integration: Integration) -> None:
        """Keep one mailbox connected; after whatever goes wrong, connect again, later each time."""
        pause = BACKOFF_SECONDS_MIN
        put_off: dict[int, datetime] = {}
        validity: int | None = None
        while True:
            mailbox: Mailbox | None = None
            try:
                caller, settings = _caller(tenant, integration)
                mailbox = self._connect(_place(caller, settings))
                found = await mailbox.open()
                self.open += 1
                if found != validity:
                    # The server has numbered its mails anew: what was known of numbers is void.
                    put_off.clear()
                    validity = found
                pause = BACKOFF_SECONDS_MIN
                await self._follow(mailbox, caller, settings, put_off)
            except (MailboxDown, Infrastructure, SetupInvalid) as error:
                self._log.warning(
                    "mailbox_down", tenant=tenant, integration=integration.name, error=str(error)
                )
            except Exception as error:  # noqa: BLE001 - one mailbox's defect is not the others'
                self._log.exception(
                    "mailbox_failed", tenant=tenant, integration=integration.name, error=repr(error)
                )
            finally:
                if mailbox is not None:
                    await mailbox.close()
            await self._clock.sleep(self._clock.jitter(pause))
            pause = min(pause * 2, BACKOFF_SECONDS_MAX)

    async def _follow(
        self,
        mailbox: Mailbox,
        caller: Caller,
        settings: ImapSettings,
        put_off: dict[int, datetime],
    ) -> None:
        try:
            while True:
                for uid in await mailbox.unseen():
                    if put_off.get(uid, self._clock.now()) <= self._clock.now():
                        await self._take(mailbox, caller, uid, put_off)
                # Searched again even where nothing is told: of a mail that comes in the moment
                # in which the waiting begins, the client library does not tell.
                if not await mailbox.wait(settings.poll_seconds):
                    await self._clock.sleep(settings.poll_seconds)
        finally:
            self.open -= 1

    async def _take(
        self, mailbox: Mailbox, caller: Caller, uid: int, put_off: dict[int, datetime]
    ) -> None:
        """Accept one mail, then mark it."""
        lying = await mailbox.fetch(uid)
        if lying is None:
            return
        raw = Raw(
            body=lying.content,
            headers={"content-type": "message/rfc822"},
            recipients=_addresses(caller),
            received_at=self._clock.now(),
        )
        cut = ""
        if lying.size > len(lying.content):
            cut = f"the mail has {lying.size} bytes, and {len(lying.content)} are taken"
        try:
            await self._mailing.take(DOORS["imap"], raw, [caller], refusable=False, cut=cut)
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - it stays unseen, and is not in others' way
            put_off[uid] = self._clock.now() + AGAIN
            self._log.exception(
                "mail_not_taken",
                tenant=caller.tenant,
                integration=caller.name,
                uid=uid,
                error=repr(error),
            )
            return
        put_off.pop(uid, None)
        await mailbox.done(uid)


def _caller(tenant: str, integration: Integration) -> tuple[Caller, ImapSettings]:
    """Return an integration as a caller, its secrets read anew: tokens change.

    Raises:
        SetupInvalid: its settings do not fit, or a secret is not to be had.
    """
    setup = setup_of(integration, DOORS["imap"])
    if not isinstance(setup.settings, ImapSettings):
        raise TypeError(f"{integration.name} has no settings of a mailbox")
    caller = Caller(tenant=tenant, name=integration.name, integration=integration, setup=setup)
    return caller, setup.settings


def _place(caller: Caller, settings: ImapSettings) -> MailboxAt:
    return MailboxAt(
        host=settings.host,
        port=settings.port_used,
        tls=settings.tls,
        user=settings.user,
        secrets=caller.setup.secrets,
        folder=settings.folder,
        done_folder=settings.done_folder,
        ca_file=settings.ca_file,
    )


def _addresses(caller: Caller) -> tuple[str, ...]:
    """Return the addresses of a mailbox; where none are configured, the user's."""
    if caller.integration is not None and caller.integration.addresses:
        return caller.integration.addresses
    settings = caller.setup.settings
    return (settings.user,) if isinstance(settings, ImapSettings) and "@" in settings.user else ()
