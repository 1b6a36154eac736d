"""Versions of a tenant's configuration, and the sections that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.control import ConfigurationApplied, SectionStored
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Instant
from shared.contracts.topics import CONFIGURATION
from shared.kernel import CommandRejected, stream_id


class SectionState(BaseModel):
    """A section: the content that was published last, by its digest.

    Its contents are rows of their own, for ever; here is only what the next decision needs.
    """

    model_config = ConfigDict(frozen=True)

    section: str
    digest: str


class VersionState(BaseModel):
    """A version of a tenant's configuration: which content each section has.

    Invariant: versions count from 1 without gaps, and one, once applied, never changes.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    manifest: dict[str, str]
    """Section to digest."""
    actor: str
    note: str
    applied_at: Instant
    forced_because: str = ""
    """Why it is in force although promised time is not covered."""


def section_stream(tenant: str, section: str) -> str:
    """Return the stream of a section."""
    return stream_id(tenant, "section", section)


def versions_stream(tenant: str) -> str:
    """Return the stream of a tenant's versions."""
    return stream_id(tenant, "configuration")


def evolve_section(_state: SectionState | None, event: Event[Any]) -> SectionState:
    """Return the section after an event of its stream."""
    body: SectionStored = event.body
    return SectionState(section=body.section, digest=body.digest)


def evolve_versions(_state: VersionState | None, event: Event[Any]) -> VersionState:
    """Return the version in force after an event of the stream."""
    body: ConfigurationApplied = event.body
    return VersionState(
        version=body.version,
        manifest=dict(body.manifest),
        actor=body.actor,
        note=body.note,
        applied_at=event.time,
        forced_because=body.forced_because,
    )


SECTIONS = Aggregate(
    name="sections",
    topic=CONFIGURATION,
    state=SectionState,
    evolve=evolve_section,
    events=(SectionStored,),
)
VERSIONS = Aggregate(
    name="versions",
    topic=CONFIGURATION,
    state=VersionState,
    evolve=evolve_versions,
    events=(ConfigurationApplied,),
)


def decide_store(
    state: SectionState | None, *, section: str, digest: str, content: Any
) -> list[Body]:
    """Publish a section's content, unless it is what was published last."""
    if state is not None and state.digest == digest:
        return []
    return [SectionStored(section=section, digest=digest, content=content)]


def decide_apply(
    state: VersionState | None,
    *,
    expected: int | None,
    manifest: Mapping[str, str],
    actor: str,
    note: str,
    forced_because: str = "",
) -> list[Body]:
    """Put a manifest in force as the next version, if the caller has seen the present one.

    What is in force already makes no new version. So a caller whose answer was lost may ask
    again: the version that its own request made is not held against it.

    Args:
        state: the version in force; None before the first.
        expected: the version that the caller saw; None where it did not say.
        manifest: section to digest.
        actor: who asks.
        note: why, for the history.
        forced_because: why although promised time is not covered; empty where it is.

    Raises:
        CommandRejected: 428 where a version is needed, 412 where another one is in force.
    """
    version = 0 if state is None else state.version
    if expected is None and state is not None:
        raise CommandRejected(
            "precondition-required",
            f"version {version} is in force: send the version you saw as If-Match",
            field="If-Match",
            status=428,
        )
    seen = expected or 0
    if state is not None and state.manifest == manifest and seen in {version, version - 1}:
        return []
    if seen != version:
        raise CommandRejected(
            "version-stale",
            f"the configuration has changed: you saw version {seen}, {version} is in force",
            field="If-Match",
            status=412,
        )
    return [
        ConfigurationApplied(
            version=version + 1,
            manifest=dict(manifest),
            actor=actor,
            note=note,
            forced_because=forced_because,
        )
    ]
