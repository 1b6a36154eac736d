"""What the clients of the services' internal APIs share: one question, one answer, one error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from shared.contracts.internal import BATCH_MAX
from shared.kernel import Infrastructure

A = TypeVar("A", bound=BaseModel)


class InternalApi:
    """Asks one service under the service token."""

    service: ClassVar[str]
    """Whom it asks, for errors."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        seconds_max: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make no connection yet.

        Args:
            url: base of the service's HTTP, such as ``http://127.0.0.1:18101``.
            token: the service token itself, not a reference to it.
            seconds_max: for one request.
            transport: another one than the network, for tests.
        """
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=seconds_max,
            transport=transport,
            # A proxy of the environment is for the world outside, not for the next service.
            trust_env=False,
        )

    async def _ask(self, path: str, question: BaseModel, answer: type[A]) -> A:
        """Return the answer to a question.

        Raises:
            Infrastructure: the service does not answer, or refuses the token.
        """
        try:
            response = await self._client.post(
                path,
                content=question.model_dump_json(),
                headers={"Content-Type": "application/json"},
            )
            response.raise_for_status()
            return answer.model_validate_json(response.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise self._unanswered(path, error) from error

    def _unanswered(self, path: str, error: Exception) -> Infrastructure:
        message = f"{self.service}: {path}: {type(error).__name__}: {str(error)[:200]}"
        return Infrastructure(message)


def parts(ids: Iterable[str], each: int = BATCH_MAX) -> Iterator[tuple[str, ...]]:
    """Yield the distinct ids in parts that one request may carry."""
    distinct = tuple(dict.fromkeys(ids))
    for start in range(0, len(distinct), each):
        yield distinct[start : start + each]
