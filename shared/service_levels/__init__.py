"""Service levels as a whole: policies that fit each other, agreements and their life, chains.

Pure: every answer depends on a configuration and an instant alone.
"""

from __future__ import annotations

from shared.service_levels.agreement_views import AgreementView, agreement_views
from shared.service_levels.agreements import (
    AgreementWarning,
    StateChange,
    agreement_for,
    agreement_warnings,
    measured_by,
    review_due_on,
    skipped_states,
    target_for,
)
from shared.service_levels.backwards import NoTargets, Proposal, propose_targets
from shared.service_levels.binding import begins_at, binds_at, ends_at
from shared.service_levels.chains import check_chains
from shared.service_levels.late_words import LateChain
from shared.service_levels.policy_check import check_policies
from shared.service_levels.report import ServiceLevels, service_levels

__all__ = [
    "AgreementView",
    "AgreementWarning",
    "LateChain",
    "NoTargets",
    "Proposal",
    "ServiceLevels",
    "StateChange",
    "agreement_for",
    "agreement_views",
    "agreement_warnings",
    "begins_at",
    "binds_at",
    "check_chains",
    "check_policies",
    "ends_at",
    "measured_by",
    "propose_targets",
    "review_due_on",
    "service_levels",
    "skipped_states",
    "target_for",
]
