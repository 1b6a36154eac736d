"""The scorecard of a month: each measure that an agreement sets beside its clocks, and what came.

A pure function of the resolutions as they were known at one instant, of the clocks that the
report counts, and of versions of the configuration. What no event tells has no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.sla.domain.model import Rules
from services.sla.domain.months import Asked, Month
from services.sla.domain.promises import facts_values
from services.sla.domain.solutions import SATISFIED, Revision, Solution
from shared.contracts.facts import Code, Instant
from shared.organisation import Configuration
from shared.organisation.agreements import BINDING, Agreement
from shared.organisation.policies import AgreementKind
from shared.service_levels import begins_at, ends_at, measured_by

MEASURES: Final = (
    "attained_min",
    "first_line_rate_min",
    "reopen_rate_max",
    "satisfaction_min",
    "availability_min",
)
OF_SOLUTIONS: Final = ("first_line_rate_min", "reopen_rate_max", "satisfaction_min")
KINDS: Final[tuple[AgreementKind, ...]] = ("sla", "ola")
"""No event says which supplier solved a ticket: contracts with them have clocks alone."""
SHARE_UNITS: Final = 1_000_000

Why = Literal["no-cases", "no-marks", "not-measured"]


class Measured(BaseModel):
    """One measure of one agreement."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    agreement: Code
    title: str
    kind: Code
    party: str | None
    """The customer, the desk or the supplier that the agreement names."""
    measure: Code
    target: Annotated[float, Field(ge=0)]
    value: Annotated[float, Field(ge=0, le=1)] | None
    """To six digits, cut to the worse side: only what keeps a target reads as if it did."""
    numerator: int
    denominator: int
    kept: bool | None
    """None where there is no value."""
    why: Why | None
    """Why there is none: no ticket or clock counts; requesters give no marks, only yes or no, which
    are counted; no event tells it."""


class SolutionChange(BaseModel):
    """A resolution of an earlier month that was told of, or changed, after that month was closed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticket: Code
    number: Code
    resolved_at: Instant
    customer: Code | None
    desk: Code | None
    agreements: tuple[Code, ...]
    """In whose measures it counts."""
    was: Code | None
    """``resolved`` or ``reopened``; None: it was not told yet when its month was closed."""
    now: Code | None
    """None: it is none any more, since the ticket is part of another."""
    verdict_was: Code | None
    verdict: Code | None
    """``satisfied`` or ``dissatisfied``; None: the requester said nothing."""


@dataclass(slots=True)
class _Sums:
    """What is counted of one agreement's measure."""

    numerator: int = 0
    denominator: int = 0

    def add(self, counts: bool | None) -> None:  # noqa: FBT001 - it is what is counted
        """Count a case that counts for or against; None is no case."""
        if counts is not None:
            self.denominator += 1
            self.numerator += counts


class Scorecard:
    """Counts resolutions one by one: a month of them need not be held at once.

    Args:
        month: of the report.
        asked: what is asked for.
        configuration: the version in force when the month ended; its agreements are listed, with
            its targets. None: there was none.
        rules: the versions with which tickets were accepted: whose a ticket is, is said by these.
    """

    def __init__(
        self, month: Month, asked: Asked, configuration: Configuration | None, rules: Rules
    ) -> None:
        self._month = month
        self._asked = asked
        self._rules = rules
        agreements = configuration.agreements.agreements if configuration else ()
        self._agreements = [one for one in agreements if _set(one)]
        self._sums: dict[tuple[str, str], _Sums] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no agreement sets a measure, so that nothing need be counted."""
        return not self._agreements

    def add(self, solution: Solution) -> None:
        """Count a resolution of the month."""
        for (_, measure), agreement in self._counts_in(solution).items():
            sums = self._sums.setdefault((agreement, measure), _Sums())
            sums.add(_case(measure, solution))

    def lines(self, attained: Mapping[str, tuple[int, int]]) -> tuple[Measured, ...]:
        """Return the measures in the order of the file.

        Args:
            attained: by agreement, how many of its clocks met their targets and how many did not.
        """
        for name, (met, missed) in attained.items():
            self._sums[name, "attained_min"] = _Sums(met, met + missed)
        found: list[Measured] = []
        for agreement in self._agreements:
            if self._is_listed(agreement):
                found += [
                    _measured(
                        agreement, measure, self._sums.get((agreement.name, measure), _Sums())
                    )
                    for measure in _set(agreement)
                ]
        return tuple(found)

    def changes(self, revisions: Iterable[Revision]) -> tuple[SolutionChange, ...]:
        """Return what changed of the resolutions of earlier months that count in an agreement."""
        found = []
        for revision in revisions:
            of = revision.was or revision.now
            if of is None or not _is_of(self._asked, of):
                continue
            agreements = tuple(sorted(set(self._counts_in(of).values())))
            wanted = self._asked.agreement
            if not agreements or (wanted is not None and wanted not in agreements):
                continue
            change = _change(of, revision, agreements)
            if (change.was, change.verdict_was) != (change.now, change.verdict):
                found.append((of.ticket, of.resolution, change))
        return tuple(change for _, _, change in sorted(found, key=lambda item: item[:2]))

    def _is_listed(self, agreement: Agreement) -> bool:
        asked, month = self._asked, self._month
        if asked.agreement not in {None, agreement.name}:
            return False
        if any(self._sums.get((agreement.name, name), _Sums()).denominator for name in MEASURES):
            return True
        if (asked.customer, asked.desk, asked.priority) != (None, None, None):
            return False
        binds = begins_at(agreement) < month.ends_at and ends_at(agreement) > month.starts_at
        return agreement.state in BINDING and binds

    def _counts_in(self, solution: Solution) -> Mapping[tuple[str, str], str]:
        """Return the agreement of each kind and measure in which a resolution counts."""
        configuration = self._rules(solution.version)
        values = facts_values(solution.facts, configuration)
        values |= {"desk": solution.first_desk, "tier": solution.first_tier}
        at, desk = solution.facts.accepted_at, solution.desk
        found = measured_by(configuration, OF_SOLUTIONS, values, at, desk=desk)
        return {key: name for key, name in found.items() if key[0] in KINDS}


def _set(agreement: Agreement) -> Sequence[str]:
    return [name for name in MEASURES if getattr(agreement.measures, name) is not None]


def _is_of(asked: Asked, solution: Solution) -> bool:
    """Return whether a resolution is asked for, whatever its agreement."""
    return asked.takes_named(
        customer=solution.customer, desk=solution.desk, priority=solution.priority
    )


def _case(measure: str, solution: Solution) -> bool | None:
    """Return whether a resolution counts in a measure's numerator; None: it is no case of it."""
    match measure:
        case "reopen_rate_max":
            return solution.reopened_at is not None
        case "first_line_rate_min":
            return None if solution.reopened_at is not None else solution.first_line
        case _:
            return solution.verdict == SATISFIED if solution.verdict is not None else None


def _measured(agreement: Agreement, measure: str, sums: _Sums) -> Measured:
    target = float(getattr(agreement.measures, measure))
    why = _why(agreement, measure, sums)
    value, kept = (None, None) if why else _judged(measure, target, sums)
    return Measured(
        agreement=agreement.name,
        title=agreement.title,
        kind=agreement.kind,
        party=_party(agreement),
        measure=measure,
        target=target,
        value=value,
        numerator=sums.numerator,
        denominator=sums.denominator,
        kept=kept,
        why=why,
    )


def _why(agreement: Agreement, measure: str, sums: _Sums) -> Why | None:
    """Return why a measure has no value; None where it has one."""
    if measure == "availability_min":
        return "not-measured"
    if measure in OF_SOLUTIONS and agreement.kind not in KINDS:
        return "not-measured"
    if measure == "satisfaction_min":
        return "no-marks"
    return None if sums.denominator else "no-cases"


def _judged(measure: str, target: float, sums: _Sums) -> tuple[float, bool]:
    """Return a share, cut to its worse side, and whether it keeps its target: exactly."""
    part, whole = sums.numerator, sums.denominator
    share, promised = Fraction(part, whole), Fraction(str(target))
    if measure.endswith("_max"):
        return -(-part * SHARE_UNITS // whole) / SHARE_UNITS, share <= promised
    return part * SHARE_UNITS // whole / SHARE_UNITS, share >= promised


def _party(agreement: Agreement) -> str | None:
    parties = agreement.parties
    return {
        "sla": parties.customer,
        "ola": parties.internal_supplier,
        "uc": parties.external_supplier,
    }[agreement.kind]


def _change(of: Solution, revision: Revision, agreements: tuple[str, ...]) -> SolutionChange:
    was, now = revision.was, revision.now
    return SolutionChange(
        ticket=of.ticket,
        number=of.number,
        resolved_at=of.resolved_at,
        customer=of.customer,
        desk=of.desk,
        agreements=agreements,
        was=_word(was),
        now=_word(now),
        verdict_was=was.verdict if was else None,
        verdict=now.verdict if now else None,
    )


def _word(solution: Solution | None) -> str | None:
    if solution is None:
        return None
    return "reopened" if solution.reopened_at is not None else "resolved"


__all__ = ["MEASURES", "Measured", "Scorecard", "SolutionChange"]
