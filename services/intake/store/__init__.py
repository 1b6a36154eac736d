"""Rows of intake in the store, a module for each concern; the only code here that knows it."""

from __future__ import annotations

from services.intake.store.files import MongoFiles
from services.intake.store.rows import MongoIntake

__all__ = ["MongoFiles", "MongoIntake"]
