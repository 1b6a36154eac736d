"""The rules of control: versions, tokens, keys, attempts and passwords."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.control.domain.attempts import (
    MEMORY,
    WAIT_SECONDS_MAX,
    Attempts,
    Blocked,
    attempt,
    wait_seconds,
)
from services.control.domain.configuration import (
    SectionState,
    VersionState,
    decide_apply,
    decide_store,
)
from services.control.domain.identities import (
    IdentityState,
    check_roles,
    decide_add_token,
    decide_change,
    decide_create,
    decide_register_services,
    decide_revoke,
)
from services.control.domain.keys import (
    KEYS,
    KeyState,
    PublicKey,
    Retire,
    decide_rotate,
    signing_order,
)
from services.control.domain.passwords import Cost, hash_password, matches
from shared.contracts.control import (
    ConfigurationApplied,
    IdentityChanged,
    IdentityKind,
    Role,
    SectionStored,
    SigningKeyPublished,
    TokenDigest,
)
from shared.contracts.envelope import numbered
from shared.kernel import CommandRejected
from shared.testing.clock import START

A, B = "a" * 64, "b" * 64
IN_FORCE = VersionState(version=3, manifest={"desks": A}, actor="ann", note="", applied_at=START)


def apply(state: VersionState | None, expected: int | None, digest: str = B) -> list[Any]:
    """Decide to apply a manifest of one section."""
    return decide_apply(
        state, expected=expected, manifest={"desks": digest}, actor="bob", note="why"
    )


def refusal(state: VersionState | None, expected: int | None, digest: str = B) -> tuple[int, str]:
    """Return status and code with which that is refused."""
    with pytest.raises(CommandRejected) as caught:
        apply(state, expected, digest)
    return caught.value.status, caught.value.code


def test_the_first_version_needs_no_if_match() -> None:
    """Where nothing is in force, version 1 is applied without a version seen."""
    expected = ConfigurationApplied(version=1, manifest={"desks": B}, actor="bob", note="why")
    assert apply(None, None) == [expected]
    assert apply(None, 0) == [expected]


def test_a_version_seen_leads_to_the_next() -> None:
    """Who saw version 3 applies version 4."""
    assert apply(IN_FORCE, 3) == [
        ConfigurationApplied(version=4, manifest={"desks": B}, actor="bob", note="why")
    ]


def test_a_missing_version_is_asked_for() -> None:
    """Where something is in force, a caller who saw nothing is answered 428."""
    assert refusal(IN_FORCE, None) == (428, "precondition-required")


@pytest.mark.parametrize("expected", [0, 1, 2, 4, 99])
def test_another_version_is_stale(expected: int) -> None:
    """Who saw any other version than the one in force is answered 412."""
    assert refusal(IN_FORCE, expected) == (412, "version-stale")


def test_the_same_content_makes_no_new_version() -> None:
    """What is in force already needs nothing, also for the repeat of the request that made it."""
    assert apply(IN_FORCE, 3, A) == []
    assert apply(IN_FORCE, 2, A) == []


def test_the_same_content_is_stale_for_older_callers() -> None:
    """Who is more than one version behind is refused, whatever the content."""
    assert refusal(IN_FORCE, 1, A) == (412, "version-stale")


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([A, B]))))
def test_versions_have_no_gaps(asked: list[tuple[int, str]]) -> None:
    """Whatever is asked in whatever order, the applied versions are 1, 2, 3, …"""
    state: VersionState | None = None
    applied = []
    for expected, digest in asked:
        try:
            bodies = apply(state, expected, digest)
        except CommandRejected:
            continue
        for body in bodies:
            applied.append(body.version)
            state = VersionState(
                version=body.version,
                manifest=body.manifest,
                actor=body.actor,
                note=body.note,
                applied_at=START,
            )
    assert applied == list(range(1, len(applied) + 1))


def test_a_section_is_published_when_it_differs() -> None:
    """The digest that was published last is not published again; any other is."""
    state = SectionState(section="desks", digest=A)
    content: dict[str, Any] = {"desks": []}
    event = SectionStored(section="desks", digest=B, content=content)
    assert decide_store(None, section="desks", digest=B, content=content) == [event]
    assert decide_store(state, section="desks", digest=B, content=content) == [event]
    assert decide_store(state, section="desks", digest=A, content=content) == []


AGENT = IdentityState(kind=IdentityKind.AGENT, name="ann", roles=(Role.AGENT,))


def with_tokens(count: int, *, expired: int = 0) -> IdentityState:
    """Return an agent with so many living and expired tokens."""
    alive = [TokenDigest(digest=f"{i:064x}") for i in range(count)]
    dead = [TokenDigest(digest=f"{i:064x}", expires_at=START) for i in range(900, 900 + expired)]
    return AGENT.model_copy(update={"tokens": (*dead, *alive)})


def only(bodies: list[Any]) -> IdentityChanged:
    """Return the one event."""
    (body,) = bodies
    assert isinstance(body, IdentityChanged)
    return body


def test_an_identity_is_made_once() -> None:
    """A name is free, or belongs to one just so, or is taken."""
    made = only(decide_create(None, identity="i", wanted=AGENT))
    assert (made.identity, made.name, made.roles, made.enabled) == ("i", "ann", (Role.AGENT,), True)
    assert decide_create(AGENT, identity="i", wanted=AGENT) == []
    other = AGENT.model_copy(update={"roles": (Role.ADMIN,)})
    with pytest.raises(CommandRejected, match="name-taken"):
        decide_create(AGENT, identity="i", wanted=other)


def test_a_token_is_added_and_taken_away() -> None:
    """After a revocation the event no longer lists the token; a second one finds nothing."""
    token = TokenDigest(digest=B, label="pager")
    added = only(decide_add_token(with_tokens(1), identity="i", token=token, now=START))
    assert [t.digest for t in added.tokens] == [f"{0:064x}", B]
    state = AGENT.model_copy(update={"tokens": added.tokens})
    revoked = only(decide_revoke(state, identity="i", digest=B))
    assert [t.digest for t in revoked.tokens] == [f"{0:064x}"]
    with pytest.raises(CommandRejected) as caught:
        decide_revoke(AGENT, identity="i", digest=B)
    assert caught.value.status == 404


def test_tokens_have_a_bound_and_expired_ones_make_room() -> None:
    """The fifty-first living token is refused; one that has expired gives its place."""
    token = TokenDigest(digest=B)
    with pytest.raises(CommandRejected, match="too-many-tokens"):
        decide_add_token(with_tokens(50), identity="i", token=token, now=START)
    roomy = with_tokens(49, expired=1)
    added = only(decide_add_token(roomy, identity="i", token=token, now=START))
    assert len(added.tokens) == 50


def test_roles_belong_to_kinds() -> None:
    """An integration is no administrator, nobody over HTTP a service, and nobody has no role."""
    assert check_roles(IdentityKind.AGENT, [Role.AGENT, Role.ADMIN, Role.AGENT]) == (
        Role.ADMIN,
        Role.AGENT,
    )
    for kind, roles in [
        (IdentityKind.INTEGRATION, [Role.ADMIN]),
        (IdentityKind.AGENT, [Role.SERVICE]),
        (IdentityKind.SERVICE, [Role.SERVICE]),
        (IdentityKind.UNKNOWN, [Role.ADMIN]),
        (IdentityKind.AGENT, []),
    ]:
        with pytest.raises(CommandRejected) as caught:
            check_roles(kind, roles)
        assert (caught.value.status, caught.value.field) == (422, "roles")


def test_a_change_that_changes_nothing_is_no_event() -> None:
    """Switching on what is on says nothing; switching it off does."""
    assert decide_change(AGENT, identity="i", enabled=True) == []
    assert only(decide_change(AGENT, identity="i", enabled=False)).enabled is False
    changed = only(decide_change(AGENT, identity="i", roles=[Role.ADMIN]))
    assert changed.roles == (Role.ADMIN,)


def test_the_services_token_replaces_the_one_before() -> None:
    """A new token of the services is the only one; the same again is no event."""
    first = only(decide_register_services(None, identity="s", digest=A))
    state = IdentityState(kind=first.kind, name=first.name, roles=first.roles, tokens=first.tokens)
    assert (first.kind, first.roles) == (IdentityKind.SERVICE, (Role.SERVICE,))
    assert decide_register_services(state, identity="s", digest=A) == []
    second = only(decide_register_services(state, identity="s", digest=B))
    assert [token.digest for token in second.tokens] == [B]
    with pytest.raises(CommandRejected, match="own-identity"):
        decide_change(state, identity="s", enabled=False)


def key(kid: str, minutes: float) -> PublicKey:
    """Return a key published so many minutes after the start."""
    return PublicKey(kid=kid, jwk={"x": kid}, published_at=START + timedelta(minutes=minutes))


def rotate(state: KeyState, minutes: float, retire: Retire = Retire.LATER) -> list[str]:
    """Return the published keys, those that retire with a minus."""
    bodies = decide_rotate(
        state,
        kid="new",
        jwk={"x": "new"},
        retire=retire,
        now=START + timedelta(minutes=minutes),
        overlap=timedelta(minutes=60),
    )
    assert all(isinstance(body, SigningKeyPublished) for body in bodies)
    return [f"-{b.kid}" if b.retired_at else b.kid for b in bodies]  # type: ignore[attr-defined]


def test_keys_retire_once_their_tokens_have_expired() -> None:
    """A key retires at the first rotation an hour after its successor; the newest stays."""
    state = KeyState(keys=(key("a", 0), key("b", 100)))
    assert rotate(state, 160) == ["new"]
    assert rotate(state, 161) == ["new", "-a"]


def test_leaked_keys_retire_at_once() -> None:
    """With ``now`` every key before the new one retires."""
    state = KeyState(keys=(key("a", 0), key("b", 100)))
    assert rotate(state, 101, Retire.NOW) == ["new", "-a", "-b"]


def test_keys_have_a_bound() -> None:
    """A sixth key in use is refused, unless the others retire."""
    state = KeyState(keys=tuple(key(str(i), i) for i in range(5)))
    with pytest.raises(CommandRejected, match="too-many-keys"):
        rotate(state, 10)
    assert rotate(state, 10, Retire.NOW) == ["new", "-0", "-1", "-2", "-3", "-4"]


def test_the_fold_drops_a_retired_key() -> None:
    """After the event that retires a key the state no longer has it."""
    bodies = [
        SigningKeyPublished(kid="a", jwk={"x": "a"}),
        SigningKeyPublished(kid="b", jwk={"x": "b"}),
        SigningKeyPublished(kid="a", jwk={"x": "a"}, retired_at=START),
    ]
    state: KeyState | None = None
    for number, body in enumerate(bodies, 1):
        event = numbered(
            source="/control/identity",
            subject="keys",
            sequence=number,
            time=START,
            tenant="acme",
            configversion=0,
            body=body,
        )
        state = KEYS.evolve(state, event)
    assert state == KeyState(keys=(PublicKey(kid="b", jwk={"x": "b"}, published_at=START),))


def test_a_fresh_key_signs_only_after_services_had_time_to_learn_it() -> None:
    """Within its lead a key is the last choice; where all are fresh, the oldest signs."""
    state = KeyState(keys=(key("a", 0), key("b", 10), key("c", 20)))
    lead = timedelta(minutes=1)
    assert signing_order(state, now=START + timedelta(minutes=20), lead=lead) == ["b", "a", "c"]
    assert signing_order(state, now=START + timedelta(minutes=21), lead=lead) == ["c", "b", "a"]
    fresh = KeyState(keys=(key("a", 0), key("b", 0.5)))
    assert signing_order(fresh, now=START + timedelta(seconds=30), lead=lead) == ["a", "b"]


def test_waits_grow_and_end() -> None:
    """The first five attempts are free; then 1, 2, 4 … seconds, at most five minutes."""
    assert [wait_seconds(count) for count in (0, 4, 5, 6, 7, 8)] == [0, 0, 1, 2, 4, 8]
    assert wait_seconds(10**9) == 300


def test_attempts_within_the_wait_are_blocked_and_do_not_count() -> None:
    """After seven attempts the next is free to come four seconds later, not before."""
    seven = Attempts(count=7, at=START)
    assert attempt(seven, now=START + timedelta(seconds=1.5)) == Blocked(seconds=3)
    after = START + timedelta(seconds=4)
    assert attempt(seven, now=after) == Attempts(count=8, at=after)


def test_attempts_are_forgotten_after_an_hour() -> None:
    """An hour without attempts, and counting begins anew."""
    later = START + timedelta(hours=1)
    assert attempt(Attempts(count=900, at=START), now=later) == Attempts(count=1, at=later)


@given(st.lists(st.integers(0, 4_000), max_size=200))
def test_guessing_is_slow_whatever_the_rhythm(pauses: list[int]) -> None:
    """Without an hour's pause, no more guesses come through than five and one for each wait."""
    state: Attempts | None = None
    now, allowed, streak_began = START, 0, START
    for pause in pauses:
        now += timedelta(seconds=pause)
        if state is not None and now - state.at >= MEMORY:
            allowed, streak_began = 0, now
        outcome = attempt(state, now=now)
        if isinstance(outcome, Blocked):
            assert 1 <= outcome.seconds <= WAIT_SECONDS_MAX
            continue
        state = outcome
        allowed += 1
        waited = sum(wait_seconds(count) for count in range(1, allowed))
        assert (now - streak_began).total_seconds() >= waited


def test_a_password_is_known_in_either_spelling_of_its_letters() -> None:
    """A composed and a decomposed letter are the same password; another is not."""
    found = hash_password("cafe\u0301-au-lait", salt="s", cost=Cost(n=2, r=1, p=1), now=START)
    assert matches("caf\u00e9-au-lait", found)
    assert not matches("cafe-au-lait", found)


def test_the_hash_is_scrypt_as_rfc_7914_has_it() -> None:
    """The second test vector of RFC 7914, section 12, cut to our 32 bytes."""
    found = hash_password("password", salt="NaCl", cost=Cost(n=1024, r=8, p=16), now=START)
    assert found.digest.hex() == (
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
    )
