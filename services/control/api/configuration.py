"""``/v1/configuration``: read, check, compare, apply and roll back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.control.api.bodies import Configurer, Input, Reader, body_of, documented
from services.control.domain.configuration import VersionState
from services.control.domain.promises import PromisesBroken
from services.control.handlers.configuration import Applied, ConfigurationKeeper
from shared.auth import Action
from shared.bodies import FAULTS_MAX, SectionsBody, refused
from shared.coverage import BrokenPromise, kept_words
from shared.http import Problem, allowed
from shared.organisation import Change, ConfigurationInvalid
from shared.organisation import Problem as Fault
from shared.service_levels import AgreementView, ServiceLevels, StateChange

VERSIONS_PER_PAGE_MAX = 200

_ETAG = re.compile(r'"([0-9]{1,15})"')

Version = Annotated[int, Field(ge=1, le=10**15)]
Note = Annotated[str, Field(max_length=500)]


Because = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    Field(
        max_length=500,
        description=(
            "Why promised time may stay uncovered, or a chain of targets too late. Without it such "
            "a version is refused; it is kept with the version."
        ),
    ),
]


class ApplyBody(SectionsBody):
    """A configuration to be put in force."""

    note: Note = ""
    forced_because: Because = ""


class RollbackBody(Input):
    """An old version whose content is to be put in force again."""

    version: Version
    note: Note = ""
    forced_because: Because = ""


class View(BaseModel):
    """Base of the answers."""

    model_config = ConfigDict(frozen=True)


class VersionSummary(View):
    """A version without its sections; version 0 where none was ever applied."""

    version: int
    applied_at: datetime | None
    actor: str
    note: str
    forced_because: str
    manifest: dict[str, str]

    @classmethod
    def of(cls, version: VersionState | None) -> VersionSummary:
        """Return the summary of a version."""
        if version is None:
            return cls(
                version=0, applied_at=None, actor="", note="", forced_because="", manifest={}
            )
        return cls(**version.model_dump())


class VersionView(VersionSummary):
    """A version with the content of its sections."""

    sections: dict[str, Any]


class AppliedView(VersionSummary):
    """The version in force; ``is_new`` is false where nothing had to change."""

    is_new: bool


class FaultView(View):
    """One thing that is wrong: in which section, where in it, and why."""

    file: str
    line: int | None
    path: str
    reason: str

    @classmethod
    def of(cls, fault: Fault) -> FaultView:
        """Return the view of a fault; there is a line only where there is a text."""
        return cls(file=fault.file, line=fault.line or None, path=fault.path, reason=fault.reason)


class CheckView(View):
    """Whether a configuration is right in itself, and what else stands against applying it."""

    valid: bool
    problems: list[FaultView]
    broken_promises: list[BrokenPromise]
    """With any of these it is applied only with a reason."""
    service_levels: ServiceLevels
    """With a certain late chain it is applied only with a reason."""


class ChangeView(View):
    """One difference."""

    section: str
    path: str
    kind: Literal["added", "removed", "changed", "moved"]
    before: Any
    after: Any

    @classmethod
    def of(cls, change: Change) -> ChangeView:
        """Return the view of a change."""
        return cls(
            section=change.section,
            path=change.path,
            kind=change.kind,
            before=change.before,
            after=change.after,
        )


class DiffView(View):
    """What would change against the version in force."""

    version: int
    changes: list[ChangeView]
    broken_promises: list[BrokenPromise]
    service_levels: ServiceLevels
    skipped_states: list[StateChange]
    """Agreements whose state changes without the steps between."""


def unkept(error: PromisesBroken) -> Problem:
    """Return the answer to a configuration that does not keep what it promises."""
    errors = [
        {"file": "coverage", "path": f"promises[{kept.number}]", "reason": kept_words(kept)}
        for kept in error.broken
    ]
    errors += [
        {"file": "sla", "path": f"policies[{chain.number}].backed_by", "reason": chain.words()}
        for chain in error.late
    ]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    detail = f"{errors[0]['reason']}{more}; to apply it all the same, say why in forced_because"
    kind = "promises-uncovered" if error.broken else "chain-too-late"
    return Problem(422, kind, detail, errors=errors[:FAULTS_MAX])


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what stands against a configuration into the answer that says so."""
    try:
        yield
    except ConfigurationInvalid as error:
        raise refused(error) from error
    except PromisesBroken as error:
        raise unkept(error) from error


def seen_version(if_match: Annotated[str | None, Header()] = None) -> int | None:
    """Return the version that If-Match names; None where the header is missing.

    Raises:
        Problem: 400 where it is not one quoted number.
    """
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        reason = 'one version in quotes, such as "3"'
        errors = [{"field": "If-Match", "reason": reason}]
        raise Problem(400, "if-match-malformed", f"If-Match: {reason}", errors=errors)
    return int(found[1])


SeenVersion = Annotated[int | None, Depends(seen_version)]
WholeBody = Annotated[SectionsBody, body_of(SectionsBody, bytes_max=None)]
"""As large as the application takes."""


def _tagged(response: Response, version: int) -> None:
    response.headers["ETag"] = f'"{version}"'


def _answer(response: Response, applied: Applied) -> AppliedView:
    _tagged(response, applied.version.version)
    summary = VersionSummary.of(applied.version)
    return AppliedView(**summary.model_dump(), is_new=applied.is_new)


def configuration_router(keeper: ConfigurationKeeper) -> APIRouter:
    """Return the routes under ``/v1/configuration``."""
    router = APIRouter(prefix="/v1/configuration", tags=["configuration"])
    _add_reading(router, keeper)
    _add_trying(router, keeper)
    _add_changing(router, keeper)
    return router


def _add_reading(router: APIRouter, keeper: ConfigurationKeeper) -> None:
    @router.get("")
    async def show(actor: Reader, response: Response) -> VersionSummary:
        """Return the version in force."""
        current = await keeper.in_force(actor.tenant)
        _tagged(response, 0 if current is None else current.version)
        return VersionSummary.of(current)

    @router.get("/versions")
    async def history(
        actor: Configurer,
        before: Annotated[int | None, Query(ge=1, le=10**15)] = None,
        limit: Annotated[int, Query(ge=1, le=VERSIONS_PER_PAGE_MAX)] = 50,
    ) -> list[VersionSummary]:
        """List versions, the newest first; ``before`` is the last number of the page before."""
        found = await keeper.versions(actor.tenant, before=before, limit=limit)
        return [VersionSummary.of(version) for version in found]

    @router.get("/agreements")
    async def agreements(actor: Reader) -> list[AgreementView]:
        """List the agreements of the version in force, with what is to be done about each."""
        return await keeper.agreements(actor.tenant)

    @router.get("/versions/{version}")
    async def one(version: Version, actor: Configurer) -> VersionView:
        """Return a version with its sections."""
        found = await keeper.version(actor.tenant, version)
        sections = await keeper.sections(actor.tenant, found)
        return VersionView(**VersionSummary.of(found).model_dump(), sections=sections)


def _add_trying(router: APIRouter, keeper: ConfigurationKeeper) -> None:
    @router.post(
        "/check",
        openapi_extra=documented(SectionsBody),
        dependencies=[allowed(Action.CONFIGURE)],
    )
    async def check(body: WholeBody) -> CheckView:
        """Tell what is wrong with a configuration; nothing is kept of it."""
        found = await keeper.check(body.sections)
        return CheckView(
            valid=not found.problems,
            problems=[FaultView.of(fault) for fault in found.problems[:FAULTS_MAX]],
            broken_promises=[BrokenPromise.of(kept) for kept in found.promised.broken],
            service_levels=found.promised.levels,
        )

    @router.post("/diff", openapi_extra=documented(SectionsBody))
    async def compare(actor: Configurer, response: Response, body: WholeBody) -> DiffView:
        """Tell what a configuration would change; nothing is kept of it."""
        with refusals():
            found = await keeper.diff(actor.tenant, body.sections)
        _tagged(response, found.version)
        return DiffView(
            version=found.version,
            changes=[ChangeView.of(change) for change in found.changes],
            broken_promises=[BrokenPromise.of(kept) for kept in found.promised.broken],
            service_levels=found.promised.levels,
            skipped_states=list(found.skipped),
        )


def _add_changing(router: APIRouter, keeper: ConfigurationKeeper) -> None:
    @router.put("", openapi_extra=documented(ApplyBody))
    async def apply(
        actor: Configurer,
        response: Response,
        expected: SeenVersion,
        body: Annotated[ApplyBody, body_of(ApplyBody, bytes_max=None)],
    ) -> AppliedView:
        """Put a configuration in force, if the version that If-Match names still is."""
        with refusals():
            applied = await keeper.apply(
                body.sections,
                actor=actor,
                note=body.note,
                expected=expected,
                forced_because=body.forced_because,
            )
        return _answer(response, applied)

    @router.post("/rollback", openapi_extra=documented(RollbackBody))
    async def roll_back(
        actor: Configurer,
        response: Response,
        expected: SeenVersion,
        body: Annotated[RollbackBody, body_of(RollbackBody)],
    ) -> AppliedView:
        """Put the content of an old version in force as a new one."""
        with refusals():
            applied = await keeper.roll_back(
                body.version,
                actor=actor,
                note=body.note,
                expected=expected,
                forced_because=body.forced_because,
            )
        return _answer(response, applied)
