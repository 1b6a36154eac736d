"""Parked records over HTTP, the same in every service: list, replay, discard."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from shared.auth import Action, Actor
from shared.http import allowed
from shared.kernel import rfc3339
from shared.parking import Parking
from shared.streams import ParkedRecord


class ParkedView(BaseModel):
    """A parked record, without its content: the content may be personal."""

    model_config = ConfigDict(frozen=True)

    id: str
    stream: str | None
    aggregate: str
    topic: str
    partition: int
    offset: int
    event_id: str | None
    event_type: str | None
    error: str
    at: str

    @classmethod
    def of(cls, row: ParkedRecord) -> ParkedView:
        """Return the view of a row."""
        return cls(
            id=row.id,
            stream=row.stream,
            aggregate=row.aggregate,
            topic=row.record.topic,
            partition=row.record.partition,
            offset=row.record.offset,
            event_id=row.event_id,
            event_type=row.event_type,
            error=row.error,
            at=rfc3339(row.at),
        )


def parking_router(parking: Parking) -> APIRouter:
    """Return the routes under ``/v1/parked``."""
    router = APIRouter(prefix="/v1/parked", tags=["parked"])
    configure: Any = allowed(Action.CONFIGURE)

    @router.get("")
    async def list_parked(actor: Actor = configure) -> list[ParkedView]:
        """List parked records of the caller's tenant, and those whose envelope is unreadable."""
        return [ParkedView.of(row) for row in await parking.rows(tenant=actor.tenant)]

    @router.post("/{stream}/replay")
    async def replay(stream: str, actor: Actor = configure) -> dict[str, Any]:
        """Apply a stream's parked records in order."""
        await parking.require_owner(stream, tenant=actor.tenant)
        done = await parking.replay(stream)
        return {"applied": done.applied, "remaining": done.remaining, "error": done.error}

    @router.delete("/records/{row_id}")
    async def discard(row_id: str, actor: Actor = configure) -> ParkedView:
        """Remove one parked record for good."""
        return ParkedView.of(await parking.discard(row_id, tenant=actor.tenant))

    return router
