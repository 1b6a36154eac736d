"""Control's own rows in the store, beside the documents of its streams.

Collections: ``contents`` (tenant and digest), ``history`` (tenant and version), ``passwords``
(identity), ``private_keys`` (kid), ``attempts`` (tenant and name), ``meta``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.control.domain.attempts import MEMORY, Attempts
from services.control.domain.configuration import VersionState
from services.control.domain.identities import IDENTITY, IdentityState
from services.control.domain.passwords import Cost, PasswordHash
from services.control.ports import Identity, PrivateKey
from shared.documents import Row, plain
from shared.mongo import Database, duplicates_of, infrastructure

CONTENTS: Final = "contents"
HISTORY: Final = "history"
PASSWORDS: Final = "passwords"
PRIVATE_KEYS: Final = "private_keys"
ATTEMPTS: Final = "attempts"
META: Final = "meta"
ARCHIVE_ROW: Final = "archive"


class ControlStore:
    """`Archive`, `Directory`, `Vault` and `AttemptLog` on control's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure_indexes(self) -> None:
        """Create the indexes that the queries here need."""
        async with infrastructure():
            identities = self._database[IDENTITY.name]
            await identities.create_index([("tenant", 1), ("state.name", 1)], name="by_name")
            history = self._database[HISTORY]
            await history.create_index([("tenant", 1), ("version", -1)], name="newest")
            await self._database[ATTEMPTS].create_index(
                [("at", 1)], expireAfterSeconds=int(MEMORY.total_seconds()), name="forget"
            )

    async def put_contents(self, tenant: str, contents: Mapping[str, bytes]) -> None:
        """Keep contents (digest to canonical JSON); those that are there stay as they are."""
        ids = {_content_id(tenant, digest): text for digest, text in contents.items()}
        collection = self._database[CONTENTS]
        async with infrastructure():
            found = await collection.find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list(None)
        known = {row["_id"] for row in found}
        rows = [
            {"_id": identifier, "tenant": tenant, "json": text.decode()}
            for identifier, text in ids.items()
            if identifier not in known
        ]
        await self._insert_missing(CONTENTS, rows)

    async def contents(self, tenant: str, digests: Collection[str]) -> dict[str, Any]:
        """Return the contents that are kept, by digest."""
        ids = {_content_id(tenant, digest): digest for digest in digests}
        async with infrastructure():
            cursor = self._database[CONTENTS].find({"_id": {"$in": list(ids)}})
            rows = await cursor.to_list(None)
        return {ids[row["_id"]]: json.loads(row["json"]) for row in rows}

    async def keep_versions(self, tenant: str, versions: Sequence[VersionState]) -> None:
        """Keep versions; those that are there stay as they are."""
        rows = [
            {
                "_id": f"{tenant}:{version.version}",
                "tenant": tenant,
                "version": version.version,
                "state": plain(version),
            }
            for version in versions
        ]
        await self._insert_missing(HISTORY, rows)

    async def _insert_missing(self, collection: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        try:
            async with infrastructure():
                await self._database[collection].insert_many(rows, ordered=False)
        except BulkWriteError as error:
            duplicates_of(error)

    async def version(self, tenant: str, version: int) -> VersionState | None:
        """Return a kept version."""
        async with infrastructure():
            row = await self._database[HISTORY].find_one({"_id": f"{tenant}:{version}"})
        return None if row is None else VersionState.model_validate(row["state"])

    async def versions(self, tenant: str, *, before: int, limit: int) -> list[VersionState]:
        """Return kept versions below a number, the newest first."""
        if limit < 1:
            return []
        async with infrastructure():
            cursor = self._database[HISTORY].find({"tenant": tenant, "version": {"$lt": before}})
            rows = await cursor.sort("version", -1).limit(limit).to_list(None)
        return [VersionState.model_validate(row["state"]) for row in rows]

    async def is_whole(self) -> bool:
        """Return whether the archive holds what the topic held when this store was made."""
        async with infrastructure():
            return await self._database[META].find_one({"_id": ARCHIVE_ROW}) is not None

    async def mark_whole(self) -> None:
        """Remember that it does."""
        async with infrastructure():
            await self._database[META].update_one(
                {"_id": ARCHIVE_ROW}, {"$set": {"whole": True}}, upsert=True
            )

    async def identities(
        self, tenant: str, *, name: str | None, after: str, limit: int
    ) -> list[Identity]:
        """Return a tenant's identities by name, those after a name."""
        query: Row = {"tenant": tenant, "state.name": {"$gt": after} if name is None else name}
        async with infrastructure():
            cursor = self._database[IDENTITY.name].find(query, {"state": 1})
            rows = await cursor.sort("state.name", 1).limit(limit).to_list(None)
        return [
            Identity(id=row["_id"], state=IdentityState.model_validate(row["state"]))
            for row in rows
        ]

    async def add_password(self, identity: str, password: PasswordHash) -> bool:
        """Keep an identity's first password; False where it has one."""
        try:
            async with infrastructure():
                await self._database[PASSWORDS].insert_one(
                    {"_id": identity, **_password_row(password)}
                )
        except DuplicateKeyError:
            return False
        return True

    async def set_password(self, identity: str, password: PasswordHash) -> None:
        """Keep a password in place of whatever there was."""
        async with infrastructure():
            await self._database[PASSWORDS].update_one(
                {"_id": identity}, {"$set": _password_row(password)}, upsert=True
            )

    async def password(self, identity: str) -> PasswordHash | None:
        """Return an identity's password."""
        async with infrastructure():
            row = await self._database[PASSWORDS].find_one({"_id": identity})
        if row is None:
            return None
        return PasswordHash(
            salt=row["salt"],
            digest=bytes(row["digest"]),
            cost=Cost(**row["cost"]),
            changed_at=row["changed_at"],
        )

    async def add_key(self, key: PrivateKey) -> None:
        """Keep a private key."""
        row = {"_id": key.kid, "tenant": key.tenant, "jwk": dict(key.jwk)}
        async with infrastructure():
            await self._database[PRIVATE_KEYS].insert_one(row)

    async def key(self, kid: str) -> PrivateKey | None:
        """Return a private key."""
        async with infrastructure():
            row = await self._database[PRIVATE_KEYS].find_one({"_id": kid})
        return None if row is None else PrivateKey(kid=kid, tenant=row["tenant"], jwk=row["jwk"])

    async def remove_keys(self, kids: Collection[str]) -> None:
        """Delete private keys."""
        async with infrastructure():
            await self._database[PRIVATE_KEYS].delete_many({"_id": {"$in": list(kids)}})

    async def attempts(self, key: str) -> Attempts | None:
        """Return the attempts under a key."""
        async with infrastructure():
            row = await self._database[ATTEMPTS].find_one({"_id": key})
        return None if row is None else Attempts(count=row["count"], at=row["at"])

    async def replace(self, key: str, *, before: Attempts | None, after: Attempts) -> bool:
        """Write attempts where they still are ``before``; False where they are not."""
        values = {"count": after.count, "at": after.at}
        try:
            async with infrastructure():
                if before is None:
                    await self._database[ATTEMPTS].insert_one({"_id": key, **values})
                    return True
                result = await self._database[ATTEMPTS].update_one(
                    {"_id": key, "count": before.count, "at": before.at}, {"$set": values}
                )
        except DuplicateKeyError:
            return False
        return bool(result.matched_count == 1)

    async def forget(self, key: str) -> None:
        """Delete the attempts under a key."""
        async with infrastructure():
            await self._database[ATTEMPTS].delete_one({"_id": key})


def _content_id(tenant: str, digest: str) -> str:
    return f"{tenant}:{digest}"


def _password_row(password: PasswordHash) -> Row:
    return {
        "salt": password.salt,
        "digest": password.digest,
        "cost": {"n": password.cost.n, "r": password.cost.r, "p": password.cost.p},
        "changed_at": password.changed_at,
    }
