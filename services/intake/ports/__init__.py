"""What the use cases need of the world outside: one module for each concern."""

from __future__ import annotations

from services.intake.ports.alerts import AlertStore
from services.intake.ports.allowance import AllowanceStore
from services.intake.ports.calls import CallDetail, CallStore
from services.intake.ports.contacts import ContactStore, LinkMade
from services.intake.ports.conversations import ConversationStore
from services.intake.ports.files import Fetched, Fetcher, FetchStore, FileStore, NotFetchable
from services.intake.ports.mail import Bounces, Lying, Mailbox, MailboxAt, MailboxDown, MailStore
from services.intake.ports.models import ModelStore, Sample
from services.intake.ports.rows import Incoming, IntakeStore, Original, Review
from services.intake.ports.web import PublicDocuments

__all__ = [
    "AlertStore",
    "AllowanceStore",
    "Bounces",
    "CallDetail",
    "CallStore",
    "ContactStore",
    "ConversationStore",
    "FetchStore",
    "Fetched",
    "Fetcher",
    "FileStore",
    "Incoming",
    "IntakeStore",
    "LinkMade",
    "Lying",
    "MailStore",
    "Mailbox",
    "MailboxAt",
    "MailboxDown",
    "ModelStore",
    "NotFetchable",
    "Original",
    "PublicDocuments",
    "Review",
    "Sample",
]
