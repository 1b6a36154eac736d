"""The owning services over HTTP."""

from __future__ import annotations

from services.console.adapters.handovers import HttpHandovers
from services.console.adapters.intake import HttpIntake
from services.console.adapters.owners import HttpOwners
from services.console.adapters.sending import Addresses
from services.console.adapters.work import HttpWork

__all__ = ["Addresses", "HttpHandovers", "HttpIntake", "HttpOwners", "HttpWork"]
