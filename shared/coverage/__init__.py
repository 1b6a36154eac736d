"""Who is there for which request, when: gaps, thin cover, overlaps, and whether promises hold.

Pure and exact: windows are half-open, bounds are the instants at which something changes, and
nothing is sampled.
"""

from __future__ import annotations

from shared.coverage.analysis import (
    DAYS,
    DAYS_MAX,
    Coverage,
    FirstGap,
    Kept,
    Row,
    analyse,
)
from shared.coverage.asks import Ask, all_asks
from shared.coverage.cover import Late
from shared.coverage.demands import CHANNELS, OTHER, Candidates, Place, RequestScope
from shared.coverage.reach import OutOfReach, out_of_reach
from shared.coverage.report import BrokenPromise, CoverageView
from shared.coverage.telling import kept_words
from shared.coverage.terms import Terms, Want
from shared.coverage.timeline import Timeline, Window

__all__ = [
    "CHANNELS",
    "DAYS",
    "DAYS_MAX",
    "OTHER",
    "Ask",
    "BrokenPromise",
    "Candidates",
    "Coverage",
    "CoverageView",
    "FirstGap",
    "Kept",
    "Late",
    "OutOfReach",
    "Place",
    "RequestScope",
    "Row",
    "Terms",
    "Timeline",
    "Want",
    "Window",
    "all_asks",
    "analyse",
    "kept_words",
    "out_of_reach",
]
