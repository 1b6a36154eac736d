"""Proving: an address is confirmed by a code that is sent to it.

An agent asks for a code for a contact whom they speak with; or the contact does, through an
integration that vouches for who its people are. Notify mails it to the claimed address, and to no
other. Who says the right digits in time can read the address's mail, and it is linked; the link
can be undone like any other. Callers learn nothing of whose the address was.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from pydantic import ValidationError

from services.intake.domain.contact import CONTACT, Contact
from services.intake.domain.normal import Party
from services.intake.domain.people import BY_CODE, SentCode, address_id, noted
from services.intake.domain.proofs import (
    CODE_LIFETIME,
    decide_asked,
    decide_right,
    decide_wrong,
    refused,
)
from services.intake.doors import DOORS, Setup
from services.intake.doors.people.contacts import PeopleSettings
from services.intake.handlers.contacts import Agent, Contacts, Known
from services.intake.handlers.meeting import Asking, Meeting
from services.intake.ports import ContactStore, LinkMade
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.contracts.internal import CodeView
from shared.kernel import CommandRejected
from shared.organisation import UnknownName
from shared.threads import ThreadSigner

MAIL = "mail:"
LANGUAGE_DEFAULT = "en"


class Proving:
    """Asks for codes, and takes them. Every method may raise `Infrastructure`: ask again."""

    def __init__(
        self,
        *,
        contacts: Contacts,
        store: ContactStore,
        meeting: Meeting,
        committer: Committer,
        configurations: Configurations,
        clock: Clock,
        signer: ThreadSigner,
    ) -> None:
        self._contacts = contacts
        self._store = store
        self._meeting = meeting
        self._committer = committer
        self._configurations = configurations
        self._clock = clock
        self._signer = signer

    async def ask(self, contact: str, mail: str, *, by: Agent) -> SentCode:
        """Have a code sent to an address that a contact claims.

        Raises:
            CommandRejected: there is no such contact, or too many of its codes are open.
        """
        known = await self._contacts.show(contact, tenant=by.tenant)
        now = self._clock.now()
        address = Party(mail=mail).address
        sent = SentCode(
            id=self._clock.unique(),
            tenant=by.tenant,
            contact=contact,
            address=address,
            by=by.name,
            at=now,
            expires_at=now + CODE_LIFETIME,
        )
        state = known.document.state if known.document else None
        language = known.person.language or (state.language if state else LANGUAGE_DEFAULT)
        # Where it goes is written first: once it is told, notify asks for it.
        await self._store.add_codes([sent])
        document = await self._committer.execute(
            CONTACT,
            Command(
                target=contact,
                tenant=by.tenant,
                decide=lambda state: decide_asked(state, sent, language=language, now=now),
            ),
        )
        note = noted(tenant=by.tenant, contact=contact, address=address, by=by.name, at=now)
        await self._store.add_notes([note])
        await self._log(document.seq, "code-asked", sent, by=by)
        return sent

    def vouching(self, *, tenant: str, name: str) -> Setup:
        """Return the setup of an integration that vouches for who its people are.

        Raises:
            CommandRejected: it does not, or is no integration of people.
        """
        try:
            found = self._configurations.current(tenant).integration(name)
            door = DOORS[found.door]
            settings = door.settings.model_validate(found.settings)
        except (UnknownName, KeyError, ValidationError):
            settings = None
        if not isinstance(settings, PeopleSettings) or not settings.vouches or not found.enabled:
            reason = "only an integration whose setting vouches is true may confirm addresses"
            raise CommandRejected("forbidden", reason, status=403)
        return Setup(settings=settings, name=name)

    async def ask_for(self, party: Party, mail: str, *, by: Agent) -> SentCode:
        """Have a code sent to an address that somebody claims whom an integration vouches for.

        Raises:
            CommandRejected: too many of their codes are open.
        """
        languages = self._configurations.current(by.tenant).organisation.languages
        asking = Asking(
            key=party.address,
            tenant=by.tenant,
            party=party.model_copy(update={"verified": True}),
            by=by.name,
            at=self._clock.now(),
            language_default=languages[0] if languages else LANGUAGE_DEFAULT,
        )
        person = (await self._meeting.met([asking]))[asking.key]
        return await self.ask(person.id, mail, by=by)

    async def confirm(self, code: str, digits: str, *, by: Agent, contact: str) -> Known:
        """Take an agent's word for the digits that a contact says: right ones link the address.

        Raises:
            CommandRejected: the digits are wrong, the code is too old, or was tried too often.
        """
        sent = await self._entered(code, digits, by=by)
        if sent.contact != contact:
            raise refused()
        return await self._link(sent, by=by)

    async def confirm_for(self, code: str, digits: str, *, by: Agent) -> None:
        """Take the digits from the integration that asked for them.

        An address that is proven to be somebody else's stays theirs: two proofs that contradict
        each other are for an agent to judge. The caller is answered alike.

        Raises:
            CommandRejected: as of `confirm`, or another caller asked for the code.
        """
        sent = await self._entered(code, digits, by=by, asked_by=by.name)
        identifier = address_id(tenant=by.tenant, address=sent.address)
        row = (await self._store.addresses([identifier])).get(identifier)
        if row is None or row.contact == sent.contact or not row.verified:
            await self._link(sent, by=by)
            return
        now = self._clock.now()
        document = await self._committer.execute(
            CONTACT,
            Command(
                target=sent.contact,
                tenant=by.tenant,
                decide=lambda state: decide_right(state, sent, by=by.name, now=now),
            ),
        )
        await self._log(document.seq, "claimed", sent, by=by)

    async def codes(self, ids: Sequence[str], *, tenant: str) -> list[CodeView]:
        """Return codes that can still be used, for the mails that carry them."""
        found = await self._store.codes(ids)
        now = self._clock.now()
        return [
            CodeView(
                id=sent.id,
                mail=sent.address.removeprefix(MAIL),
                code=self._signer.code(tenant=tenant, name=sent.id),
                expires_at=sent.expires_at,
            )
            for sent in found.values()
            if sent.tenant == tenant and sent.expires_at > now
        ]

    async def _entered(
        self, code: str, digits: str, *, by: Agent, asked_by: str | None = None
    ) -> SentCode:
        """Return where a code was sent whose digits were entered; count a wrong try."""
        sent = (await self._store.codes([code])).get(code)
        # A code that never was is compared like any other: the answer takes as long.
        expected = self._signer.code(tenant=by.tenant, name=code)
        right = bool(expected) and hmac.compare_digest(
            digits.encode("utf-8", "surrogatepass"), expected.encode()
        )
        if sent is None or sent.tenant != by.tenant or asked_by not in {None, sent.by}:
            raise refused()
        if right:
            return sent
        now = self._clock.now()
        await self._committer.execute(
            CONTACT,
            Command(
                target=sent.contact,
                tenant=sent.tenant,
                decide=lambda state: decide_wrong(state, sent, by=by.name, now=now),
            ),
        )
        raise refused()

    async def _link(self, sent: SentCode, *, by: Agent) -> Known:
        now = self._clock.now()

        def first(state: Contact | None) -> Sequence[Body]:
            return decide_right(state, sent, by=by.name, now=now)

        proof = Agent(by.tenant, by.name, f"code {sent.id}")
        return await self._contacts.link(
            sent.contact, sent.address, by=proof, reason=BY_CODE, first=first
        )

    async def _log(self, seq: int, action: str, sent: SentCode, *, by: Agent) -> None:
        made = LinkMade(
            id=f"{sent.contact}:{seq:010d}:{action}",
            tenant=sent.tenant,
            contact=sent.contact,
            action=action,
            other=sent.address,
            by=by.name,
            at=self._clock.now(),
            reason=by.reason or f"code {sent.id}",
        )
        await self._store.add_links([made])
