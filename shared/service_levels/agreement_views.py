"""Agreements as people look at them: how each stands at an instant, and what is to be done."""

from __future__ import annotations

import datetime as dt

from shared.organisation import Configuration
from shared.organisation.agreements import Agreement, AgreementState, Measures, Parties
from shared.organisation.policies import AgreementKind
from shared.organisation.words import PriorityName
from shared.service_levels.agreements import AgreementWarning, agreement_warnings, review_due_on
from shared.service_levels.binding import FAR, binds_at, ends_at
from shared.service_levels.policy_check import View


class AgreementView(View):
    """One agreement, as it stands at an instant."""

    name: str
    title: str
    kind: AgreementKind
    state: AgreementState
    binds: bool
    """Whether it counts now: its state binds, and the instant is in its validity."""
    valid_from: dt.date | None
    valid_until: dt.date | None
    days_left: int | None
    """Whole days until it ends, 0 where it has; None where it has no end."""
    review_due_on: dt.date | None
    manager: str | None
    parties: Parties
    targets: dict[str, dict[PriorityName, int]]
    """Policy to the targets that count instead of its own, in business seconds."""
    measures: Measures
    warnings: tuple[AgreementWarning, ...]

    @classmethod
    def of(
        cls, agreement: Agreement, at: dt.datetime, warnings: tuple[AgreementWarning, ...]
    ) -> AgreementView:
        """Return the view of an agreement at an instant."""
        ends = ends_at(agreement)
        return cls(
            name=agreement.name,
            title=agreement.title,
            kind=agreement.kind,
            state=agreement.state,
            binds=binds_at(agreement, at),
            valid_from=agreement.valid_from,
            valid_until=agreement.valid_until,
            days_left=None if ends == FAR else max(0, (ends - at).days),
            review_due_on=review_due_on(agreement),
            manager=agreement.manager,
            parties=agreement.parties,
            targets=agreement.targets,
            measures=agreement.measures,
            warnings=warnings,
        )


def agreement_views(configuration: Configuration, at: dt.datetime) -> list[AgreementView]:
    """Return every agreement at an instant, in the order of the file."""
    warnings = agreement_warnings(configuration, at)
    return [
        AgreementView.of(agreement, at, tuple(w for w in warnings if w.number == number))
        for number, agreement in enumerate(configuration.agreements.agreements)
    ]
