"""The connection to the store: clients whose acknowledged writes are durable."""

from __future__ import annotations

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.documents import Row

Client = AsyncIOMotorClient[Row]
Database = AsyncIOMotorDatabase[Row]

OPERATION_SECONDS_MAX = 20


def connect(url: str, *, name: str) -> Client:
    """Return a client whose acknowledged writes are durable.

    Args:
        url: a ``mongodb://`` URL.
        name: shown in the server's logs.
    """
    return AsyncIOMotorClient(
        url,
        appname=name,
        tz_aware=True,
        w="majority",
        journal=True,
        retryWrites=True,
        maxPoolSize=50,
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=OPERATION_SECONDS_MAX * 1_000,
        waitQueueTimeoutMS=10_000,
    )


def database(client: Client, name: str) -> Database:
    """Return a service's own database; instants are read as UTC."""
    return client.get_database(
        name,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )
