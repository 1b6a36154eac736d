"""What the console's use cases need of the outside: its projection, and the owning services."""

from __future__ import annotations

from services.console.ports.intake import (
    AlertGroup,
    ContactDetail,
    Heartbeat,
    Intake,
    Person,
    Review,
    Suggestion,
    Window,
)
from services.console.ports.owners import (
    Answer,
    Article,
    Caller,
    Classification,
    Contact,
    Conversation,
    Correction,
    File,
    Links,
    Mail,
    Message,
    Next,
    Owners,
    Saved,
    SignedIn,
    Standing,
    Submitted,
)
from services.console.ports.projection import Noted, Projection

__all__ = [
    "AlertGroup",
    "Answer",
    "Article",
    "Caller",
    "Classification",
    "Contact",
    "ContactDetail",
    "Conversation",
    "Correction",
    "File",
    "Heartbeat",
    "Intake",
    "Links",
    "Mail",
    "Message",
    "Next",
    "Noted",
    "Owners",
    "Person",
    "Projection",
    "Review",
    "Saved",
    "SignedIn",
    "Standing",
    "Submitted",
    "Suggestion",
    "Window",
]
