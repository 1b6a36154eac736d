"""Any history of meetings, links, merges and their undoing keeps the graph of people whole."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.contact import CONTACT, contact_id
from services.intake.domain.normal import Party
from services.intake.domain.people import address_id
from services.intake.handlers.contacts import Agent
from services.intake.handlers.meeting import Asking
from shared.kernel import CommandRejected
from tests.support.intake import TENANT, Intake

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = Agent(TENANT, "h-clarke")
KINDS = {
    "mail": ["a@example.org", "b@example.org"],
    "phone": ["+491701234567"],
    "chat": ["slack:1:1", "slack:1:2"],
}
ADDRESSES = [f"{kind}:{value}" for kind, values in KINDS.items() for value in values]

parties = st.fixed_dictionaries(
    {},
    optional={kind: st.sampled_from(values) for kind, values in KINDS.items()},
).filter(bool)
steps = st.one_of(
    st.tuples(st.just("meet"), parties, st.booleans()),
    st.tuples(st.just("link"), st.integers(0, 5), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("unlink"), st.integers(0, 5), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("merge"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("unmerge"), st.integers(0, 5), st.none()),
)


async def met(intake: Intake, party: Party) -> Any:
    """Return the person that a party is."""
    asking = Asking(key="r", tenant=TENANT, party=party, by="door", at=AT, language_default="en")
    return (await intake.use_cases.meeting.met([asking]))["r"]


async def take(intake: Intake, step: tuple[str, Any, Any], known: list[str]) -> None:
    """Take one step; one that is refused changes nothing."""
    contacts = intake.use_cases.contacts
    what, one, two = step
    if what == "meet":
        await met(intake, Party(**one, verified=two))
        known[:] = sorted(intake.data.collection("people"))
        return
    if not known:
        return
    contact = known[one % len(known)]
    with contextlib.suppress(CommandRejected):
        match what:
            case "link":
                await contacts.link(contact, two, by=ANN)
            case "unlink":
                await contacts.unlink(contact, address_id(tenant=TENANT, address=two), by=ANN)
            case "merge":
                await contacts.merge(contact, into=known[two % len(known)], by=ANN)
            case _:
                await contacts.unmerge(contact, by=ANN)


def check(intake: Intake) -> None:
    """Hold the rows against the streams."""
    people = intake.data.collection("people")
    rows = intake.data.collection("addresses").values()
    states = {i: row["state"] for i, row in intake.data.collection(CONTACT.name).items()}
    for contact, state in states.items():
        proven = {r["id"] for r in rows if r["contact"] == contact and r["verified"]}
        assert set(state["links"]) == proven
        assert state["merged_into"] == people[contact]["merged_into"]
        for absorbed in state["absorbed"]:
            assert states[absorbed]["merged_into"] == contact
        if state["merged_into"] is not None:
            assert states[state["merged_into"]]["merged_into"] is None
            assert contact in states[state["merged_into"]]["absorbed"]


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=14))
def test_the_graph_stays_whole(history: list[tuple[str, Any, Any]]) -> None:
    """Proven addresses are where the streams say, merges point both ways, and nobody is lost."""

    async def run() -> None:
        intake = Intake()
        known: list[str] = []
        for step in history:
            await take(intake, step, known)
            check(intake)
        for address in ADDRESSES:
            kind, _, value = address.partition(":")
            person = await met(intake, Party(**{kind: value}))
            assert person.merged_into is None
            again = await met(intake, Party(**{kind: value}))
            assert again.id == person.id

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=8), st.integers(0, 5), st.sampled_from(ADDRESSES))
def test_undoing_a_link_gives_every_address_back(
    history: list[tuple[str, Any, Any]], which: int, address: str
) -> None:
    """Whatever happened before, linking and unlinking leaves each address with whom it was."""

    async def run() -> None:
        intake = Intake()
        known: list[str] = []
        for step in history:
            await take(intake, step, known)
        if not known:
            return
        rows = intake.data.collection("addresses")
        before = {r["address"]: r["contact"] for r in rows.values()}
        contact = known[which % len(known)]
        identifier = address_id(tenant=TENANT, address=address)
        if before.get(address) == contact:
            return
        await intake.use_cases.contacts.link(contact, address, by=ANN)
        await intake.use_cases.contacts.unlink(contact, identifier, by=ANN)
        after = {r["address"]: r["contact"] for r in rows.values()}
        if address not in before:
            # Nobody had it: it is whoever's comes by it next.
            assert after.pop(address) == contact_id(tenant=TENANT, address=address)
        assert after == before

    asyncio.run(run())
