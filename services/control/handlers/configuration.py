"""Applying, checking, comparing and rolling back configurations."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from services.control.domain.configuration import (
    SECTIONS,
    VERSIONS,
    VersionState,
    decide_apply,
    decide_store,
    section_stream,
    versions_stream,
)
from services.control.domain.promises import Promised, PromisesBroken, promises_of
from services.control.ports import Archive
from shared.aggregate import Document
from shared.auth import Actor
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import (
    Change,
    Configuration,
    ConfigurationInvalid,
    Problem,
    canonical_json,
    diff,
    digest,
    validate_sections,
)
from shared.service_levels import AgreementView, StateChange, agreement_views, skipped_states


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply led to: the version in force, and whether it is a new one."""

    version: VersionState
    is_new: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a configuration, and what it promises and may not keep."""

    problems: tuple[Problem, ...] = ()
    promised: Promised = field(default_factory=Promised)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a configuration changes against the version in force, and what it may not keep."""

    version: int
    changes: list[Change]
    promised: Promised
    skipped: tuple[StateChange, ...] = ()
    """Agreements whose state changes without the steps between."""


class ConfigurationKeeper:
    """Puts configurations in force, one after the other.

    Invariants: a section's content is in the archive before an event names its digest; every
    version before the one in force is in the archive; a version takes effect by one guarded
    write, after everything that it names; what it promises is kept, or it says why not.
    """

    def __init__(self, *, committer: Committer, archive: Archive, clock: Clock) -> None:
        self._committer = committer
        self._archive = archive
        self._clock = clock

    async def in_force(self, tenant: str) -> VersionState | None:
        """Return the version in force; None before the first."""
        stream = versions_stream(tenant)
        document = (await self._committer.store.load(VERSIONS, [stream])).get(stream)
        return None if document is None else document.state

    async def version(self, tenant: str, version: int) -> VersionState:
        """Return a version, old or new.

        Raises:
            CommandRejected: 404 where there is none of that number.
        """
        current = await self.in_force(tenant)
        if current is not None and current.version == version:
            return current
        found = await self._archive.version(tenant, version)
        if found is None or current is None or version > current.version:
            raise CommandRejected(
                "not-found", f"there is no version {version}", field="version", status=404
            )
        return found

    async def versions(self, tenant: str, *, before: int | None, limit: int) -> list[VersionState]:
        """Return versions below a number, the newest first."""
        current = await self.in_force(tenant)
        if current is None:
            return []
        if before is not None and before <= current.version:
            return await self._archive.versions(tenant, before=before, limit=limit)
        older = await self._archive.versions(tenant, before=current.version, limit=limit - 1)
        return [current, *older]

    async def sections(self, tenant: str, version: VersionState) -> dict[str, Any]:
        """Return the contents of a version, by section."""
        contents = await self._archive.contents(tenant, set(version.manifest.values()))
        return {name: contents[found] for name, found in version.manifest.items()}

    async def agreements(self, tenant: str) -> list[AgreementView]:
        """Return the agreements of the version in force, as they stand now."""
        current = await self.in_force(tenant)
        if current is None:
            return []
        in_force = Configuration.from_sections(await self.sections(tenant, current))
        return await asyncio.to_thread(agreement_views, in_force, self._clock.now())

    async def check(self, sections: Mapping[str, Any]) -> Checked:
        """Return what stands against a configuration; nothing where it could be applied."""
        try:
            wanted = await _validated(sections)
        except ConfigurationInvalid as error:
            return Checked(problems=error.problems)
        return Checked(promised=await self.promised(wanted))

    async def promised(self, configuration: Configuration) -> Promised:
        """Return what a configuration promises and may not keep from now on."""
        return await asyncio.to_thread(promises_of, configuration, self._clock.now())

    async def diff(self, tenant: str, sections: Mapping[str, Any]) -> Compared:
        """Return the version in force, and what leads from it to these sections.

        Raises:
            ConfigurationInvalid: they could not be applied.
        """
        wanted = await _validated(sections)
        promised = await self.promised(wanted)
        current = await self.in_force(tenant)
        if current is None:
            return Compared(0, list(diff(Configuration(), wanted)), promised)
        before = Configuration.from_sections(await self.sections(tenant, current))
        skipped = skipped_states(before, wanted)
        return Compared(current.version, list(diff(before, wanted)), promised, skipped)

    async def apply(
        self,
        sections: Mapping[str, Any],
        *,
        actor: Actor,
        note: str,
        expected: int | None,
        forced_because: str = "",
    ) -> Applied:
        """Put a configuration in force as the next version of the actor's tenant.

        What was asked for and cannot be is refused before anything is written. A crash on the
        way leaves the version in force as it is: contents that no version names have no effect.

        Args:
            sections: name to content; all of the configuration, not only what changes.
            actor: who asks.
            note: why, for the history.
            expected: the version that the caller saw (If-Match).
            forced_because: why promises may stay unkept. It is kept with the version where it
                was needed, and only there.

        Raises:
            ConfigurationInvalid: with everything that is wrong.
            PromisesBroken: promised time is not covered, or a chain of targets is too late, and
                there is no reason.
            CommandRejected: 428 or 412, see `decide_apply`.
            Infrastructure: it may or may not be in force; the caller may ask again.
        """
        tenant = actor.tenant
        configuration = await _validated(sections)
        wanted = configuration.sections()
        manifest = {name: digest(content) for name, content in wanted.items()}
        current = await self.in_force(tenant)
        decide = partial(
            decide_apply, expected=expected, manifest=manifest, actor=actor.name, note=note
        )
        if not decide(current) and current is not None:
            return Applied(version=current, is_new=False)
        promised = await self.promised(configuration)
        if not promised.is_kept and not forced_because:
            raise PromisesBroken(promised)
        decide = partial(decide, forced_because="" if promised.is_kept else forced_because)
        if current is not None:
            await self._archive.keep_versions(tenant, [current])
        await self._store(tenant, wanted, manifest)
        document = await self._committer.execute(
            VERSIONS, Command(target=versions_stream(tenant), tenant=tenant, decide=decide)
        )
        if document.state is None:
            message = f"configuration of {tenant}: nothing was applied"
            raise Infrastructure(message)
        before = 0 if current is None else current.version
        return Applied(version=document.state, is_new=document.state.version > before)

    async def roll_back(
        self,
        version: int,
        *,
        actor: Actor,
        note: str,
        expected: int | None,
        forced_because: str = "",
    ) -> Applied:
        """Put the content of an old version in force as a new one.

        Raises:
            CommandRejected: 404 where there is no such version; else as `apply`.
            ConfigurationInvalid: today's rules no longer take that content.
            PromisesBroken: what it promised is not kept from today on.
        """
        old = await self.version(actor.tenant, version)
        sections = await self.sections(actor.tenant, old)
        note = note or f"back to version {version}"
        return await self.apply(
            sections, actor=actor, note=note, expected=expected, forced_because=forced_because
        )

    async def _store(
        self, tenant: str, sections: Mapping[str, Any], manifest: Mapping[str, str]
    ) -> None:
        """Archive and publish the sections that are not published already."""
        contents = {manifest[name]: canonical_json(content) for name, content in sections.items()}
        await self._archive.put_contents(tenant, contents)
        commands = [
            Command(
                target=section_stream(tenant, name),
                tenant=tenant,
                decide=partial(decide_store, section=name, digest=manifest[name], content=content),
            )
            for name, content in sections.items()
        ]
        results = await self._committer.execute_all(SECTIONS, commands)
        for command in commands:
            match results.get(command.target):
                case Document():
                    continue
                case CommandRejected() as refused:
                    raise refused
                case None:
                    message = f"configuration of {tenant}: others are storing the same sections"
                    raise Infrastructure(message)


async def _validated(sections: Mapping[str, Any]) -> Configuration:
    # In a thread: a large organisation takes seconds, and the process answers others meanwhile.
    return await asyncio.to_thread(validate_sections, sections)
