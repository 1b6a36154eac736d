"""The demonstration from beginning to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from heliodesk.api import Api
from heliodesk.context import Context
from heliodesk.demo.doors import (
    FORM_TEXTS,
    Site,
    alert,
    mail,
    post_form,
    post_webhook,
    publish_alert,
    send_mail,
    webhook,
)
from heliodesk.demo.follow import TOPICS, Follower
from heliodesk.demo.story import USUAL_STEPS, Step, Story
from heliodesk.demo.takeover import Takeover, TakeoverResult
from heliodesk.errors import CliError, Exit
from heliodesk.events import Seen, reading
from heliodesk.product.secrets import integration_token
from shared.clock import Clock
from shared.contracts.intake import AlertStatus
from shared.organisation import Configuration

STORY_SECONDS_MAX: Final = 60.0
RESOLVED_SECONDS_MAX: Final = 30.0
INTEGRATIONS: Final = ("alertmanager-demo", "requests-demo", "mail-demo", "cloudevents-demo")
WEBHOOK, MAIL, FORM, EVENT = "alertmanager", "email", "form", "cloudevent"


class Stage(Protocol):
    """Where the demonstration is shown."""

    def say(self, text: str) -> None:
        """Show a sentence of the one who demonstrates."""
        ...

    def event(self, story: Story, seen: Seen, words: str) -> None:
        """Show an event of a story's ticket."""
        ...

    def stories(self, stories: Mapping[str, Story]) -> None:
        """Show how far the stories are."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened."""

    tag: str
    seconds: float
    stories: Mapping[str, Story]
    takeover: TakeoverResult
    console: str
    mailbox: str | None

    @property
    def missing(self) -> tuple[str, ...]:
        """Return what did not happen in time, in words."""
        found = [
            f"{story.door}: {step}" + (f" ({story.error})" if story.error else "")
            for story in self.stories.values()
            for step in story.missing
        ]
        return (*found, *((self.takeover.problem,) if self.takeover.problem else ()))


class Demo:
    """Hands in real input, follows it, and lets one desk take over from another."""

    def __init__(self, context: Context, stage: Stage, *, pause_seconds: float) -> None:
        """``pause_seconds`` lie between two steps, for those who watch."""
        self._context = context
        self._pause_seconds = pause_seconds
        self._stage = stage
        self._clock: Clock = context.clock
        self._tag = context.clock.unique().replace("-", "")[:6]
        self._begun = context.clock.monotonic()

    async def run(self) -> Outcome:
        """Run it.

        Raises:
            CliError: Heliodesk does not answer, or has another organisation than the sample.
        """
        configuration = await asyncio.to_thread(self._configuration)
        site = await asyncio.to_thread(self._open_site, configuration)
        context = self._context
        follower = Follower(
            self._stories(site),
            tag=self._tag,
            intake=context.api("intake"),
            mailbox=context.addresses.mailbox,
            on_event=self._on_event,
        )
        self._follower = follower
        async with reading(context.servers, TOPICS, from_start=False) as consumer:
            following = asyncio.create_task(follower.run(consumer))
            try:
                takeover = await self._play(follower, site)
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
        return Outcome(
            tag=self._tag,
            seconds=round(self._clock.monotonic() - self._begun, 1),
            stories=follower.stories,
            takeover=takeover,
            console=context.addresses.services["console"],
            mailbox=context.addresses.mailbox,
        )

    async def _play(self, follower: Follower, site: Site) -> TakeoverResult:
        self._stage.say(
            "Four requests come in, each through another door: an Alertmanager webhook, an e-mail "
            f"over SMTP, a web form from {site.name}, and a CloudEvent on Kafka."
        )
        starts_at = self._clock.now()
        body = webhook(tag=self._tag, status=AlertStatus.FIRING, starts_at=starts_at, now=starts_at)
        await self._hand_in(WEBHOOK, lambda: post_webhook(self._api("alertmanager-demo"), body))
        await self._hand_in(MAIL, self._send_mail)
        await self._hand_in(
            FORM, lambda: post_form(self._api("requests-demo"), tag=self._tag, site=site)
        )
        await self._publish()
        await self._wait(_all_but_resolved, STORY_SECONDS_MAX)
        self._stage.say("The monitor sees the uplink again and says so.")
        now = self._clock.now()
        body = webhook(tag=self._tag, status=AlertStatus.RESOLVED, starts_at=starts_at, now=now)
        await self._hand_in(WEBHOOK, lambda: post_webhook(self._api("alertmanager-demo"), body))
        await self._wait(
            lambda stories: Step.RESOLVED in stories[WEBHOOK].steps, RESOLVED_SECONDS_MAX
        )
        await self._clock.sleep(2 * self._pause_seconds)
        takeover = Takeover(
            self._context.api("control"),
            clock=self._clock,
            follower=follower,
            say=self._stage.say,
            pause_seconds=self._pause_seconds,
        )
        return await takeover.run((MAIL, EVENT))

    async def _wait(self, ready: Callable[[Mapping[str, Story]], bool], seconds: float) -> None:
        await self._follower.until(ready, seconds=seconds)
        self._stage.stories(self._follower.stories)

    async def _hand_in(self, name: str, send: Callable[[], Mapping[str, Any] | None]) -> None:
        """Hand something in; a door that refuses is told, and the others go on."""
        await self._clock.sleep(self._pause_seconds)
        try:
            answer = await asyncio.to_thread(send)
        except CliError as error:
            self._failed(name, error)
            return
        self._sent(name)
        if answer and answer.get("ticket"):
            self._follower.bind(name, answer["ticket"])

    async def _publish(self) -> None:
        await self._clock.sleep(self._pause_seconds)
        try:
            reported = alert(tag=self._tag, now=self._clock.now())
            await publish_alert(self._context.servers, reported)
        except CliError as error:
            self._failed(EVENT, error)
            return
        self._sent(EVENT)

    def _sent(self, name: str) -> None:
        self._follower.update(name, lambda story: story.done(Step.SENT))
        self._stage.stories(self._follower.stories)

    def _failed(self, name: str, error: CliError) -> None:
        message = error.message
        self._follower.update(name, lambda story: replace(story, error=message))
        self._stage.stories(self._follower.stories)

    def _send_mail(self) -> None:
        host, _, port = self._context.addresses.mail_in.rpartition(":")
        send_mail(mail(tag=self._tag, now=self._clock.now()), host=host, port=int(port))

    def _api(self, integration: str) -> Api:
        token = self._context.secrets.find(integration_token(integration))
        if token is None:
            message = (
                f"There is no token of {integration} in {self._context.home}/secrets: the "
                "demonstration runs where `heliodesk up` has set up the sample organisation."
            )
            raise CliError(message, code=Exit.REFUSED)
        return self._context.api("intake", token=token)

    def _on_event(self, story: Story, seen: Seen, words: str) -> None:
        self._stage.event(story, seen, words)
        self._stage.stories(self._follower.stories)

    def _stories(self, site: Site) -> dict[str, Story]:
        tag = self._tag
        form = FORM_TEXTS["zh" if site.language == "zh" else "en"][0]
        return {
            WEBHOOK: Story("Alertmanager", f"edge-router-{tag}", (*USUAL_STEPS, Step.RESOLVED)),
            MAIL: Story("e-mail", "Cannot reach the VPN from home"),
            FORM: Story("web form", form),
            EVENT: Story("CloudEvent", f"orders-{tag}"),
        }

    def _configuration(self) -> Configuration:
        """Return the configuration in force, if it is one that the demonstration can use."""
        control = self._context.api("control")
        version = control.get("/v1/configuration")["version"]
        if not version:
            raise CliError("No configuration is in force: `heliodesk up` applies the sample.")
        sections = control.get(f"/v1/configuration/versions/{version}")["sections"]
        found = Configuration.from_sections(sections)
        names = {integration.name for integration in found.integrations.integrations}
        if missing := [name for name in INTEGRATIONS if name not in names]:
            message = (
                f"The configuration in force has no integration {', '.join(missing)}: the "
                "demonstration needs those of the sample organisation (deploy/sample)."
            )
            raise CliError(message)
        return found

    def _open_site(self, configuration: Configuration) -> Site:
        """Return a site whose local desk is open now, so that its form is read at once."""
        desks = self._context.api("routing").get("/v1/desks")["desks"]
        opened = {desk["name"]: desk for desk in desks if desk["open"]}
        for site in configuration.organisation.sites:
            topology = configuration.topology_for(
                region=site.region, site=site.name, service=None, channel="web"
            )
            for name in topology.group_names if topology is not None else ():
                desk = opened.get(name)
                if desk is not None and desk["region"] == site.region:
                    return Site(name=site.name, desk=name, language=desk["languages"][0])
        message = "No desk with a site of its own is open now: the demonstration has nobody to ask."
        raise CliError(message)


def _all_but_resolved(stories: Mapping[str, Story]) -> bool:
    """Return whether everything has happened that can before the alert is resolved."""
    return all(
        set(story.missing) <= {Step.RESOLVED} or story.error is not None
        for story in stories.values()
    )
