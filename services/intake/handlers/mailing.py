"""Mailing: a mail that has come in is read, guarded against loops, and accepted.

Once for each tenant among its recipients; the mailboxes that it came to are noted beside it.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.intake.domain.files import file_limits
from services.intake.domain.mail_facts import Delivery, delivery_id
from services.intake.domain.mail_rules import base_address, guarded, without_files
from services.intake.domain.normal import Automatic, NormalForm, Request
from services.intake.domain.receipts import Opening, Receipt
from services.intake.domain.text import normal_mail
from services.intake.doors import Door, Raw, Read
from services.intake.doors.mail.settings import MailSettings
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.callers import Caller, SetupInvalid, setup_of
from services.intake.ports import Bounces, MailStore
from shared.clock import Clock
from shared.configuration import Configurations
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Integration
from shared.threads import ThreadSigner, marks_in

PARSED_INLINE_BYTES_MAX = 64 * 1024
"""A larger mail is parsed in a thread: others must not wait for it."""
SENDERS_MAX = 20_000
LOOKED_UP_FROM = 3
"""From so many mails of one sender on the store is asked how many there were in all."""
TOO_LARGE = 413
DAY = timedelta(days=1)
RETURNED_BYTES_MAX = 256 * 1024
"""Of a report: the headers that it returns come before the text that it may return."""
RETURNED_IDS_MAX = 100
RETURNED_MARKS_MAX = 3
"""A report returns one mail, whose headers name those that it answers."""
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,996}>")


class Addresses:
    """Which integrations have which address, looked up anew when a configuration changes."""

    def __init__(self, configurations: Configurations) -> None:
        self._configurations = configurations
        self._known: dict[str, tuple[int, dict[str, list[Integration]]]] = {}

    def callers(self, addresses: Sequence[str], *, door: str) -> list[Caller]:
        """Return the integrations of a door that have one of these addresses."""
        wanted = list(dict.fromkeys(base_address(address) for address in addresses))
        return [
            Caller(tenant=tenant, name=integration.name, integration=integration)
            for tenant in self._configurations.tenants
            for integration in self._of(tenant, wanted)
            if integration.door == door
        ]

    def are_ours(self, address: str, *, tenant: str) -> bool:
        """Return whether mail to an address comes to an integration of a tenant's."""
        return bool(self._of(tenant, [base_address(address)]))

    def _of(self, tenant: str, wanted: Sequence[str]) -> list[Integration]:
        version = self._configurations.version(tenant)
        known = self._known.get(tenant)
        if known is None or known[0] != version:
            known = self._known[tenant] = (version, self._read(tenant))
        found = {i.name: i for address in wanted for i in known[1].get(address, ())}
        return list(found.values())

    def _read(self, tenant: str) -> dict[str, list[Integration]]:
        found: dict[str, list[Integration]] = {}
        for integration in self._configurations.current(tenant).integrations.integrations:
            if integration.enabled:
                for address in integration.addresses:
                    found.setdefault(base_address(address), []).append(integration)
        return found


class _Recent:
    """How often a sender has written to this process within a day; the oldest are forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()

    def note(self, tenant: str, sender: str, now: datetime) -> int:
        """Note a mail; return how many there were before it."""
        times = self._seen.setdefault((tenant, sender), deque(maxlen=LOOKED_UP_FROM))
        self._seen.move_to_end((tenant, sender))
        if len(self._seen) > SENDERS_MAX:
            self._seen.popitem(last=False)
        while times and times[0] <= now - DAY:
            times.popleft()
        before = len(times)
        times.append(now)
        return before


@dataclass(frozen=True, slots=True)
class _Taking:
    """A mail on its way in, for one tenant."""

    door: Door
    raw: Raw
    callers: Sequence[Caller]
    settings: MailSettings
    refusable: bool
    cut: str

    @property
    def caller(self) -> Caller:
        """Whose defaults and limits count: the first of those that it came to."""
        return self.callers[0]


class Mailing:
    """Takes mails in. When `take` returns, all that the mail became is durable."""

    def __init__(
        self,
        *,
        accepting: Accepting,
        configurations: Configurations,
        mails: MailStore,
        bounces: Bounces,
        signer: ThreadSigner,
        clock: Clock,
    ) -> None:
        self.addresses = Addresses(configurations)
        self._accepting = accepting
        self._configurations = configurations
        self._mails = mails
        self._bounces = bounces
        self._signer = signer
        self._clock = clock
        self._recent = _Recent()

    async def take(
        self,
        door: Door,
        raw: Raw,
        callers: Sequence[Caller],
        *,
        refusable: bool = True,
        cut: str = "",
    ) -> list[Receipt]:
        """Accept a mail once for each tenant; return the receipts.

        Args:
            door: smtp or imap.
            raw: the mail.
            callers: the integrations that it came to.
            refusable: whoever sent it can be told that it is not taken. Where nobody can, files
                above the limits are left out and named instead.
            cut: why ``raw`` is only the beginning of the mail; empty where it is whole.

        Raises:
            Infrastructure: nothing is promised; take it again later.
            CommandRejected: it cannot be taken as it is: 413 where its files are too large.
        """
        tenants: dict[str, list[Caller]] = {}
        for caller in callers:
            tenants.setdefault(caller.tenant, []).append(caller)
        receipts: list[Receipt] = []
        refused: list[tuple[list[Caller], CommandRejected]] = []
        for those in tenants.values():
            try:
                receipts += await self._take(door, raw, those, refusable=refusable, cut=cut)
            except CommandRejected as error:
                refused.append((those, error))
        if refused and not receipts:
            raise refused[0][1]
        for those, _ in refused:
            # Its sender hears that it was taken, for another tenant has it: nobody is told.
            receipts += await self._take(door, raw, those, refusable=False, cut=cut)
        return receipts

    async def _take(
        self, door: Door, raw: Raw, callers: Sequence[Caller], *, refusable: bool, cut: str
    ) -> list[Receipt]:
        """Accept a mail for one tenant; see `take`."""
        mine = replace(raw, recipients=_recipients(raw, callers))
        caller, settings = _set_up(callers[0], door)
        taking = _Taking(door, mine, (caller, *callers[1:]), settings, refusable, cut)
        return [await self._accept(taking, read) for read in await _parsed(taking)]

    async def _accept(self, taking: _Taking, read: Read[NormalForm]) -> Receipt:
        sender = ""
        if isinstance(read.form, Request):
            sender = normal_mail(read.form.contact.mail or "")
            read = replace(read, form=await self._guarded(taking, read.form, sender))
        if taking.cut:
            read = self._stripped(taking, read, reason=taking.cut)
        receipt = await self._submit(taking, read)
        if isinstance(read.form, Request):
            await self._note_bounce(receipt, read.form, taking.raw)
        await self._mails.add_deliveries(_deliveries(taking, receipt, sender))
        return receipt

    async def _submit(self, taking: _Taking, read: Read[NormalForm]) -> Receipt:
        submit = self._accepting.submit
        try:
            return await submit(taking.door, read, taking.caller, original=taking.raw)
        except CommandRejected as error:
            if taking.refusable or error.status != TOO_LARGE:
                raise
            bare = self._stripped(taking, read, reason=error.reason)
            return await submit(taking.door, bare, taking.caller, original=taking.raw)

    def _stripped(
        self, taking: _Taking, read: Read[NormalForm], *, reason: str
    ) -> Read[NormalForm]:
        """Return a submission without the bytes of its files."""
        if not isinstance(read.form, Request):
            return read
        configuration = self._configurations.current(taking.caller.tenant)
        limits = file_limits(configuration, taking.caller.integration)
        form = without_files(read.form, reason=reason, files_max=limits.files_max)
        return replace(read, form=form, parts=())

    async def _guarded(self, taking: _Taking, form: Request, sender: str) -> Request:
        """Return a request as it is taken: not as one where it is ours, or where nobody wrote it.

        A mail that merely says that it is ours is anybody's.
        """
        thread, tenant = form.thread, taking.caller.tenant
        if self._signer.is_own(
            thread.own_mark, tenant=tenant, message_id=thread.message_id, to=thread.recipients
        ):
            own = Automatic(reason="own-mail")
            return form.model_copy(update={"automatic": own, "silent": True})
        if not sender or form.automatic is not None:
            return form
        if self.addresses.are_ours(sender, tenant=tenant):
            # Nobody's request, and what answered it would come back here.
            return form.model_copy(update={"automatic": Automatic(reason="own-address")})
        now = self._clock.now()
        replies_max = self._configurations.current(tenant).intake.auto_replies_per_day
        settings = taking.settings
        limits = (
            settings.sender_mails_per_hour,
            settings.conversation_mails_per_hour,
            replies_max,
        )
        if self._recent.note(tenant, sender, now) < min(LOOKED_UP_FROM, *limits):
            return form
        return guarded(
            form,
            await self._mails.frequency(tenant=tenant, sender=sender, now=now),
            sender_max=limits[0],
            conversation_max=limits[1],
            replies_max=limits[2],
        )

    async def _note_bounce(self, receipt: Receipt, form: Request, raw: Raw) -> None:
        """Note that an address cannot be reached, where a mail of ours has come back.

        Anybody can write a report, and whoever writes to us gets a mail that he could return: only
        a mark that signs the address proves that our mail went there.
        """
        automatic = form.automatic
        if automatic is None or not automatic.bounced:
            return
        returned = raw.body[:RETURNED_BYTES_MAX].decode("ascii", "replace")
        ids = list(dict.fromkeys(_MESSAGE_ID.findall(returned)))[:RETURNED_IDS_MAX]
        went = self._signer.went_to
        if any(
            went(automatic.bounced, mark, tenant=receipt.tenant, message_id=message_id)
            for mark in marks_in(returned)[:RETURNED_MARKS_MAX]
            for message_id in ids
        ):
            await self._bounces.mark_bounced(
                tenant=receipt.tenant,
                address=automatic.bounced,
                hard=automatic.hard,
                at=receipt.accepted_at,
            )


def _set_up(caller: Caller, door: Door) -> tuple[Caller, MailSettings]:
    """Return a caller with its settings.

    Raises:
        Infrastructure: they do not fit, and the mail must not be lost for that.
    """
    if caller.integration is None:
        message = "a mail comes to an integration"
        raise Infrastructure(message)
    try:
        setup = setup_of(caller.integration, door)
    except SetupInvalid as error:
        raise Infrastructure(str(error)) from error
    settings: Any = setup.settings
    if not isinstance(settings, MailSettings):
        raise TypeError(f"{door.name} is no door of mail")
    return replace(caller, setup=setup), settings


async def _parsed(taking: _Taking) -> Sequence[Read[NormalForm]]:
    if len(taking.raw.body) <= PARSED_INLINE_BYTES_MAX:
        return taking.door.parse(taking.raw, taking.caller.setup)
    return await asyncio.to_thread(taking.door.parse, taking.raw, taking.caller.setup)


def _recipients(raw: Raw, callers: Sequence[Caller]) -> tuple[str, ...]:
    """Return the recipients of these integrations: one tenant is not told of another's."""
    ours = {a for caller in callers for a in _addresses(caller)}
    return tuple(r for r in raw.recipients if base_address(r) in ours)


def _addresses(caller: Caller) -> set[str]:
    """Return the addresses of an integration; of a mailbox without any, its user's."""
    integration = caller.integration
    addresses = integration.addresses if integration else ()
    if integration is not None and not addresses:
        addresses = (str(integration.settings.get("user", "")),)
    return {base_address(a) for a in addresses}


def _deliveries(taking: _Taking, receipt: Receipt, sender: str) -> list[Delivery]:
    return [
        Delivery(
            id=delivery_id(receipt=receipt.id, integration=caller.name, recipient=recipient),
            tenant=receipt.tenant,
            receipt=receipt.id,
            integration=caller.name,
            recipient=recipient,
            at=taking.raw.received_at,
            sender=sender[:254],
            ticket=receipt.ticket,
            opened=isinstance(receipt.task, Opening),
        )
        for caller in taking.callers
        for recipient in dict.fromkeys(base_address(r)[:254] for r in taking.raw.recipients)
        if recipient in _addresses(caller)
    ]
