"""What the driver's errors mean for the commit protocol; beside `shared.mongo`, which uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)

from shared.kernel import Infrastructure
from shared.streams import Unstorable

DUPLICATE_KEY = 11000
WRITE_CONFLICT = 112
TOO_LARGE = frozenset({10334, 17419, 17420})
"""Codes for a document beyond 16 MiB: as it comes, after an update, after an upsert."""

UNAVAILABLE = (AutoReconnect, NetworkTimeout, WaitQueueTimeoutError, ExecutionTimeout)
"""Errors after which a write may or may not have been applied."""


@asynccontextmanager
async def infrastructure() -> AsyncIterator[None]:
    """Turn the driver's errors into `Infrastructure`; duplicate keys pass through.

    Raises:
        Unstorable: the driver or the server refused the content itself.
    """
    try:
        yield
    except DuplicateKeyError:
        raise
    except (BSONError, OverflowError, UnicodeError) as error:
        message = f"store: {type(error).__name__}: {str(error)[:300]}"
        raise Unstorable(message) from error
    except BulkWriteError as error:
        if any(problem["code"] in TOO_LARGE for problem in _problems(error)):
            message = "store: the document would be too large"
            raise Unstorable(message) from error
        raise
    except PyMongoError as error:
        if isinstance(error, OperationFailure) and error.code in TOO_LARGE:
            message = "store: the document would be too large"
            raise Unstorable(message) from error
        message = f"store: {type(error).__name__}: {str(error)[:300]}"
        raise Infrastructure(message) from error


def duplicates_of(error: BulkWriteError) -> set[int]:
    """Return the positions of an unordered bulk that met a duplicate key.

    Raises:
        Infrastructure: the bulk failed for another reason as well.
    """
    details: Mapping[str, Any] = error.details or {}
    problems = _problems(error)
    if details.get("writeConcernErrors") or any(p["code"] != DUPLICATE_KEY for p in problems):
        message = f"store: {str(details)[:300]}"
        raise Infrastructure(message) from error
    return {problem["index"] for problem in problems}


def _problems(error: BulkWriteError) -> list[Mapping[str, Any]]:
    details: Mapping[str, Any] = error.details or {}
    return list(details.get("writeErrors", []))


def _only(error: BulkWriteError, code: int) -> bool:
    """Whether each write of a bulk that failed did so with this code, and one did."""
    problems = _problems(error)
    return bool(problems) and all(problem["code"] == code for problem in problems)


def _cause(error: BaseException) -> BaseException:
    return error.__cause__ or error


def is_uncertain(error: BaseException) -> bool:
    """Whether the write may have been applied although it failed."""
    return isinstance(_cause(error), UNAVAILABLE)


def is_conflict(error: BaseException) -> bool:
    """Whether a concurrent transaction won, and nothing of ours was applied."""
    cause = _cause(error)
    if isinstance(cause, BulkWriteError):
        return _only(cause, WRITE_CONFLICT)
    return isinstance(cause, OperationFailure) and (
        cause.has_error_label("TransientTransactionError") or cause.code == WRITE_CONFLICT
    )


def is_duplicate(error: BaseException) -> bool:
    """Whether somebody else has inserted the document."""
    cause = _cause(error)
    if isinstance(cause, BulkWriteError):
        return _only(cause, DUPLICATE_KEY)
    return isinstance(cause, DuplicateKeyError)
