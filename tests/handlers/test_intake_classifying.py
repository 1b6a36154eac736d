"""Classifying on the memory store: what is looked up, what the model does, who is written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.intake.domain.learning import BUCKETS, Head, Model, counts, packed
from services.intake.domain.ticket import Ticket
from services.intake.doors import DOORS
from services.intake.handlers.contacts import Agent
from services.intake.handlers.training import train
from shared.contracts.intake import RequestAccepted
from shared.organisation import (
    ClassificationPolicy,
    ClassificationRule,
    IntakeSection,
    PriorityPolicy,
)
from tests.support.intake import TENANT, Intake, sample_configuration
from tests.support.intake_input import request
from tests.support.letters import letter, post

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def model(version: int, *, weight: float) -> Model:
    """Return a model for which the word vpn speaks for a complaint."""
    speaks = [0.0] * BUCKETS
    for bucket in counts("vpn"):
        speaks[bucket] = weight
    scale, text = packed(speaks)
    nothing_scale, nothing = packed([0.0] * BUCKETS)
    rarity_scale, rarity = packed([1.0] * BUCKETS)
    head = Head(
        classes=("complaint", "incident"),
        intercepts=(0.0, 0.0),
        scales=(scale, nothing_scale),
        weights=(text, nothing),
    )
    return Model(
        version=version,
        tenant=TENANT,
        trained_at=AT,
        samples=20,
        rarity_scale=rarity_scale,
        rarity=rarity,
        kind=head,
    )


async def accepted(intake: Intake, **fields: Any) -> Ticket:
    """Return the ticket of a request."""
    read = request(**fields)
    caller = intake.caller("requests-demo")
    receipt = await intake.accepting.submit(DOORS["requests"], read, caller)
    await intake.settle()
    (found,) = [d for d in intake.tickets() if d.id == receipt.ticket]
    assert found.state is not None
    return found.state


def configured(intake: Intake, section: IntakeSection) -> Intake:
    """Return a process with another section of the configuration."""
    intake.configurations.install(TENANT, replace(sample_configuration(), intake=section))
    return intake


async def test_a_ticket_says_who_said_what_and_why_its_priority() -> None:
    """The event of the acceptance carries both, and so does the ticket."""
    intake = Intake()
    ticket = await accepted(intake, category="hardware", configuration_item="pc-7")
    assert ticket.classification is not None
    assert (ticket.classification.kind_by, ticket.classification.category_by) == (
        "integration:requests-demo",
        "caller:requests-demo",
    )
    assert ticket.priority_because is not None
    assert ticket.priority_because.priority == ticket.facts.priority
    (event,) = [e for e in intake.events() if e.type == RequestAccepted.type]
    assert event.body.classification == ticket.classification
    assert event.body.priority_because == ticket.priority_because


async def test_a_certain_model_is_applied_and_an_uncertain_one_suggests() -> None:
    """A weight of nine gives 0.99; of half a point 0.62, below the 0.8 of the policy."""
    intake = Intake()
    await intake.model_rows.add_model(model(1, weight=0.5))
    await intake.use_cases.models.refresh()
    unsure = await accepted(intake, subject="VPN")
    assert unsure.classification is not None
    assert (unsure.facts.kind, unsure.classification.suggested_kind) == ("inquiry", "complaint")
    assert unsure.classification.kind_probability == 0.6225
    await intake.model_rows.add_model(model(2, weight=9.0))
    await intake.use_cases.models.refresh()
    sure = await accepted(intake, subject="VPN")
    assert sure.classification is not None
    assert (sure.facts.kind, sure.classification.kind_by) == ("complaint", "model:2")
    assert sure.classification.kind_probability == 0.9999


async def test_a_model_that_is_taken_away_or_broken_is_not_asked() -> None:
    """The one before it goes on; without any, the defaults do."""
    intake = Intake()
    models = intake.use_cases.models
    await intake.model_rows.add_model(model(1, weight=9.0))
    await models.refresh()
    broken = model(2, weight=9.0).model_copy(update={"rarity": "AAAA"})
    await intake.model_rows.add_model(broken)
    await models.refresh()
    known = models.current(TENANT)
    assert known is not None
    assert known.version == 1
    for version in (1, 2):
        await intake.model_rows.drop_model(tenant=TENANT, version=version)
    await models.refresh()
    assert models.current(TENANT) is None
    assert (await accepted(intake, subject="VPN")).facts.kind == "inquiry"


async def test_rules_and_weights_know_who_asks() -> None:
    """A manager's request is urgent by a rule, and their level weighs; a stranger's is not."""
    section = IntakeSection(
        classification=ClassificationPolicy(
            rules=(
                ClassificationRule(
                    name="managers", when='contact_level == "manager"', urgency="high"
                ),
            )
        ),
        priority=PriorityPolicy(method="weighted"),
    )
    intake = configured(Intake(), section)
    await intake.use_cases.importing.put(
        [{"employee": "E1", "mail": "ana@example.org", "level": "manager"}],
        by=Agent(TENANT, "boss"),
    )
    manager = await accepted(intake)
    stranger = await accepted(intake, mail="bob@example.org")
    assert (manager.facts.urgency, stranger.facts.urgency) == ("high", "medium")
    assert (manager.facts.contact_level, stranger.facts.contact_level) == ("manager", None)
    assert manager.priority_because is not None
    levels = {d.field: d.points for d in manager.priority_because.dimensions}
    assert levels["contact_level"] == 2


async def test_a_language_that_nobody_names_is_found_in_the_text() -> None:
    """Among the languages of the organisation, with how sure that is; the contact keeps its own."""
    intake = configured(Intake(), IntakeSection(languages=("en", "zh-Hans", "zh-Hant", "de")))
    found = await accepted(
        intake, subject="打印机坏了", text="今天早上打印机突然不能打印了，请尽快派人来修理。"
    )
    assert found.facts.language == "zh-Hans"
    assert found.classification is not None
    assert found.classification.language_by == "detected"
    assert (found.classification.language_confidence or 0) > 0.5
    (person,) = (await intake.store.people([found.facts.contact])).values()
    assert person.language is None
    told = await accepted(intake, mail="bob@example.org", language="de", text="Hello there")
    assert told.facts.language == "de"
    assert told.classification is not None
    assert told.classification.language_by == "caller"


async def test_each_message_has_the_language_that_is_found_in_it() -> None:
    """A reply as well as the first one; the contact keeps their own, which short words leave."""
    intake = configured(Intake(), IntakeSection(languages=("en", "zh-Hans", "zh-Hant", "de")))
    texts = [
        "Mein Bildschirm ist seit heute Morgen schwarz, und ich kann nicht mehr arbeiten.",
        "请尽快联系我，问题还没有解决，谢谢你们的帮助。",
        "+49 30 1234",
    ]
    for n, text in enumerate(texts):
        await post(intake, letter(f"<{n}@x>", text=text, answers=("<0@x>",) if n else ()))
    await intake.settle()
    assert [m.language for m in intake.store.all_messages()] == ["de", "zh-Hans", "en"]
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    (person,) = (await intake.store.people([ticket.state.facts.contact])).values()
    assert person.language is None


async def test_the_desks_own_closed_tickets_teach_the_next_one() -> None:
    """Trained from what was closed, every process applies it after its next look."""
    intake = Intake()
    for number in range(30):
        broken = number % 2 == 0
        await accepted(
            intake,
            subject=f"The printer is broken {number}"
            if broken
            else f"Please order a mouse {number}",
            kind="incident" if broken else "service-request",
        )
    for row in intake.data.collection("tickets").values():
        row["state"]["closed"] = True
    report = await train(intake.model_rows, tenant=TENANT, at=AT, apply_from=0.8)
    assert report.kind is not None
    assert (report.samples, report.kind.accuracy) == (30, 1.0)
    other = Intake(data=intake.data, log=intake.log)
    await other.use_cases.models.refresh()
    ticket = await accepted(other, key="new", subject="My printer is broken")
    assert ticket.classification is not None
    assert (ticket.facts.kind, ticket.classification.kind_by) == ("incident", "model:1")
