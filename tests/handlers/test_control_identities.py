"""Identities, tokens and sessions, as every service learns them from the published events."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.control.domain.keys import Retire
from services.control.handlers.bootstrap import BootstrapAuthenticator, FirstRows
from services.control.handlers.identities import Issued, NewIdentity
from services.control.handlers.sessions import Session, SignInBlocked, SignInFailed
from services.control.ports import Credentials, Identity
from shared.auth import Action, Actor, Authenticator, can
from shared.contracts.control import IdentityKind, Role
from shared.contracts.topics import IDENTITIES
from shared.kernel import CommandRejected
from shared.testing.clock import START
from tests.support.control import ADMIN, TENANT, Crash, FailAt, World

PASSWORD = "correct horse battery"
ANN = NewIdentity(
    kind=IdentityKind.AGENT, name="ann", roles=(Role.AGENT, Role.ADMIN), password=PASSWORD
)
PAGER = NewIdentity(kind=IdentityKind.INTEGRATION, name="pager", roles=(Role.INTEGRATION,))


async def made(world: World, wanted: NewIdentity = ANN) -> Identity:
    """Make an identity and let every service know."""
    identity, _ = await world.identities.create(wanted, actor=ADMIN)
    await world.deliver()
    return identity


async def issued(world: World, identity: Identity, **options: Any) -> Issued:
    """Make a token and let every service know."""
    options = {"label": "", "expires_at": None, **options}
    token = await world.identities.issue(identity.id, actor=ADMIN, **options)
    await world.deliver()
    return token


async def sign_in(
    world: World, name: str = "ann", password: str = PASSWORD, tenant: str = TENANT
) -> Session:
    """Sign in and let every service know the keys."""
    session = await world.sessions.open(Credentials(tenant=tenant, name=name, password=password))
    await world.deliver()
    return session


def known(world: World, token: str) -> Actor | None:
    """Return who presents a token, as any service sees it."""
    return Authenticator(world.known, world.clock).actor(token)


async def test_a_token_opens_until_it_is_revoked() -> None:
    """Services know a token's owner from the event, and nobody once it is revoked."""
    world = World()
    pager = await made(world, PAGER)
    token = await issued(world, pager, label="prometheus")
    actor = known(world, token.token)
    assert actor is not None
    assert (actor.name, actor.tenant, actor.roles) == (
        "pager",
        TENANT,
        frozenset({Role.INTEGRATION}),
    )
    assert token.token.startswith("hd_")
    await world.identities.revoke(pager.id, token.digest.digest, actor=ADMIN)
    await world.deliver()
    assert known(world, token.token) is None


async def test_a_token_expires() -> None:
    """A token with an end is worth nothing from that instant on."""
    world = World()
    pager = await made(world, PAGER)
    end = START + timedelta(minutes=5)
    token = await issued(world, pager, expires_at=end)
    world.clock.set(end - timedelta(milliseconds=1))
    assert known(world, token.token) is not None
    world.clock.set(end)
    assert known(world, token.token) is None
    with pytest.raises(CommandRejected, match="already-expired"):
        await issued(world, pager, expires_at=end)


async def test_an_identity_that_is_off_opens_nothing() -> None:
    """Switched off, neither its tokens nor its session nor its password count; on, they do."""
    world = World()
    ann = await made(world)
    token = await issued(world, ann)
    session = await sign_in(world)
    await world.identities.change(ann.id, actor=ADMIN, enabled=False)
    await world.deliver()
    assert known(world, token.token) is None
    assert known(world, session.token) is None
    with pytest.raises(SignInFailed):
        await sign_in(world)
    with pytest.raises(SignInFailed):
        await world.sessions.renew(session.token)
    await world.identities.change(ann.id, actor=ADMIN, enabled=True)
    await world.deliver()
    assert known(world, token.token) is not None


async def test_a_session_names_the_person() -> None:
    """A service that read only the topic knows who signed in, with today's roles, for an hour."""
    world = World()
    ann = await made(world)
    session = await sign_in(world)
    assert session.expires_at == START + timedelta(hours=1)
    actor = known(world, session.token)
    assert actor is not None
    assert (actor.identity, actor.name, actor.tenant) == (ann.id, "ann", TENANT)
    assert can(actor, Action.CONFIGURE, tenant=TENANT)
    await world.identities.change(ann.id, actor=ADMIN, roles=[Role.AGENT])
    await world.deliver()
    changed = known(world, session.token)
    assert changed is not None
    assert not can(changed, Action.CONFIGURE, tenant=TENANT)
    world.clock.set(START + timedelta(hours=1))
    assert known(world, session.token) is None


async def test_claims_are_those_that_were_promised() -> None:
    """The token says issuer, subject, tenant, name and its end, and nothing secret."""
    world = World()
    ann = await made(world)
    session = await sign_in(world)
    payload = session.token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    seconds = int(START.timestamp())
    assert claims == {
        "iss": "heliodesk",
        "sub": ann.id,
        "tenant": TENANT,
        "name": "ann",
        "iat": seconds,
        "exp": seconds + 3600,
        "auth_time": seconds,
    }


async def test_another_tenant_cannot_be_claimed() -> None:
    """A token of one tenant's key that names another tenant is nobody's."""
    world = World()
    ann = await made(world)
    await world.keys.ensure("globex")
    claims = {"iss": "heliodesk", "sub": ann.id, "name": "ann", "exp": 9_999_999_999}
    own = await world.keys.sign(TENANT, {**claims, "tenant": TENANT})
    foreign = await world.keys.sign("globex", {**claims, "tenant": TENANT})
    wrong = await world.keys.sign("globex", {**claims, "tenant": "globex"})
    await world.deliver()
    assert known(world, own) is not None
    assert known(world, foreign) is None
    assert known(world, wrong) is None
    assert can(ADMIN, Action.CONFIGURE, tenant="globex") is False


async def test_a_forged_token_is_nobodys() -> None:
    """A token that another key signed under our key's name opens nothing and renews nothing."""
    world = World()
    ann = await made(world)
    kid = (await world.keys.ensure(TENANT)).keys[0].kid
    claims = {
        "iss": "heliodesk",
        "sub": ann.id,
        "tenant": TENANT,
        "exp": 9_999_999_999,
        "auth_time": START.timestamp(),
    }
    stranger = OKPKey.generate_key("Ed25519")
    header = {"alg": "Ed25519", "kid": kid}
    forged = jwt.encode(header, claims, stranger, algorithms=["Ed25519"])
    await world.deliver()
    for token in (forged, "", "nonsense", "a.b.c", "hd_" + "x" * 43, "ß.ß.ß"):
        assert known(world, token) is None
        with pytest.raises(SignInFailed):
            await world.sessions.renew(token)


async def test_wrong_credentials_do_not_say_what_is_wrong() -> None:
    """Name, tenant, password, kind: each wrong one fails with the same words."""
    world = World()
    await made(world)
    await made(world, PAGER)
    failures = set()
    for name, password, tenant in [
        ("ann", "wrong password", TENANT),
        ("nobody", PASSWORD, TENANT),
        ("ann", PASSWORD, "globex"),
        ("pager", PASSWORD, TENANT),
        ("", "", TENANT),
    ]:
        with pytest.raises(SignInFailed) as caught:
            await sign_in(world, name, password, tenant)
        failures.add(str(caught.value))
    assert failures == {"name or password is wrong"}


async def test_attempts_are_slowed_for_known_and_unknown_names_alike() -> None:
    """After five failures a sixth must wait, the right password too; success forgets them."""
    world = World()
    await made(world)
    for name in ("ann", "nobody"):
        for _ in range(5):
            with pytest.raises(SignInFailed):
                await sign_in(world, name, "wrong password")
        with pytest.raises(SignInBlocked) as caught:
            await sign_in(world, name)
        assert caught.value.seconds == 1
    await world.clock.advance(1)
    await sign_in(world)
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await sign_in(world, "ann", "wrong password")


async def test_guessing_at_once_gains_nothing() -> None:
    """Of a hundred guesses at the same moment five are looked at."""
    world = World()
    await made(world)
    results = await asyncio.gather(
        *(sign_in(world, "ann", f"guess number {i}") for i in range(100)), return_exceptions=True
    )
    assert sum(isinstance(result, SignInFailed) for result in results) == 5
    assert sum(isinstance(result, SignInBlocked) for result in results) == 95


async def test_a_session_is_renewed_until_the_working_day_ends() -> None:
    """Renewing gives a fresh hour, up to twelve hours after the password was given."""
    world = World()
    await made(world)
    session = await sign_in(world)
    for number in range(1, 13):
        world.clock.set(START + timedelta(minutes=59 * number))
        session = await world.sessions.renew(session.token)
        assert known(world, session.token) is not None
    assert session.expires_at == session.renewable_until == START + timedelta(hours=12)
    world.clock.set(START + timedelta(hours=12))
    with pytest.raises(SignInFailed):
        await world.sessions.renew(session.token)


async def test_an_expired_session_is_not_renewed() -> None:
    """Once the hour is over the password is asked for."""
    world = World()
    await made(world)
    session = await sign_in(world)
    world.clock.set(START + timedelta(hours=1))
    with pytest.raises(SignInFailed):
        await world.sessions.renew(session.token)


async def test_a_new_password_ends_what_the_old_one_opened() -> None:
    """The old password fails, and a session of it cannot be renewed."""
    world = World()
    ann = await made(world)
    session = await sign_in(world)
    await world.clock.advance(1)
    await world.identities.set_password(ann.id, "another long one", actor=ADMIN)
    with pytest.raises(SignInFailed):
        await sign_in(world)
    with pytest.raises(SignInFailed):
        await world.sessions.renew(session.token)
    assert (await sign_in(world, password="another long one")).identity.id == ann.id


async def test_secrets_are_in_no_event() -> None:
    """Neither passwords and their hashes, nor tokens, nor private keys travel."""
    world = World()
    ann = await made(world)
    token = await issued(world, ann)
    await sign_in(world)
    travelled = b"".join(event.body for event in world.events(IDENTITIES.name))
    stored = world.disk.rows.passwords[ann.id]
    (private,) = world.disk.rows.keys.values()
    secrets = [PASSWORD, stored.salt, stored.digest.hex(), token.token, private.jwk["d"]]
    assert all(secret.encode() not in travelled for secret in secrets)
    assert token.digest.digest.encode() in travelled
    assert private.jwk["x"].encode() in travelled


async def test_the_same_name_is_made_once() -> None:
    """Of two who make the same person at once, one learns that its password counts."""
    world = World()
    results = await asyncio.gather(
        *(
            world.identities.create(replace(ANN, password=f"password number {i}"), actor=ADMIN)
            for i in range(2)
        ),
        return_exceptions=True,
    )
    winners = [i for i, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(winners) == 1
    await sign_in(world, password=f"password number {winners[0]}")
    with pytest.raises(SignInFailed):
        await sign_in(world, password=f"password number {1 - winners[0]}")


async def test_a_crash_while_making_a_person_is_completed_by_the_same_request() -> None:
    """Wherever control dies, the same request again ends in a person who can sign in."""
    for count in range(1, 20):
        world = World()
        try:
            await world.restarted(faults=FailAt(count)).identities.create(ANN, actor=ADMIN)
        except Crash:
            await world.identities.create(ANN, actor=ADMIN)
            assert (await sign_in(world)).identity.state.name == "ann"
        else:
            break
    assert count > 4


async def test_what_cannot_be_an_identity_is_refused() -> None:
    """Reserved names, services, roles of another kind and passwords of machines are refused."""
    world = World()
    for wanted, code in [
        (replace(ANN, name="services"), "name-taken"),
        (replace(ANN, name="bootstrap"), "name-taken"),
        (replace(PAGER, password=PASSWORD), "password-impossible"),
        (replace(PAGER, roles=(Role.ADMIN,)), "roles-impossible"),
        (replace(PAGER, kind=IdentityKind.SERVICE, roles=(Role.SERVICE,)), "roles-impossible"),
    ]:
        with pytest.raises(CommandRejected, match=code):
            await world.identities.create(wanted, actor=ADMIN)
    assert world.events(IDENTITIES.name) == []


async def test_another_tenants_identity_is_not_there() -> None:
    """An administrator of one tenant finds, changes and lists nothing of another."""
    world = World()
    ann = await made(world)
    stranger = replace(ADMIN, tenant="globex")
    with pytest.raises(CommandRejected, match="not-found"):
        await world.identities.change(ann.id, actor=stranger, enabled=False)
    with pytest.raises(CommandRejected, match="not-found"):
        await world.identities.issue(ann.id, label="", expires_at=None, actor=stranger)
    with pytest.raises(CommandRejected, match="not-found"):
        await world.identities.set_password(ann.id, PASSWORD, actor=stranger)
    with pytest.raises(CommandRejected, match="not-found"):
        await world.identities.revoke(ann.id, "0" * 64, actor=stranger)
    assert await world.identities.listed("globex", name=None, after="", limit=9) == []
    listed = await world.identities.listed(TENANT, name=None, after="", limit=9)
    assert [identity.id for identity in listed] == [ann.id]


async def test_nobody_locks_himself_out() -> None:
    """One's own identity is switched off by somebody else."""
    world = World()
    ann = await made(world)
    with pytest.raises(CommandRejected, match="own-identity"):
        await world.identities.change(ann.id, actor=replace(ADMIN, identity=ann.id), enabled=False)


async def test_a_rotated_key_signs_once_services_know_it() -> None:
    """After a rotation the old key signs for half a minute, then the new one; both count."""
    world = World()
    await made(world)
    first = await sign_in(world)
    await world.clock.advance(60)
    keys = await world.keys.rotate(TENANT, retire=Retire.LATER)
    second = await sign_in(world)
    await world.clock.advance(30)
    third = await sign_in(world)
    kids = [jwt_kid(session.token) for session in (first, second, third)]
    assert kids == [keys.keys[0].kid, keys.keys[0].kid, keys.keys[1].kid]
    assert all(known(world, session.token) for session in (first, second, third))


async def test_a_leaked_key_is_worth_nothing_at_once() -> None:
    """After a rotation with ``now`` no service takes what the old key signed."""
    world = World()
    await made(world)
    session = await sign_in(world)
    await world.keys.rotate(TENANT, retire=Retire.NOW)
    await world.deliver()
    assert known(world, session.token) is None
    with pytest.raises(SignInFailed):
        await world.sessions.renew(session.token)
    assert known(world, (await sign_in(world)).token) is not None
    assert len(world.disk.rows.keys) == 1


async def test_a_store_that_lost_its_keys_makes_new_ones() -> None:
    """With the private parts gone, people can sign in all the same."""
    world = World()
    await made(world)
    await sign_in(world)
    world.disk.rows.keys.clear()
    again = world.restarted()
    session = await again.sessions.open(Credentials(tenant=TENANT, name="ann", password=PASSWORD))
    await again.deliver()
    assert known(again, session.token) is not None


async def test_two_processes_make_one_first_key() -> None:
    """Of two that start at once one publishes the key, and both sign with it."""
    world = World()
    states = await asyncio.gather(*(world.restarted().keys.ensure(TENANT) for _ in range(2)))
    assert states[0] == states[1]
    assert len(states[0].keys) == 1


async def test_first_rows_are_made_once() -> None:
    """The services' token and the first key are there after the start, and made only once."""
    world = World()
    token = "hd_services-token-of-the-tests"
    rows = FirstRows(
        identities=world.identities, keys=world.keys, tenant=TENANT, service_token=token
    )
    assert rows.unready() != []
    await rows.ensure()
    await rows.ensure()
    await world.deliver()
    assert rows.unready() == []
    assert len(world.events(IDENTITIES.name)) == 2
    actor = known(world, token)
    assert actor is not None
    assert (actor.kind, actor.roles) == (IdentityKind.SERVICE, frozenset({Role.SERVICE}))
    assert can(actor, Action.INTERNAL, tenant=TENANT)
    with pytest.raises(CommandRejected, match="own-identity"):
        await world.identities.issue(actor.identity, label="", expires_at=None, actor=ADMIN)


async def test_the_bootstrap_token_is_an_administrator() -> None:
    """It acts for the deployment's tenant; another word does not, and none is none."""
    world = World()
    clock = world.clock
    door = BootstrapAuthenticator(world.known, clock, token="t" * 30, tenant=TENANT)
    actor = door.actor("t" * 30)
    assert actor is not None
    assert can(actor, Action.CONFIGURE, tenant=TENANT)
    assert not can(actor, Action.CONFIGURE, tenant="globex")
    assert not can(actor, Action.INTERNAL, tenant=TENANT)
    assert door.actor("t" * 29) is None
    assert BootstrapAuthenticator(world.known, clock, token="", tenant=TENANT).actor("") is None


def jwt_kid(token: str) -> str:
    """Return the key that a token names."""
    header = token.split(".", maxsplit=1)[0]
    kid: str = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return kid
