"""The console in a real browser: live without reloading, inert against what people write."""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from heliodesk.product.directory import read_directory
from services.console.adapters import HttpOwners
from shared.clock import SystemClock
from shared.contracts import intake, routing, sla
from shared.contracts.facts import Channel
from shared.contracts.routing import Explanation
from shared.organisation import Configuration, parse_sections
from tests.support.console import MemoryConsole, Stories, facts, project, ticket_id
from tests.support.console_services import FakeServices, served
from tests.support.console_signer import Signer
from tests.support.intake import sample_configuration
from tests.support.product import RunningProduct, running_product

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "right"
PRODUCT_PASSWORD = "daylight-round-the-clock"
SEVEN = Path(__file__).parents[2] / "deploy" / "examples" / "seven"
EVIL = "<img src=x onerror='window.broken=1'><script>window.broken=2</script>"


def chromium() -> str:
    """Return the browser's path; without one the test fails where it must run, else is skipped."""
    found = os.environ.get("HELIODESK_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if found:
        return found
    reason = "no Chromium: install the package chromium, or set HELIODESK_CHROMIUM"
    if os.environ.get("CI") == "true" or os.environ.get("HELIODESK_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


def seven() -> Configuration:
    """Return the example with all seven topologies: one refers, one visits."""
    return parse_sections(read_directory(SEVEN))


class World:
    """A console on memory, the services that it asks over HTTP, and a browser."""

    def __init__(self, console: MemoryConsole, services: FakeServices, url: str) -> None:
        self.console = console
        self.services = services
        self.url = url
        self.stories = Stories()
        self._told = 0

    async def tell(self) -> None:
        """Project what the stories say that was not projected yet."""
        new = self.stories.events[self._told :]
        self._told = len(self.stories.events)
        await project(self.console.projector, new)

    def ticket(
        self,
        number: str,
        subject: str,
        *,
        agent: str | None = None,
        desk: str = "london",
        **changed: Any,
    ) -> str:
        """Begin a ticket at a desk with a clock of ten minutes."""
        now = self.console.clock.now()
        ticket, known = ticket_id(number), facts(number, accepted_at=now, **changed)
        say = self.stories.say
        say(ticket, intake.RequestAccepted(facts=known, message=f"m-{number}"), at=now)
        because = Explanation(topology="t", shape="local", rule="the only one")
        stand: dict[str, Any] = {"facts": known, "desk": desk}
        queued = routing.TicketQueued(**stand, status="queued", reason="new", explanation=because)
        say(ticket, queued, at=now)
        if agent:
            accepted = routing.TicketAccepted(**stand, status="accepted", agent=agent, by=agent)
            say(ticket, accepted, at=now)
        clock = sla.ClockView(
            clock="response-1",
            policy="response",
            metric=sla.Metric.RESPONSE,
            state=sla.ClockState.RUNNING,
            target_seconds=600,
            used_seconds=0,
            calendar="london-days",
            started_at=now,
            due_at=now + timedelta(minutes=10),
        )
        say(ticket, sla.ClocksStarted(number=number, clocks=(clock,), facts=known), at=now)
        message = {
            "id": f"m-{number}",
            "direction": "inbound",
            "at": now.isoformat(),
            "subject": subject,
            "text": f"Text of {subject}",
            "author": "contact-1",
            "author_name": "Ada Byron",
        }
        self.services.texts[ticket] = {"messages": [message], "contact": {"name": "Ada Byron"}}
        revision = 2 if agent else 1
        self.services.standings[ticket] = {
            "status": "accepted" if agent else "queued",
            "desk": desk,
            "agent": agent,
            "revision": revision,
        }
        return ticket


expect.set_options(timeout=60_000)  # two cores may be busy with something else


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Give a headless browser."""
    path = chromium()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Give a console that listens, with everything that it asks."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        services = FakeServices(Signer(clock))
        base = await stack.enter_async_context(served(services.app()))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        owners = HttpOwners(
            services.addresses(base), client, clock=clock, service_token="hd_service"
        )
        console = MemoryConsole(clock, configuration=sample_configuration(), owners=owners)
        services.signer = console.signer
        url = await stack.enter_async_context(served(console.app))

        async def follow() -> None:
            while True:
                await console.feed.poll()
                await asyncio.sleep(0.1)

        following = asyncio.create_task(follow())
        yield World(console, services, url)
        console.feed.close()
        following.cancel()


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start a product, with an account whose password is known."""
    with running_product(tmp_path_factory.mktemp("decide")) as running:
        yield running


async def signed_in(
    browser: Browser, url: str, complaints: list[str], *, password: str = PASSWORD
) -> Page:
    """Sign in at the door like a person; note everything that the browser complains about."""
    context = await browser.new_context(locale="en-GB", timezone_id="Europe/London")
    page = await context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await page.goto(f"{url}/")
    await page.get_by_label("Name", exact=True).fill("h-clarke")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    return page


async def test_a_queue_lives_without_reloading(browser: Browser, world: World) -> None:
    """A new ticket appears by itself, its clock counts down, and a hostile subject stays text."""
    world.ticket("HD-1", "Printer jams")
    await world.tell()
    complaints: list[str] = []
    page = await signed_in(browser, world.url, complaints)
    await expect(page.get_by_text("Printer jams")).to_be_visible()
    await expect(page.locator("[data-live].is-on")).to_be_visible()
    await page.evaluate("window.sameDocument = true")

    world.ticket("HD-2", EVIL)
    await world.tell()
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(page.get_by_text(EVIL)).to_be_visible()
    assert await page.evaluate("window.sameDocument") is True
    assert await page.evaluate("window.broken === undefined")
    assert await page.locator("tbody img").count() == 0

    clock = page.locator("tbody tr").first.locator("[data-due]")
    before = await clock.inner_text()
    await expect(clock).not_to_have_text(before)
    assert complaints == []


async def test_a_page_is_live_in_whatever_order_its_scripts_arrive(
    browser: Browser, world: World
) -> None:
    """A slow script between the others does not leave the page without news."""
    world.ticket("HD-1", "Printer jams")
    await world.tell()
    page = await signed_in(browser, world.url, [])

    async def late(route: Route) -> None:
        await asyncio.sleep(0.5)
        await route.continue_()

    for script in ("hx-sse.min.js", "console.js"):
        await page.route(f"**/{script}*", late)
        await page.reload()
        await expect(page.locator("[data-live].is-on")).to_be_visible(timeout=20_000)


async def test_an_agent_works_on_a_ticket(browser: Browser, world: World) -> None:
    """A command goes out with the revision that was seen; a live update keeps a half-written reply."""
    ticket = world.ticket("HD-1", "Printer jams", agent="h-clarke")
    await world.tell()
    complaints: list[str] = []
    page = await signed_in(browser, world.url, complaints)
    await page.get_by_role("link", name="Printer jams").click()
    await expect(page.get_by_role("heading", name="Printer jams")).to_be_visible()
    await expect(page.get_by_text("Hannah Clarke accepted it.")).to_be_visible()
    await expect(page.locator("[data-live].is-on")).to_be_visible()

    await page.get_by_text("Explain").click()
    await expect(page.get_by_text(f"en: the clocks of {ticket}")).to_be_visible()

    await page.get_by_label("Text").fill("We are looking at")
    await page.get_by_text("Set to wait").first.click()
    now = world.console.clock.now()
    note = intake.MessageAdded(
        facts=facts("HD-1"), message="m-2", direction=intake.Direction.INBOUND, author="c"
    )
    world.stories.say(ticket, note, at=now)
    await world.tell()
    await expect(page.get_by_text("The contact wrote.")).to_be_visible()
    await expect(page.get_by_label("Text")).to_have_value("We are looking at")
    await expect(page.get_by_label("Waiting for")).to_be_visible()
    await expect(page.get_by_text(f"en: the clocks of {ticket}")).to_be_visible()

    await page.get_by_label("Waiting for").select_option("supplier")
    await page.locator("#do-pend").get_by_role("button").click()
    await expect(page.locator("#outcome")).to_contain_text("It waits now")
    assert world.services.received[-1] == {
        "ticket": ticket,
        "verb": "pend",
        "revision": 2,
        "by": "Bearer ",
        "reason": "supplier",
    }

    await page.get_by_role("button", name="Send reply").click()
    await expect(page.locator("#outcome")).to_contain_text("Your reply is on its way.")
    await expect(page.get_by_label("Text")).to_have_value("")
    assert world.services.received[-1] == {
        "ticket": ticket,
        "verb": "say",
        "text": "We are looking at",
        "visibility": "public",
    }
    assert complaints == []


async def test_an_agent_refers_the_requester(browser: Browser, world: World) -> None:
    """The desk of the topology's tables is named; what became of it is where one looks."""
    world.console.configurations.install("main", seven())
    ticket = world.ticket("HD-1", "Printer jams", desk="operations", channel=Channel.CHAT)
    await world.tell()
    complaints: list[str] = []
    page = await signed_in(browser, world.url, complaints)
    await page.goto(f"{world.url}/tickets/HD-1")
    await page.set_viewport_size({"width": 1280, "height": 500})
    await page.get_by_text("Refer to the regional desk").first.click()
    form = page.locator("#do-refer")
    choice = form.get_by_label("Which desk becomes the contact")
    await expect(choice).to_have_value("london")
    await expect(choice.locator("option").first).to_have_text(
        "London Service Desk (by the topology)"
    )
    await form.get_by_role("button").click()
    outcome = page.get_by_text("The requester is referred; the desk is the contact from now on.")
    await expect(outcome).to_be_in_viewport()
    await expect(form).to_be_hidden()
    sent = world.services.received[-1]
    assert (sent["ticket"], sent["verb"], sent["desk"]) == (ticket, "refer", "london")
    assert complaints == []


async def test_an_agent_sends_somebody_to_the_site(browser: Browser, world: World) -> None:
    """On a telephone and in Chinese: the desk that goes there is named, and nothing runs over."""
    world.console.configurations.install("main", seven())
    ticket = world.ticket("HD-1", "Printer jams", site="hudson-yards", region="americas")
    await world.tell()
    complaints: list[str] = []
    page = await signed_in(browser, world.url, complaints)
    await page.set_viewport_size({"width": 390, "height": 700})
    await page.goto(f"{world.url}/language?to=zh&next=/tickets/HD-1")
    await page.get_by_text("派人到现场").first.click()
    await expect(page.locator("#do-visit")).to_contain_text("New York Service Desk")
    await page.locator("#do-visit").get_by_role("button").click()
    await expect(page.get_by_text("工单已交给派人到现场的服务台。")).to_be_in_viewport()
    sent = world.services.received[-1]
    assert (sent["ticket"], sent["verb"]) == (ticket, "visit")
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(width) == 0
    assert complaints == []


async def test_who_was_faster_is_shown(browser: Browser, world: World) -> None:
    """A command on a state that is past changes nothing, and the page names who has the ticket."""
    ticket = world.ticket("HD-1", "Printer jams", agent="h-clarke")
    await world.tell()
    page = await signed_in(browser, world.url, [])
    await page.goto(f"{world.url}/tickets/HD-1")
    world.services.standings[ticket] = {
        "status": "assigned",
        "desk": "new-york",
        "agent": "m-alvarez",
        "revision": 7,
    }
    await page.locator("#act-resolve summary").click()
    await page.locator("#do-resolve").get_by_role("button").click()
    await expect(page.locator("#outcome")).to_contain_text(
        "The ticket is now “Assigned” at New York Service Desk, with Maria Alvarez."
    )


async def test_the_keyboard_is_enough(browser: Browser, world: World) -> None:
    """The first Tab offers to skip the navigation; a slash finds a ticket by its number."""
    world.ticket("HD-1", "Printer jams")
    await world.tell()
    page = await signed_in(browser, world.url, [])
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("/")
    await page.keyboard.type("HD-1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Printer jams")).to_be_visible()


async def test_a_session_s_end_leads_to_the_door(browser: Browser, world: World) -> None:
    """Signing out ends the session in this browser: the page that was open leads to the sign-in."""
    world.ticket("HD-1", "Printer jams")
    await world.tell()
    page = await signed_in(browser, world.url, [])
    await page.locator("details.menu summary").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(f"{world.url}/desks")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def asked(product: RunningProduct, key: str) -> dict[str, Any]:
    """Hand the same request of one contact in under another key; return its number and ticket."""
    body = {
        "subject": "The printer on the third floor jams",
        "text": "Whenever I print on both sides of the paper, the printer beside the kitchen jams.",
        "contact": {"mail": "ana@helio.example", "name": "Ana Lima"},
    }
    answer = await product.post("intake", "/v1/requests", body, **{"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def mail_in(product: RunningProduct, *, sender: str, subject: str, text: str) -> None:
    """Send a mail to the desk."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, "help@helio.example", subject
    mail["Message-ID"] = "<one@stranger.example>"
    mail.set_content(text)
    host, _, port = product.product.addresses.mail_in.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=30) as smtp:
        smtp.send_message(mail)


async def let_in(product: RunningProduct, name: str, password: str) -> None:
    """Give an account a password that the test knows."""
    (account,) = [i for i in await product.get("control", "/v1/identities") if i["name"] == name]
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        answer = await client.put(
            f"{product.url('control')}/v1/identities/{account['id']}/password",
            json={"password": password},
            headers=product.headers,
        )
    assert answer.is_success, answer.text


@pytest.mark.timeout(900)
async def test_an_agent_decides_what_intake_leaves_to_people(
    product: RunningProduct, browser: Browser
) -> None:
    """A stranger's mail is put where it belongs, a duplicate is merged, and the merge undone."""
    await let_in(product, "h-clarke", PRODUCT_PASSWORD)
    first, second = await asked(product, "1"), await asked(product, "2")

    async def suggested() -> bool:
        return bool(await product.get("intake", "/v1/suggestions"))

    async def reviewed() -> bool:
        return bool(await product.get("intake", "/v1/reviews"))

    # Only what is a ticket can be answered by its number: accepted is not yet applied.
    await product.until(suggested, seconds=120, what="a suggestion waits")
    await asyncio.to_thread(
        mail_in,
        product,
        sender="eve@stranger.example",
        subject=f"Re: {first['number']}",
        text="The same happens to me on the fourth floor.",
    )
    await product.until(reviewed, seconds=120, what="a review waits")
    complaints: list[str] = []
    page = await signed_in(browser, product.url("console"), complaints, password=PRODUCT_PASSWORD)
    await expect(page.locator("#badge-reviews")).to_have_text("1")
    await expect(page.locator("#badge-suggestions")).to_have_text("1")

    await page.get_by_role("link", name="Review").click()
    await page.get_by_role("link", name="eve@stranger.example").click()
    await expect(page.get_by_text("A number can be guessed.")).to_be_visible()
    await expect(page.get_by_label("Ticket number").last).to_have_value(first["number"])
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Download the original").click()
    original = await (await saving.value).path()
    assert b"Message-ID: <one@stranger.example>" in original.read_bytes()
    await page.get_by_role("button", name="Put into this ticket").click()
    await expect(page.get_by_text("Hannah Clarke put it into this ticket:")).to_be_visible()
    await page.locator("#decide").get_by_role("link").click()
    await expect(page.get_by_text("The same happens to me on the fourth floor.")).to_be_visible()

    await page.get_by_role("link", name="Suggestions").click()
    await expect(page.get_by_text("One contact asked twice in a short time")).to_be_visible()
    await page.get_by_role("button", name="Merge").click()
    await expect(page.locator("#outcome")).to_contain_text("Merged, and it can be undone.")
    await expect(page.get_by_text("Nothing is suggested.")).to_be_visible()
    await expect(page.locator("#badge-suggestions")).to_be_hidden()
    await page.locator("#outcome").get_by_role("link", name=first["number"]).click()
    await expect(page.locator("#links")).to_contain_text("Merged into this one")
    await expect(page.locator("#links")).to_contain_text(second["number"])

    await page.get_by_role("link", name="Ana Lima").click()
    await expect(page.get_by_role("heading", name="Ana Lima")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("ana@helio.example")
    await expect(page.locator("main")).to_contain_text(second["number"])

    await page.goto(f"{product.url('console')}/tickets/{second['number']}")
    await expect(page.get_by_text("This ticket is merged.")).to_be_visible()
    await expect(page.locator(".standing")).to_contain_text("Closed")
    await page.get_by_role("button", name="Undo the merge").click()
    await expect(page.locator("#outcome")).to_contain_text("The merge is undone.")
    await expect(page.get_by_text("This ticket is merged.")).to_be_hidden()
    await expect(page.locator(".standing")).not_to_contain_text("Closed")
    shown = await product.get("intake", f"/v1/tickets/{first['ticket']}")
    assert shown["links"]["absorbed"] == []
    assert complaints == []
