"""Classifying: what has to be looked up before a request can be classified, and the models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.intake.domain.classify import (
    NOBODY,
    Classified,
    Detected,
    classify_request,
    looks_at_the_asker,
)
from services.intake.domain.learning import Learned
from services.intake.domain.normal import Request
from services.intake.handlers.callers import Caller
from services.intake.handlers.meeting import Meeting, asker_of
from services.intake.ports import ModelStore
from shared.contracts.facts import Channel
from shared.log import Log
from shared.organisation import Configuration

Detect = Callable[[str, Sequence[str]], tuple[str, float] | None]
"""From a text and the languages that it may be in to the language and the confidence."""

LANGUAGE_TEXT_MAX = 2_000


class Models:
    """The newest trained model of each tenant, kept in memory; `refresh` is run by a ticker."""

    def __init__(self, *, store: ModelStore, log: Log) -> None:
        self._store = store
        self._log = log
        self._learned: dict[str, Learned] = {}

    def current(self, tenant: str) -> Learned | None:
        """Return a tenant's model; None where it has none."""
        return self._learned.get(tenant)

    async def refresh(self) -> None:
        """Load what is newer than what is known, and forget what was taken away.

        Raises:
            Infrastructure: the store does not answer; what is known stays.
        """
        newest = await self._store.newest_models()
        for tenant in self._learned.keys() - newest.keys():
            del self._learned[tenant]
        for tenant, version in newest.items():
            known = self._learned.get(tenant)
            if known is not None and known.version == version:
                continue
            try:
                model = await self._store.model(tenant=tenant, version=version)
                if model is not None:
                    self._learned[tenant] = Learned(model)
            except ValueError as error:
                # A newer release's model, or a broken one: the one before it goes on.
                self._log.warning(
                    "model_unreadable", tenant=tenant, version=version, error=str(error)
                )


class Classifying:
    """Classifies requests. ``detect`` finds the language of a text."""

    def __init__(self, *, meeting: Meeting, models: Models, detect: Detect | None = None) -> None:
        self._meeting = meeting
        self._models = models
        self._detect = detect

    async def classify(
        self, request: Request, *, caller: Caller, configuration: Configuration, channel: Channel
    ) -> Classified:
        """Return what a request is.

        The contact is looked up only where rules or weights look at it: most organisations'
        do not, and then accepting costs no question to the store.

        Raises:
            CommandRejected: the request names what the organisation does not have.
            Infrastructure: the contact cannot be looked up now.
        """
        asker = NOBODY
        if looks_at_the_asker(configuration):
            person = await self._meeting.known(request.contact, tenant=caller.tenant)
            asker = asker_of(person)
        learned = self._models.current(caller.tenant)
        return classify_request(
            request,
            integration=caller.integration,
            configuration=configuration,
            channel=channel,
            caller=caller.name,
            asker=asker,
            suggestion=(
                learned.suggest(subject=request.subject, text=request.text) if learned else None
            ),
            detected=self._detected(request, configuration),
        )

    def _detected(self, request: Request, configuration: Configuration) -> Detected | None:
        """Return the language of a text that nobody names, where there are several to choose."""
        candidates = configuration.intake.languages or configuration.organisation.languages
        if self._detect is None or request.language is not None or len(candidates) == 1:
            return None
        text = f"{request.subject}\n{request.text[:LANGUAGE_TEXT_MAX]}"
        found = self._detect(text, candidates)
        return None if found is None else Detected(language=found[0], confidence=found[1])
