"""What notify does: knows who can be reached, makes letters of notices, obeys operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from services.notify.domain.answers import AnswerLinks
from services.notify.domain.delivery import retry
from services.notify.domain.mail import (
    Letter,
    automatic_kind,
    is_address,
    notice_message_id,
    thread_message_id,
    with_number,
)
from services.notify.domain.notices import CODE, NOTICES, REQUEST, RESOLUTION, Notice, Notices
from services.notify.domain.ways import reply_to, ways_of
from services.notify.ports import Directory, Later, Refused, Words
from shared.calendar.zones import zone as rules_of
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body, EnvelopeInvalid, ValidationError, decode
from shared.contracts.intake import FollowupRefused, RequestAccepted
from shared.contracts.internal import CodeView, ContactView, MessageView
from shared.contracts.lifecycle import TicketReminded
from shared.contracts.notify import NoticeKind, RecipientKind
from shared.contracts.routing import (
    FollowupRequested,
    TicketEvent,
    TicketReferred,
    TicketResolved,
)
from shared.organisation import Configuration, UnknownName
from shared.streams import Record
from shared.threads import ThreadSigner

T = TypeVar("T")

NO_ADDRESS = "no address"
BAD_ADDRESS = "the address cannot be used"
CODE_OVER = "the code can no longer be used"


class Reach:
    """Knows which contacts of a batch can be reached by mail, before the batch is decided on.

    Deciding does no I/O, so that it can be repeated; what it needs of intake is fetched here,
    once a batch. A contact who was not asked about counts as reachable: then the sending finds
    out.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._unreachable: frozenset[tuple[str, str]] = frozenset()

    def reachable(self, tenant: str, contact: str) -> bool:
        """Return whether mail can be sent to a contact."""
        return (tenant, contact) not in self._unreachable

    async def learn(self, records: Sequence[Record]) -> None:
        """Ask intake about the contacts of the events that are told to contacts.

        Raises:
            Infrastructure: intake does not answer; the batch is tried again.
        """
        wanted: dict[str, set[str]] = {}
        for record in records:
            found = _contact_of(record)
            if found is not None:
                wanted.setdefault(found[0], set()).add(found[1])
        unreachable: set[tuple[str, str]] = set()
        for tenant, ids in wanted.items():
            known = await self._directory.contacts(tenant, sorted(ids))
            unreachable |= {
                (tenant, contact) for contact in ids if contact in known and not known[contact].mail
            }
        self._unreachable = frozenset(unreachable)


TOLD: Final[Mapping[str, type[RequestAccepted | TicketEvent]]] = {
    body.type: body
    for body in (
        RequestAccepted,
        FollowupRequested,
        TicketReferred,
        TicketReminded,
        TicketResolved,
    )
}
"""Events that are told to the contact of their ticket."""


def _contact_of(record: Record) -> tuple[str, str] | None:
    """Return tenant and contact of an event that a contact is told of; what is unreadable has none."""
    try:
        event = decode(record.headers, record.value)
        if event.type == FollowupRefused.type:
            return event.tenant, event.with_body(FollowupRefused).body.author
        model = TOLD.get(event.type)
        if model is not None:
            return event.tenant, event.with_body(model).body.facts.contact
    except (EnvelopeInvalid, ValidationError):
        return None  # the consumer sets it aside with its reason
    return None


@dataclass(frozen=True, slots=True)
class Job:
    """A notice to be sent."""

    ticket: str
    tenant: str
    number: str
    notice: Notice
    contact_desk: str | None = None
    """The desk to which the ticket's requester was referred."""


Prepared = Letter | Refused | Later | None
"""None: the configuration with which it was planned is not known here yet."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What intake said about one tenant's jobs."""

    contacts: Mapping[str, ContactView]
    messages: Mapping[str, MessageView]
    codes: Mapping[str, CodeView]


class Letters:
    """Makes letters of notices: addresses and texts from intake, words from the templates."""

    def __init__(
        self,
        *,
        directory: Directory,
        words: Words,
        configurations: Configurations,
        clock: Clock,
        domain: str,
        sender: str,
        signer: ThreadSigner,
        answers: AnswerLinks | None = None,
    ) -> None:
        self._answers = answers or AnswerLinks()
        self._directory = directory
        self._words = words
        self._configurations = configurations
        self._clock = clock
        self._domain = domain
        self._sender = sender
        self._signer = signer

    async def prepare(self, jobs: Sequence[Job]) -> list[tuple[Job, Prepared]]:
        """Return each job with its letter, or why there is none.

        Raises:
            Infrastructure: intake does not answer.
        """
        tenants = dict.fromkeys(job.tenant for job in jobs)
        known = {
            tenant: await self._known(tenant, [job.notice for job in jobs if job.tenant == tenant])
            for tenant in tenants
        }
        return [(job, self._prepared(job, known[job.tenant])) for job in jobs]

    async def _known(self, tenant: str, notices: Sequence[Notice]) -> _Known:
        contacts = {n.recipient for n in notices if n.recipient_kind is RecipientKind.CONTACT}
        messages = {n.message for n in notices if n.message is not None}
        messages |= {n.details[REQUEST] for n in notices if REQUEST in n.details}
        codes = {n.details[CODE] for n in notices if n.kind is NoticeKind.CODE}
        return _Known(
            contacts=await self._directory.contacts(tenant, sorted(contacts)) if contacts else {},
            messages=await self._directory.messages(tenant, sorted(messages)) if messages else {},
            codes=await self._directory.codes(tenant, sorted(codes)) if codes else {},
        )

    def _prepared(self, job: Job, known: _Known) -> Prepared:
        version = self._configurations.version(job.tenant)
        if version == 0 or version < job.notice.configversion:
            return None
        configuration = self._configurations.current(job.tenant)
        confirms = job.notice.kind is NoticeKind.CODE
        code = known.codes.get(job.notice.details[CODE]) if confirms else None
        recipient = (
            _confirming(code) if confirms else _recipient(job.notice, known.contacts, configuration)
        )
        if not isinstance(recipient, _Recipient):
            return recipient
        passed_on = known.messages.get(job.notice.message or "")
        if job.notice.message is not None and passed_on is None:
            return Later("intake does not know the message yet")
        request = known.messages.get(job.notice.details.get(REQUEST, ""))
        rendered = self._words.render(
            kind=job.notice.kind,
            language=job.notice.language,
            values=_values(job, recipient, request, passed_on, configuration)
            | self._ways(job, known, configuration)
            | _code_of(code)
            | self._answers.of(job.notice, tenant=job.tenant, number=job.number),
            configuration=configuration,
        )
        # A code belongs to no conversation: nobody answers it, and it joins none.
        to_contact = job.notice.recipient_kind is RecipientKind.CONTACT and not confirms
        sender = configuration.templates.sender or self._sender
        token = self._signer.token(tenant=job.tenant, number=job.number) if to_contact else ""
        mark = self._signer.mark(tenant=job.tenant, number=job.number) if to_contact else ""
        message_id = notice_message_id(job.notice.id, self._domain, token=token)
        return Letter(
            message_id=message_id,
            own_mark=self._signer.own_mark(
                tenant=job.tenant, message_id=message_id, to=recipient.address
            ),
            thread=thread_message_id(job.ticket, self._domain, token=token),
            reply_to=reply_to(sender, token, configuration, job.contact_desk),
            answers=request.message_id if request is not None and to_contact else None,
            sender=sender,
            sender_name=configuration.templates.sender_name or configuration.organisation.name,
            to=recipient.address,
            to_name=recipient.name,
            subject=rendered.subject
            if confirms
            else with_number(rendered.subject, job.number, mark=mark),
            text=rendered.text,
            html=rendered.html,
            at=self._clock.now(),
            language=rendered.language,
            automatic=automatic_kind(job.notice.kind),
        )

    def _ways(self, job: Job, known: _Known, configuration: Configuration) -> dict[str, str]:
        """Return what a mail says of the desk to which its reader was referred."""
        notice = job.notice
        if notice.kind is not NoticeKind.REFERRAL:
            return {}
        return ways_of(
            configuration,
            notice.details.get("desk", ""),
            contact=known.contacts.get(notice.recipient),
            language=notice.language,
            now=self._clock.now(),
        )


@dataclass(frozen=True, slots=True)
class _Recipient:
    name: str
    address: str


def _confirming(code: CodeView | None) -> _Recipient | Refused:
    """Return where a code goes; nobody is named, for whose the address is, is not known yet."""
    if code is None:
        return Refused(CODE_OVER)
    return _Recipient("", code.mail) if is_address(code.mail) else Refused(BAD_ADDRESS)


def _code_of(code: CodeView | None) -> dict[str, str]:
    """Return what a mail says of a code."""
    if code is None:
        return {}
    half = len(code.code) // 2
    return {
        "code": f"{code.code[:half]} {code.code[half:]}",
        "until": f"{code.expires_at:%Y-%m-%d %H:%M} UTC",
    }


def _recipient(
    notice: Notice, contacts: Mapping[str, ContactView], configuration: Configuration
) -> _Recipient | Refused | Later:
    name: str
    address: str | None
    try:
        match notice.recipient_kind:
            case RecipientKind.CONTACT:
                contact = contacts.get(notice.recipient)
                if contact is None:
                    return Later("intake does not know the contact yet")
                name, address = contact.name, contact.mail
            case RecipientKind.AGENT:
                agent = configuration.agent(notice.recipient)
                name, address = agent.name, agent.email
            case RecipientKind.DESK:
                desk = configuration.desk(notice.recipient)
                name, address = desk.title, desk.email
            case _:
                return Refused("this kind of recipient is unknown here")
    except UnknownName as error:
        return Refused(f"the configuration has no such {error.kind}")
    if not address:
        return Refused(NO_ADDRESS)
    return _Recipient(name, address) if is_address(address) else Refused(BAD_ADDRESS)


def _values(
    job: Job,
    recipient: _Recipient,
    request: MessageView | None,
    passed_on: MessageView | None,
    configuration: Configuration,
) -> dict[str, str]:
    """Return what a template may say: texts, never objects."""
    details = job.notice.details
    desk, agent = details.get("desk", ""), details.get("agent", "")
    begun = request or passed_on
    values = {
        name: text for name, text in details.items() if name not in {REQUEST, CODE, RESOLUTION}
    }
    values |= {
        "number": job.number,
        "organisation": configuration.organisation.name,
        "desk": _title(configuration.desk, desk, lambda found: found.title),
        "agent": _title(configuration.agent, agent, lambda found: found.name),
        "to": _title(configuration.desk, details.get("to", ""), lambda found: found.title),
        "by": _title(configuration.agent, details.get("by", ""), lambda found: found.name),
        "instead_of": _title(
            configuration.agent, details.get("instead_of", ""), lambda found: found.name
        ),
        "due": _due(details.get("due_at"), desk, configuration),
        "opens": _due(details.get("opens_at"), desk, configuration),
        "closes": _due(details.get("close_at"), desk, configuration),
        "subject": begun.subject if begun else "",
        "text": passed_on.text if passed_on else "",
        "author": passed_on.author if passed_on else "",
    }
    if job.notice.recipient_kind is RecipientKind.CONTACT:
        values["contact"] = recipient.name
    return values


def _title(find: Callable[[str], T], name: str, title: Callable[[T], str]) -> str:
    """Return what people call something; its plain name where it is unknown."""
    try:
        return title(find(name)) if name else ""
    except UnknownName:
        return name


def _due(due_at: str | None, desk: str, configuration: Configuration) -> str:
    """Return a due time as the desk reads it: in its zone, which is named."""
    if not due_at:
        return ""
    try:
        zone = configuration.desk_time_zone(desk)
    except UnknownName:
        zone = "UTC"
    local = datetime.fromisoformat(due_at).astimezone(rules_of(zone))
    return f"{local:%Y-%m-%d %H:%M} ({zone})"


class NoticeDesk:
    """What operators ask of notify."""

    def __init__(self, *, committer: Committer, clock: Clock, wake: Callable[[], None]) -> None:
        self._committer = committer
        self._clock = clock
        self._wake = wake

    async def notices(self, ticket: str, *, tenant: str) -> tuple[Notice, ...]:
        """Return a ticket's notices in the order of planning; none where it is not the tenant's."""
        document = (await self._committer.store.load(NOTICES, [ticket])).get(ticket)
        if document is None or document.tenant != tenant or document.state is None:
            return ()
        return document.state.notices

    async def retry(self, ticket: str, key: str, *, tenant: str, by: str) -> Notice:
        """Make a notice due now.

        Raises:
            CommandRejected: there is no such notice, or it was sent.
        """
        now = self._clock.now()

        def decide(state: Notices | None) -> Sequence[Body]:
            return retry(state, key, by=by, now=now)

        document = await self._committer.execute(
            NOTICES, Command(target=ticket, tenant=tenant, decide=decide)
        )
        self._wake()
        found = document.state.find(key) if document.state is not None else None
        if found is None:
            raise LookupError(key)
        return found
