"""Rows of intake in the store, a module for each concern; the only code here that knows it."""

from __future__ import annotations

from services.intake.store.alerts import MongoAlerts
from services.intake.store.allowances import MongoAllowances
from services.intake.store.calls import MongoCalls
from services.intake.store.contacts import MongoContacts
from services.intake.store.conversations import MongoConversations
from services.intake.store.files import MongoFiles
from services.intake.store.models import MongoModels
from services.intake.store.rows import MongoIntake

__all__ = [
    "MongoAlerts",
    "MongoAllowances",
    "MongoCalls",
    "MongoContacts",
    "MongoConversations",
    "MongoFiles",
    "MongoIntake",
    "MongoModels",
]
