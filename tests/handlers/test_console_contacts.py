"""The pages of contacts and of what monitors say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.api.contact_bodies import (
    AddressShown,
    ContactDetail,
    LinkShown,
    NotedShown,
    PersonShown,
)
from services.intake.api.monitors import (
    AlertGroupShown,
    AlertShown,
    EpisodeShown,
    HeartbeatShown,
    WindowShown,
)
from shared.contracts import intake
from shared.contracts.control import Role
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id
from tests.support.console_intake import problem
from tests.support.intake import sample_configuration

FIRST = ticket_id("HD-1")
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def console() -> MemoryConsole:
    """Give a console with one ticket of Ada's and one of Bob's."""
    made = MemoryConsole(ManualClock(NOON), configuration=sample_configuration())
    made.signer.account("reader", role=Role.SERVICE)
    stories = Stories()
    for number, contact in (("HD-1", "c-ada"), ("HD-2", "c-bob")):
        known = facts(number, contact=contact)
        accepted = intake.RequestAccepted(facts=known, message=f"m-{number}")
        stories.say(ticket_id(number), accepted, at=NOON)
        made.fakes.subject_lines[f"m-{number}"] = f"Subject of {number}"
    await project(made.projector, stories.events)
    return made


def person(identifier: str = "c-ada", name: str = "Ada Byron", **changed: Any) -> PersonShown:
    """Return a contact in short."""
    blank = dict.fromkeys(PersonShown.model_fields)
    given = {"mail": "ada@helio.example", "language": "en", "vip": True, **changed}
    return PersonShown.model_validate({**blank, "id": identifier, "name": name, **given})


def detail(**changed: Any) -> ContactDetail:
    """Return Ada with a proven mail address, a telephone of Bob's, and one that nobody proved."""
    mail = AddressShown(
        id="a-mail",
        address="mail:ada@helio.example",
        verified=False,
        reason="met",
        by="mail-demo",
        at=NOON,
        was=None,
    )
    phone = AddressShown(
        id="a-phone",
        address="phone:+493012345678",
        verified=True,
        reason="agent",
        by="h-clarke",
        at=NOON,
        was="c-bob",
    )
    given: dict[str, Any] = {
        "contact": person(),
        "addresses": (mail, phone),
        "noted": (NotedShown(address="mail:ada@else.example", by="web", at=NOON),),
        "absorbed": (),
        "links": (
            LinkShown(
                action="unlinked", other="chat:slack:U1", by="h-clarke", at=NOON, reason="no"
            ),
        ),
        **changed,
    }
    return ContactDetail(**given)


async def get(console: MemoryConsole, path: str, *, by: str = "h-clarke", **headers: str) -> str:
    """Return a page's text."""
    async with console.client(by, **headers) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(console: MemoryConsole, path: str, **fields: str) -> httpx.Response:
    """Send a form."""
    async with console.client() as client:
        return await client.post(path, data=fields)


async def test_contacts_are_searched(console: MemoryConsole) -> None:
    """What is asked goes to intake as it is written; nothing is asked for nothing."""
    console.services.intake.contacts["c-ada"] = detail(contact=person(name=f"Ada {EVIL}"))
    assert "by pinyin or initials" in await get(console, "/contacts")
    assert not [path for path in console.services.intake.asked if path.startswith("/contacts")]
    page = await get(console, "/contacts?q=ada")
    assert 'href="/contacts/c-ada"' in page
    assert "ada@helio.example" in page
    assert "<img src=x" not in page
    assert "Nobody was found for “zhang”." in await get(console, "/contacts?q=zhang")
    console.services.intake.is_down = True
    assert "the intake service does not answer" in await get(console, "/contacts?q=ada")


async def test_a_contact_shows_its_addresses_and_by_which_proof(console: MemoryConsole) -> None:
    """Verified or not, who vouched, what can be taken back; and the contact's own tickets."""
    console.services.intake.contacts["c-ada"] = detail()
    page = await get(console, "/contacts/c-ada")
    mail = page[page.index('id="address-a-mail"') : page.index('id="address-a-phone"')]
    phone = page[page.index('id="address-a-phone"') : page.index("Named without proof")]
    assert "not verified" in mail
    assert "as it wrote first" in mail
    assert "/unlink" not in mail
    assert "an agent&#39;s word" in phone or "an agent's word" in phone
    assert "Hannah Clarke" in phone
    assert '/contacts/c-ada/unlink"' in phone
    assert "ada@else.example" in page
    assert "Subject of HD-1" in page
    assert "Subject of HD-2" not in page
    assert 'name="value" value="slack:U1"' in page
    async with console.client() as client:
        assert (await client.get("/contacts/c-none")).status_code == 404


async def test_the_tickets_of_whom_a_contact_has_absorbed_are_theirs(
    console: MemoryConsole,
) -> None:
    """Tickets keep their contact when two turn out to be one person."""
    console.services.intake.contacts = {
        "c-ada": detail(absorbed=("c-bob",)),
        "c-bob": detail(contact=person("c-bob", "Bob", merged_into="c-ada")),
    }
    page = await get(console, "/contacts/c-ada")
    assert "Subject of HD-2" in page
    assert '<a href="/contacts/c-bob">Bob</a>' in page
    assert "This is the same person as" in await get(console, "/contacts/c-bob")


async def test_an_address_is_linked_and_taken_back(console: MemoryConsole) -> None:
    """On the agent's word, with a reason; after it is taken back it can be linked again."""
    console.services.intake.contacts["c-ada"] = detail()
    linked = await post(
        console, "/contacts/c-ada/link", kind="mail", value="a@b.example", reason="said so"
    )
    assert "The address is linked." in linked.text
    assert "a@b.example" in linked.text
    gone = await post(console, "/contacts/c-ada/unlink", address="a-phone")
    assert "It can be linked again below." in gone.text
    assert 'name="value" value="+493012345678"' in gone.text
    assert console.services.intake.commands == [
        (
            "h-clarke",
            "contacts/c-ada/addresses",
            {"kind": "mail", "value": "a@b.example", "reason": "said so"},
        ),
        ("h-clarke", "contacts/c-ada/addresses/a-phone", "delete"),
    ]


async def test_an_address_that_does_not_fit_is_said_beside_it(console: MemoryConsole) -> None:
    """What intake says of it, and what was written stays."""
    console.services.intake.contacts["c-ada"] = detail()
    wrong = await post(console, "/contacts/c-ada/link", kind="phone", value="12345")
    assert wrong.status_code == 422
    form = wrong.text[wrong.text.index('id="do-link"') :]
    assert "telephone numbers are written as E.164" in form
    assert 'value="12345"' in form
    empty = await post(console, "/contacts/c-ada/link", kind="mail", value="")
    assert "Say which address." in empty.text
    console.services.intake.refusal = problem(409, "own-address", "it cannot be taken away")
    own = await post(console, "/contacts/c-ada/unlink", address="a-mail")
    assert own.status_code == 409
    assert "The contact was made under this address" in own.text


async def test_two_contacts_are_one_person_until_that_is_undone(console: MemoryConsole) -> None:
    """The other is searched for on the page; a merge is taken back from either side."""
    console.services.intake.contacts = {
        "c-ada": detail(),
        "c-bob": detail(contact=person("c-bob", "Adam")),
    }
    page = await get(console, "/contacts/c-ada?same=ada")
    assert 'name="into" value="c-bob"' in page
    assert 'name="into" value="c-ada"' not in page
    done = await post(console, "/contacts/c-ada/merge", into="c-bob")
    assert "They are one person now." in done.text
    assert '<a href="/contacts/c-bob">Adam</a>' in done.text
    undone = await post(console, "/contacts/c-ada/unmerge")
    assert "They are two people again." in undone.text
    await post(console, "/contacts/c-ada/unmerge", source="c-bob")
    assert [command[1] for command in console.services.intake.commands] == [
        "contacts/c-ada/merge",
        "contacts/c-ada/unmerge",
        "contacts/c-bob/unmerge",
    ]


async def test_who_may_only_read_sees_contacts_without_forms(console: MemoryConsole) -> None:
    """Addresses and proofs are shown; nothing is offered."""
    console.services.intake.contacts["c-ada"] = detail()
    page = (await get(console, "/contacts/c-ada", by="reader")).split('id="main"')[1]
    assert "+493012345678" in page
    assert "<form" not in page


def group(**changed: Any) -> AlertGroupShown:
    """Return a group in which one alert fires, one is muted, and which flaps."""
    blank = dict.fromkeys(AlertShown.model_fields)
    firing = AlertShown.model_validate(
        {
            **blank,
            "fingerprint": "f-1",
            "status": "firing",
            "seen_at": NOON,
            "fired_at": NOON - timedelta(minutes=5),
            "severity": "critical",
            "configuration_item": "core-switch",
            "episode": 1,
        }
    )
    muted = firing.model_copy(
        update={"fingerprint": "f-2", "muted_by": "night", "muted_until": NOON + timedelta(hours=1)}
    )
    episode = EpisodeShown(
        number=1,
        ticket=FIRST,
        began_at=NOON,
        opened_at=NOON,
        follows=None,
        priority="P1",
        predicted=False,
        held_because=None,
        rule="open",
        reason="severity critical",
        parent=None,
        left_out=2,
    )
    given: dict[str, Any] = {
        "key": "k-1",
        "revision": 3,
        "integration": "alertmanager-demo",
        "firing": 1,
        "occurrences": 37,
        "flapping": True,
        "changed_at": NOON,
        "quiet_at": None,
        "due_at": None,
        "episodes": (episode,),
        "alerts": (firing, muted),
        **changed,
    }
    return AlertGroupShown(**given)


def window(name: str, starts_in_hours: int) -> WindowShown:
    """Return a maintenance window of two hours."""
    starts = NOON + timedelta(hours=starts_in_hours)
    return WindowShown(
        name=name,
        title=name.title(),
        starts_at=starts,
        ends_at=starts + timedelta(hours=2),
        time_zone="Europe/Berlin",
        change="CHG-7",
        integrations=(),
        services=("network",),
        items=(),
        regions=(),
    )


async def test_alert_groups_show_how_they_stand(console: MemoryConsole) -> None:
    """Firing, flapping, muted by which window, how often, and with which ticket."""
    held = group().episodes[0].model_copy(update={"ticket": None, "held_because": "maintenance"})
    console.services.intake.groups = {
        "k-1": group(),
        "k-2": group(key="k-2", firing=0, alerts=(), flapping=False, episodes=(held,)),
    }
    console.services.intake.windows = [window("night", -1)]
    page = await get(console, "/alerts")
    row = page[page.index('id="group-k-1"') :]
    for part in ("core-switch", "flapping", "muted: Night", "1 of 2", ">37<", "Subject of HD-1"):
        assert part in row
    assert 'id="group-k-2"' not in page
    every = await get(console, "/alerts?show=all")
    assert "muted by maintenance" in every[every.index('id="group-k-2"') :]
    assert console.services.intake.asked.count("/alert-groups?limit=100&firing=true") == 1


async def test_one_alert_group_shows_its_alerts_and_episodes(console: MemoryConsole) -> None:
    """Each alert with its state and mute, each episode with its ticket or why there is none."""
    console.services.intake.groups["k-1"] = group()
    page = await get(console, "/alerts/k-1")
    for part in (
        "f-1",
        "critical",
        "37 occurrences",
        "severity critical",
        "2 alerts more are not known by name.",
        "Subject of HD-1",
    ):
        assert part in page
    part = await get(console, "/alerts/k-1", **{"hx-request": "true"})
    assert "<html" not in part
    async with console.client() as client:
        assert (await client.get("/alerts/k-9")).status_code == 404


async def test_windows_and_heartbeats_are_shown_now_and_next(console: MemoryConsole) -> None:
    """What is open is marked, in the tab too; a heartbeat that is missed stands out."""
    console.services.intake.windows = [window("night", -1), window("weekend", 30)]
    console.services.intake.heartbeats = [
        HeartbeatShown(
            integration="prometheus",
            name="watchdog",
            last_at=NOON - timedelta(minutes=9),
            every_seconds=60,
            due_at=NOON - timedelta(minutes=8),
            overdue=True,
        )
    ]
    page = await get(console, "/alerts?show=maintenance")
    night, weekend = page.split("<b>Night</b>")[1].split("<b>Weekend</b>")
    assert "open now" in night
    assert "open now" not in weekend
    assert "CHG-7" in night
    beats = await get(console, "/alerts?show=heartbeats")
    assert "watchdog" in beats
    assert ">missed</span>" in beats
    assert '<span class="badge bad">1</span>' in beats


@pytest.mark.parametrize("tab", ["firing", "all", "maintenance", "heartbeats", "nonsense"])
async def test_empty_alert_pages_say_what_would_be_there(console: MemoryConsole, tab: str) -> None:
    """Each tab in its own words; where intake is down it says that instead."""
    page = await get(console, f"/alerts?show={tab}")
    assert 'class="empty"' in page
    console.services.intake.is_down = True
    page = await get(console, f"/alerts?show={tab}")
    assert "intake does not answer" in page
    assert 'class="empty"' not in page
