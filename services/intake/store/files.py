"""The bytes of files, in GridFS: equal bytes of one tenant are kept once.

Each upload has an id of its own. A row named by tenant and SHA-256 says which upload is the one
that counts; who loses the race for that row deletes its own upload, never the other's.
"""

from __future__ import annotations

from shared.clock import Clock
from shared.mongo import Database


class MongoFiles:
    """`FileStore` on intake's database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
