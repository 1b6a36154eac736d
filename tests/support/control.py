"""Control on the memory store and the memory log, and its own rows in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from services.control.api.configuration import configuration_router
from services.control.api.identities import identities_router, keys_router
from services.control.api.sessions import sessions_router
from services.control.domain.attempts import Attempts
from services.control.domain.configuration import SECTIONS, VERSIONS, VersionState
from services.control.domain.identities import IDENTITY, IdentityState
from services.control.domain.keys import KEYS
from services.control.domain.passwords import Cost, PasswordHash
from services.control.handlers.bootstrap import BootstrapAuthenticator
from services.control.handlers.configuration import ConfigurationKeeper
from services.control.handlers.identities import IdentityKeeper
from services.control.handlers.keys import SigningKeys
from services.control.handlers.sessions import PasswordSignIn, SessionLimits, Sessions
from services.control.ports import Identity, PrivateKey
from shared.auth import Actor, Identities
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.control import IdentityKind, Role
from shared.contracts.envelope import Event, decode
from shared.contracts.topics import CONFIGURATION, IDENTITIES
from shared.documents import plain
from shared.http import equip
from shared.organisation import Configuration, parse_sections
from shared.outbox import Relay
from shared.testing.clock import ManualClock
from shared.testing.memory import (
    Faults,
    MemoryData,
    MemoryLog,
    MemoryPublisher,
    MemoryStreams,
    NoFaults,
)

TENANT = "acme"
BOOTSTRAP_TOKEN = "bootstrap-token-of-the-tests"
CHEAP = Cost(n=2, r=1, p=1)
"""The cost is no rule of control's; the tests sign in hundreds of times."""
AGGREGATES = (SECTIONS, VERSIONS, IDENTITY, KEYS)
ADMIN = Actor(
    identity="admin-id",
    name="admin",
    tenant=TENANT,
    kind=IdentityKind.AGENT,
    roles=frozenset({Role.ADMIN}),
)
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"


def sample_sections() -> dict[str, Any]:
    """Return the sample organisation, as control takes it."""
    files = {
        path.relative_to(SAMPLE).as_posix(): path.read_text(encoding="utf-8")
        for path in SAMPLE.rglob("*.yaml")
    }
    configuration: Configuration = parse_sections(files)
    return configuration.sections()


def renamed(name: str) -> dict[str, Any]:
    """Return the sample organisation under another name: one section differs."""
    sections = sample_sections()
    return {**sections, "organisation": {**sections["organisation"], "name": name}}


class Crash(Exception):
    """The process dies here."""


@dataclass
class FailAt:
    """Raises at the ``count``-th point of I/O; counts the points that it saw."""

    count: int
    error: Callable[[], Exception] = Crash
    seen: int = 0
    names: list[str] = field(default_factory=list)

    async def point(self, name: str) -> None:
        """Raise, where this is the point."""
        self.seen += 1
        self.names.append(name)
        if self.seen == self.count:
            raise self.error()


@dataclass
class FailAlways:
    """Raises at every point of I/O."""

    error: Callable[[], Exception]

    async def point(self, name: str) -> None:
        """Raise."""
        raise self.error()


@dataclass
class ControlData:
    """Control's own rows on disk: they outlive the processes that use them."""

    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    history: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    passwords: dict[str, PasswordHash] = field(default_factory=dict)
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    attempts: dict[str, Attempts] = field(default_factory=dict)
    whole: bool = False


class MemoryControlStore:
    """`Archive`, `Directory`, `Vault` and `AttemptLog` in memory."""

    def __init__(
        self, data: ControlData, documents: MemoryData, *, faults: Faults | None = None
    ) -> None:
        self._data = data
        self._documents = documents
        self._faults = faults or NoFaults()

    async def put_contents(self, tenant: str, contents: Mapping[str, bytes]) -> None:
        """Keep contents; those that are there stay as they are."""
        await self._faults.point("archive.put")
        for digest, text in contents.items():
            self._data.contents.setdefault((tenant, digest), text)
        await self._faults.point("archive.put.answer")

    async def contents(self, tenant: str, digests: Collection[str]) -> dict[str, Any]:
        """Return contents by digest."""
        await self._faults.point("archive.get")
        found = self._data.contents
        return {d: json.loads(found[tenant, d]) for d in digests if (tenant, d) in found}

    async def keep_versions(self, tenant: str, versions: Sequence[VersionState]) -> None:
        """Keep versions; those that are there stay as they are."""
        await self._faults.point("archive.keep")
        for version in versions:
            self._data.history.setdefault((tenant, version.version), plain(version))
        await self._faults.point("archive.keep.answer")

    async def version(self, tenant: str, version: int) -> VersionState | None:
        """Return a kept version."""
        await self._faults.point("archive.version")
        row = self._data.history.get((tenant, version))
        return None if row is None else VersionState.model_validate(row)

    async def versions(self, tenant: str, *, before: int, limit: int) -> list[VersionState]:
        """Return kept versions, the newest first."""
        await self._faults.point("archive.versions")
        numbers = sorted((n for t, n in self._data.history if t == tenant and n < before))[::-1]
        rows = [self._data.history[tenant, number] for number in numbers]
        return [VersionState.model_validate(row) for row in rows[: max(0, limit)]]

    async def is_whole(self) -> bool:
        """Return whether the archive was filled."""
        await self._faults.point("archive.is_whole")
        return self._data.whole

    async def mark_whole(self) -> None:
        """Remember that it was."""
        await self._faults.point("archive.mark_whole")
        self._data.whole = True

    async def identities(
        self, tenant: str, *, name: str | None, after: str, limit: int
    ) -> list[Identity]:
        """Return identities by name."""
        await self._faults.point("directory.list")
        rows = [
            row
            for row in self._documents.collection(IDENTITY.name).values()
            if row["tenant"] == tenant
        ]
        found = [
            Identity(id=row["_id"], state=IdentityState.model_validate(row["state"]))
            for row in rows
            if (row["state"]["name"] == name if name is not None else row["state"]["name"] > after)
        ]
        return sorted(found, key=lambda identity: identity.state.name)[:limit]

    async def add_password(self, identity: str, password: PasswordHash) -> bool:
        """Keep a first password."""
        await self._faults.point("vault.add_password")
        if identity in self._data.passwords:
            return False
        self._data.passwords[identity] = password
        return True

    async def set_password(self, identity: str, password: PasswordHash) -> None:
        """Keep a password."""
        await self._faults.point("vault.set_password")
        self._data.passwords[identity] = password

    async def password(self, identity: str) -> PasswordHash | None:
        """Return a password."""
        await self._faults.point("vault.password")
        return self._data.passwords.get(identity)

    async def add_key(self, key: PrivateKey) -> None:
        """Keep a private key."""
        await self._faults.point("vault.add_key")
        self._data.keys[key.kid] = key

    async def key(self, kid: str) -> PrivateKey | None:
        """Return a private key."""
        await self._faults.point("vault.key")
        return self._data.keys.get(kid)

    async def remove_keys(self, kids: Collection[str]) -> None:
        """Delete private keys."""
        await self._faults.point("vault.remove_keys")
        for kid in kids:
            self._data.keys.pop(kid, None)

    async def attempts(self, key: str) -> Attempts | None:
        """Return attempts."""
        await self._faults.point("attempts.get")
        return self._data.attempts.get(key)

    async def replace(self, key: str, *, before: Attempts | None, after: Attempts) -> bool:
        """Write attempts where they still are ``before``."""
        await self._faults.point("attempts.replace")
        if self._data.attempts.get(key) != before:
            return False
        self._data.attempts[key] = after
        return True

    async def forget(self, key: str) -> None:
        """Delete attempts."""
        await self._faults.point("attempts.forget")
        self._data.attempts.pop(key, None)


@dataclass
class Disk:
    """What outlives a process of control: its store and the log."""

    documents: MemoryData = field(default_factory=MemoryData)
    rows: ControlData = field(default_factory=ControlData)
    log: MemoryLog = field(default_factory=MemoryLog)


class World:
    """One process of control, and what every other service learns from its topics."""

    def __init__(
        self,
        *,
        disk: Disk | None = None,
        clock: ManualClock | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.disk = disk or Disk()
        self.clock = clock or ManualClock()
        self.streams = MemoryStreams(self.disk.documents, faults=faults)
        self.store = MemoryControlStore(self.disk.rows, self.disk.documents, faults=faults)
        self.relay = Relay(
            publisher=MemoryPublisher(self.disk.log),
            store=self.streams,
            aggregates=AGGREGATES,
            clock=self.clock,
        )
        self.configurations = Configurations(require_seconds_max=0.01)
        self.known = Identities()
        """What any service knows of identities: fed from the published events alone."""
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        self.configuration = ConfigurationKeeper(
            committer=self.committer, archive=self.store, clock=self.clock
        )
        self.identities = IdentityKeeper(
            committer=self.committer,
            directory=self.store,
            vault=self.store,
            clock=self.clock,
            cost=CHEAP,
        )
        self.keys = SigningKeys(
            committer=self.committer,
            vault=self.store,
            clock=self.clock,
            lead=timedelta(seconds=30),
            token_life=timedelta(hours=1),
        )
        self.sessions = Sessions(
            sign_in=PasswordSignIn(
                store=self.streams, vault=self.store, clock=self.clock, cost=CHEAP
            ),
            attempts=self.store,
            store=self.streams,
            vault=self.store,
            keys=self.keys,
            clock=self.clock,
            limits=SessionLimits(token_life=timedelta(hours=1), renewal_max=timedelta(hours=12)),
        )

    def restarted(self, *, faults: Faults | None = None) -> World:
        """Return another process on the same disk."""
        return World(disk=self.disk, clock=self.clock, faults=faults)

    async def deliver(self) -> None:
        """Send everything that is decided, and let every service read the topics anew."""
        await self.relay.sweep(everything=True)
        await self.relay.drain()
        await self.configurations.process(self.disk.log.records(CONFIGURATION.name))
        await self.known.process(self.disk.log.records(IDENTITIES.name))

    def events(self, topic: str) -> list[Event[bytes]]:
        """Return what lies on a topic."""
        return [decode(r.headers, r.value) for r in self.disk.log.records(topic)]

    def app(self) -> FastAPI:
        """Return control's routes on this process."""
        app = FastAPI()
        equip(app)
        app.state.authenticator = BootstrapAuthenticator(
            self.known, self.clock, token=BOOTSTRAP_TOKEN, tenant=TENANT
        )
        app.include_router(configuration_router(self.configuration))
        app.include_router(identities_router(self.identities))
        app.include_router(keys_router(self.keys))
        app.include_router(sessions_router(self.sessions, tenant=TENANT))
        return app

    def client(self, token: str | None = BOOTSTRAP_TOKEN) -> httpx.AsyncClient:
        """Return a caller with a bearer token; None calls without."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app()),
            base_url="http://control.example",
            headers=headers,
        )
