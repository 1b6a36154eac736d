"""The wiring of control: nothing is decided here."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI

from services.control.api.configuration import configuration_router
from services.control.api.identities import identities_router, keys_router
from services.control.api.sessions import sessions_router
from services.control.domain.configuration import SECTIONS, VERSIONS
from services.control.domain.identities import IDENTITY
from services.control.domain.keys import KEYS
from services.control.domain.passwords import Cost
from services.control.handlers.archive import ArchiveRestore
from services.control.handlers.bootstrap import BootstrapAuthenticator, FirstRows
from services.control.handlers.configuration import ConfigurationKeeper
from services.control.handlers.identities import IdentityKeeper
from services.control.handlers.keys import SigningKeys
from services.control.handlers.sessions import PasswordSignIn, SessionLimits, Sessions
from services.control.settings import ControlSettings
from services.control.store import ControlStore
from shared.clock import Clock, SystemClock
from shared.contracts.topics import CONFIGURATION
from shared.rebuild import read_topic
from shared.service import Runtime

FIRST_ROWS_SECONDS = 60.0
"""Looked at again this often: it heals what an operator deleted, and costs two reads."""

AGGREGATES = (SECTIONS, VERSIONS, IDENTITY, KEYS)


def create_app(settings: ControlSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application; nothing is connected before it starts.

    Raises:
        SettingsInvalid: a secret is too short, or a reference leads nowhere.
    """
    clock = clock or SystemClock()
    runtime = Runtime(name="control", settings=settings, clock=clock, aggregates=AGGREGATES)
    store = ControlStore(runtime.database)
    committer = runtime.committer
    token_life = timedelta(seconds=settings.session_seconds)
    cost = Cost()
    identities = IdentityKeeper(
        committer=committer, directory=store, vault=store, clock=clock, cost=cost
    )
    keys = SigningKeys(
        committer=committer,
        vault=store,
        clock=clock,
        lead=timedelta(seconds=settings.signing_key_lead_seconds),
        token_life=token_life,
    )
    sessions = Sessions(
        sign_in=PasswordSignIn(store=runtime.streams, vault=store, clock=clock, cost=cost),
        attempts=store,
        store=runtime.streams,
        vault=store,
        keys=keys,
        clock=clock,
        limits=SessionLimits(
            token_life=token_life,
            renewal_max=timedelta(seconds=settings.session_renewal_seconds_max),
        ),
    )
    configuration = ConfigurationKeeper(committer=committer, archive=store, clock=clock)
    restore = ArchiveRestore(
        store,
        lambda: read_topic(settings.servers, CONFIGURATION.name),
        always=settings.rebuild == "always",
    )
    first_rows = FirstRows(
        identities=identities,
        keys=keys,
        tenant=settings.tenant,
        service_token=settings.service_secret(),
    )
    runtime.prepare += [store.ensure_indexes, restore.run]
    runtime.tick("first_rows", first_rows.ensure, seconds=FIRST_ROWS_SECONDS)
    runtime.unready_reasons.append(first_rows.unready)
    app = runtime.application(
        routers=[
            configuration_router(configuration),
            identities_router(identities),
            keys_router(keys),
            sessions_router(sessions, tenant=settings.tenant),
        ],
        title="Heliodesk control",
        description="Configuration versions, identities and sessions.",
        body_bytes_max=settings.configuration_bytes_max,
    )
    app.state.authenticator = BootstrapAuthenticator(
        runtime.identities, clock, token=settings.bootstrap_secret(), tenant=settings.tenant
    )
    return app
