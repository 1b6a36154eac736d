from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.classify import (
    NOBODY,
    Asker,
    Classified,
    Detected,
    classify_request,
    looks_at_the_asker,
)
from services.intake.domain.figures import Correction, decided_by, teaches
from services.intake.domain.learning import Guess, Suggestion
from services.intake.domain.normal import Party, Request
from services.intake.domain.reclassify import Correcting, decide_reclassified
from services.intake.domain.ticket import Ticket, evolve_ticket
from shared.contracts.envelope import numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import Classification, PriorityReason, RequestReclassified
from shared.kernel import CommandRejected
from shared.organisation import (
    CatalogueSection,
    ClassificationPolicy,
    ClassificationRule,
    Configuration,
    ConfigurationItem,
    Form,
    IntakeSection,
    Integration,
    PriorityPolicy,
    RequestDefaults,
    Service,
)
from shared.testing.clock import START
from tests.support.intake import sample_configuration

CATALOGUE = CatalogueSection(
    services=(
        Service(name="payroll", title="Payroll", criticality="critical"),
        Service(name="mail", title="Mail", criticality="low"),
    ),
    items=(
        ConfigurationItem(
            name="db-7", title="Database", service="payroll", names=("DB7.example.org",)
        ),
        ConfigurationItem(name="mx-1", title="Gateway", service="mail", criticality="high"),
    ),
)
MODEL = Suggestion(
    version=3,
    kind=Guess(value="complaint", probability=0.9),
    category=Guess(value="network", probability=0.7),
)
WEB = Integration(
    name="web",
    door="requests",
    defaults=RequestDefaults(kind="inquiry", category="business", impact="low", urgency="low"),
)


def organisation(*rules: ClassificationRule, method: str = "matrix") -> Configuration:
    """Return the sample with a catalogue and rules."""
    section = IntakeSection(
        classification=ClassificationPolicy(rules=rules),
        priority=PriorityPolicy(method=method),
    )
    return replace(sample_configuration(), intake=section, catalogue=CATALOGUE)


def rule(name: str, when: str, **says: Any) -> ClassificationRule:
    """Return a rule."""
    return ClassificationRule(name=name, when=when, **says)


def classified(
    *rules: ClassificationRule,
    method: str = "matrix",
    integration: Integration | None = WEB,
    asker: Asker = NOBODY,
    suggestion: Suggestion | None = None,
    detected: Detected | None = None,
    **fields: Any,
) -> Classified:
    """Return what a request is that the integration ``web`` handed in."""
    given_: dict[str, Any] = {"contact": Party(mail="a@b.c"), "subject": "VPN is slow", **fields}
    return classify_request(
        Request(**given_),
        integration=integration,
        configuration=organisation(*rules, method=method),
        channel=Channel.API,
        caller="web",
        asker=asker,
        suggestion=suggestion,
        detected=detected,
    )


def said(found: Classified) -> tuple[str, str, str | None, str | None]:
    """Return kind and category with who said them."""
    assert found.classification is not None
    by = found.classification
    return found.kind, by.kind_by, found.category, by.category_by


VPN = rule("vpn", 'subject.contains("vpn")', kind="incident", category="network")


def test_what_the_caller_says_counts_first() -> None:
    """Before rules, before the model, before the defaults."""
    found = classified(VPN, suggestion=MODEL, kind=Kind.CHANGE, category="hardware")
    assert said(found) == ("change", "caller:web", "hardware", "caller:web")


def test_a_rule_counts_before_the_model() -> None:
    """Texts are compared in lower case."""
    found = classified(VPN, suggestion=MODEL)
    assert said(found) == ("incident", "rule:vpn", "network", "rule:vpn")


def test_a_certain_model_counts_before_the_defaults_and_an_uncertain_one_is_shown() -> None:
    """0.9 reaches the 0.8 from which a suggestion is applied, 0.7 does not."""
    found = classified(suggestion=MODEL)
    assert said(found) == ("complaint", "model:3", "business", "integration:web")
    assert found.classification is not None
    assert found.classification.model == 3
    assert found.classification.suggested_category == "network"
    assert found.classification.category_probability == 0.7


def test_where_nobody_says_anything_it_is_an_incident() -> None:
    """Without an integration there are no defaults, and no category."""
    assert said(classified(integration=None)) == ("incident", "default", None, None)


def test_a_word_that_the_model_had_from_another_release_is_not_applied() -> None:
    """A kind that there is not is no kind."""
    odd = Suggestion(version=1, kind=Guess(value="riddle", probability=0.99))
    assert said(classified(suggestion=odd))[:2] == ("inquiry", "integration:web")


def test_of_several_rules_the_first_that_says_a_thing_counts_for_it() -> None:
    """Each field has its own first rule; a rule whose condition is not met says nothing."""
    found = classified(
        rule("never", 'text == "x"', kind="change", category="software"),
        rule("slow", 'subject.contains("slow")', category="network"),
        rule("vpn", 'subject.contains("vpn")', category="hardware", impact="high"),
        rule("late", "true", kind="complaint", urgency="high", service="mail", impact="medium"),
    )
    assert said(found) == ("complaint", "rule:late", "network", "rule:slow")
    assert (found.impact, found.urgency, found.service) == (Level.HIGH, Level.HIGH, "mail")
    assert found.priority is Priority.P1


def test_rules_see_who_asks() -> None:
    """Level and importance are those of the contact, where it is known."""
    chef = rule("chef", 'contact_level == "manager" && !vip', urgency="high")
    assert classified(chef, asker=Asker(level="manager")).urgency is Level.HIGH
    assert classified(chef, asker=Asker(level="vip", vip=True)).urgency is Level.LOW
    assert classified(chef).urgency is Level.LOW


@pytest.mark.parametrize(
    ("rules", "method", "looks"),
    [
        ((), "matrix", False),
        ((VPN,), "matrix", False),
        ((), "weighted", True),
        ((rule("vip", "vip", urgency="high"),), "matrix", True),
        ((rule("zh", 'language == "zh-Hans"', category="software"),), "matrix", True),
    ],
)
def test_the_contact_is_looked_up_only_where_it_counts(
    *, rules: tuple[ClassificationRule, ...], method: str, looks: bool
) -> None:
    """Where neither rules nor weights look at the contact, accepting asks the store nothing."""
    assert looks_at_the_asker(organisation(*rules, method=method)) is looks


def test_a_configuration_item_brings_its_name_service_and_criticality() -> None:
    """A host's name is the item's; the item is as critical as its service."""
    found = classified(method="weighted", configuration_item="db7.EXAMPLE.org")
    assert (found.configuration_item, found.service) == ("db-7", "payroll")
    assert found.priority_because is not None
    by_field = {d.field: (d.value, d.points) for d in found.priority_because.dimensions}
    assert by_field["criticality"] == ("critical", 4)
    gateway = classified(method="weighted", configuration_item="mx-1")
    assert gateway.priority_because is not None
    values = {d.field: d.value for d in gateway.priority_because.dimensions}
    assert values["criticality"] == "high"
    unknown = classified(configuration_item="mystery-box")
    assert (unknown.configuration_item, unknown.service) == ("mystery-box", None)


def test_a_service_that_there_is_not_is_refused() -> None:
    """422, and the field is named, once the organisation keeps a catalogue."""
    with pytest.raises(CommandRejected) as caught:
        classified(service="teleport")
    assert (caught.value.status, caught.value.field) == (422, "service")


def test_the_level_of_the_contact_weighs() -> None:
    """A manager's request gets two points instead of one."""
    found = classified(method="weighted", asker=Asker(level="manager"))
    assert found.contact_level == "manager"
    assert found.priority_because is not None
    levels = [d for d in found.priority_because.dimensions if d.field == "contact_level"]
    assert [(d.value, d.points) for d in levels] == [("manager", 2)]


def test_a_language_that_is_said_counts_before_one_that_is_found() -> None:
    """How sure the finding is, is kept with it."""
    found = classified(detected=Detected("zh-Hant", 0.98))
    assert found.language == "zh-Hant"
    assert found.classification is not None
    by = found.classification
    assert (by.language_by, by.language_confidence) == ("detected", 0.98)
    told = classified(detected=Detected("zh-Hant", 0.98), language="de")
    assert told.classification is not None
    assert (told.language, told.classification.language_by) == ("de", "caller")
    assert told.classification.language_confidence is None


def test_tags_of_caller_rules_form_and_integration_add_up() -> None:
    """Each says its own; of two rules both count, though the first one says the category."""
    web = WEB.model_copy(update={"defaults": RequestDefaults(tags=("web", "MFA"))})
    known = replace(
        organisation(
            rule("vpn", 'subject.contains("vpn")', category="network", tags=("vpn",)),
            rule("mfa", '"mfa" in tags', category="software", tags=("second",)),
            rule("late", '"vpn" in tags', tags=("never",)),
        ),
        catalogue=CatalogueSection(forms=(Form(name="access", title="Access", tags=("form",)),)),
    )
    found = classify_request(
        Request(contact=Party(mail="a@b.c"), subject="VPN", tags=("mfa",), template="access"),
        integration=web,
        configuration=known,
        channel=Channel.API,
    )
    assert (found.category, found.tags) == ("network", ("form", "mfa", "second", "vpn", "web"))


def test_of_too_many_tags_those_of_the_caller_are_kept() -> None:
    """Twenty that the caller says leave no room for the integration's."""
    said = tuple(f"t{n:02}" for n in range(20))
    web = WEB.model_copy(update={"defaults": RequestDefaults(tags=("web",))})
    assert classified(integration=web, tags=said).tags == said


FACTS = TicketFacts(
    number="T-000001",
    kind=Kind.INQUIRY,
    channel=Channel.WEB,
    priority=Priority.P4,
    impact=Level.LOW,
    urgency=Level.MEDIUM,
    contact="c-1",
    accepted_at=START,
    category="network",
)


def ticket(**fields: Any) -> Ticket:
    """Return a ticket whose kind the model found and whose category a rule."""
    given_: dict[str, Any] = {
        "facts": FACTS,
        "ordinal": 1,
        "message": "m-1",
        "classification": Classification(kind_by="model:3", category_by="rule:vpn"),
        **fields,
    }
    return Ticket(**given_)


def corrected(
    state: Ticket | None, *, by: str = "h-clarke", method: str = "matrix", **fields: Any
) -> RequestReclassified | None:
    """Return the event of a correction; None where there is none."""
    bodies = decide_reclassified(
        state, Correcting(**fields), by=by, configuration=organisation(method=method)
    )
    assert len(bodies) < 2
    if not bodies:
        return None
    assert isinstance(bodies[0], RequestReclassified)
    return bodies[0]


def after(state: Ticket, body: RequestReclassified) -> Ticket:
    """Return the ticket after a correction."""
    event = numbered(
        source="/intake/ticket",
        subject="t-1",
        sequence=2,
        time=START,
        tenant="main",
        configversion=1,
        body=body,
    )
    return evolve_ticket(state, event)


def test_a_correction_says_what_was_before_and_who_had_said_it() -> None:
    """Kind and category name their source; the priority follows the facts."""
    body = corrected(ticket(), kind=Kind.INCIDENT, category="database", impact=Level.HIGH)
    assert body is not None
    assert [(c.field, c.was, c.now, c.was_by) for c in body.changes] == [
        ("kind", "inquiry", "incident", "model:3"),
        ("category", "network", "database", "rule:vpn"),
        ("impact", "low", "high", None),
        ("priority", "P4", "P2", None),
    ]
    assert body.facts.priority is Priority.P2
    assert body.priority_because is not None
    assert body.priority_because.method == "matrix"


def test_saying_what_is_so_already_changes_nothing() -> None:
    """No event, and so nothing is counted."""
    assert corrected(ticket(), kind=Kind.INQUIRY, category="network") is None


def test_who_corrects_may_be_corrected() -> None:
    """The second correction names the first agent as who was wrong."""
    first = corrected(ticket(), kind=Kind.INCIDENT)
    assert first is not None
    state = after(ticket(), first)
    second = corrected(state, by="o-adeyemi", kind=Kind.COMPLAINT)
    assert second is not None
    assert [(c.field, c.was_by) for c in second.changes] == [("kind", "agent:h-clarke")]
    last = after(state, second)
    assert [(c.was, c.now, c.by) for c in last.corrections] == [
        ("inquiry", "incident", "h-clarke"),
        ("incident", "complaint", "o-adeyemi"),
    ]
    assert last.facts.kind is Kind.COMPLAINT


def test_a_priority_set_by_hand_stays() -> None:
    """It is explained as the agent's, and no later correction of the impact moves it."""
    body = corrected(ticket(), priority=Priority.P1)
    assert body is not None
    assert body.priority_because == PriorityReason(
        method="agent",
        priority=Priority.P1,
        dimensions=({"field": "priority", "value": "P1"},),
    )
    state = after(ticket(), body)
    later = corrected(state, urgency=Level.LOW)
    assert later is not None
    assert (later.facts.priority, later.priority_because) == (Priority.P1, None)
    assert after(state, later).priority_because == body.priority_because


@pytest.mark.parametrize("method", ["severity", "rule"])
def test_a_priority_that_a_monitor_gave_stays(method: str) -> None:
    """Who corrects the service of a critical alert does not make it less pressing."""
    why = PriorityReason(method=method, priority=Priority.P1)
    facts = FACTS.model_copy(update={"priority": Priority.P1})
    body = corrected(ticket(facts=facts, priority_because=why), configuration_item="db-7")
    assert body is not None
    assert (body.facts.service, body.facts.priority) == ("payroll", Priority.P1)
    assert body.priority_because is None


def test_a_corrected_item_brings_its_service() -> None:
    """And with it how critical it is."""
    body = corrected(ticket(), configuration_item="DB7.example.org", method="weighted")
    assert body is not None
    assert (body.facts.configuration_item, body.facts.service) == ("db-7", "payroll")
    assert body.priority_because is not None
    values = {d.field: d.value for d in body.priority_because.dimensions}
    assert values["criticality"] == "critical"


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"service": "teleport"}, "service"), ({"category": "astrology"}, "category")],
)
def test_a_correction_to_what_there_is_not_is_refused(fields: dict[str, Any], field: str) -> None:
    """422, and the field is named."""
    with pytest.raises(CommandRejected) as caught:
        corrected(ticket(), **fields)
    assert (caught.value.status, caught.value.field) == (422, field)


def test_tags_are_added_and_removed_each_as_a_change() -> None:
    """What is there already, or is not there, changes nothing; the priority stays."""
    state = ticket(facts=FACTS.model_copy(update={"tags": ("mfa", "old")}))
    body = corrected(state, tags_add=("vpn", "mfa"), tags_remove=("old", "nothing"))
    assert body is not None
    assert body.facts.tags == ("mfa", "vpn")
    assert [(c.field, c.was, c.now) for c in body.changes] == [
        ("tags", "old", None),
        ("tags", None, "vpn"),
    ]
    assert body.priority_because is None
    assert after(state, body).facts.tags == ("mfa", "vpn")
    assert corrected(state, tags_add=("mfa",), tags_remove=("nothing",)) is None


def test_all_tags_may_be_replaced_at_once() -> None:
    """Twenty go and twenty come: the event holds all of it."""
    old, new = (tuple(f"{word}{n:02}" for n in range(20)) for word in ("a", "b"))
    state = ticket(facts=FACTS.model_copy(update={"tags": old}))
    body = corrected(state, kind=Kind.CHANGE, tags_add=new, tags_remove=old)
    assert body is not None
    assert (body.facts.tags, len(body.changes)) == (new, 41)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"tags_add": ("new",)}, "tags_add", "the ticket would have 21 tags; at most 20"),
        (
            {"tags_add": ("a", "t01"), "tags_remove": ("t01", "t02")},
            "tags_remove",
            "'t01' is in tags_add as well",
        ),
    ],
)
def test_a_correction_of_tags_that_cannot_be_is_refused(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    """422, and the field is named."""
    state = ticket(facts=FACTS.model_copy(update={"tags": tuple(f"t{n:02}" for n in range(20))}))
    with pytest.raises(CommandRejected, match=reason) as caught:
        corrected(state, **fields)
    assert (caught.value.status, caught.value.field) == (422, field)


def test_a_ticket_that_there_is_not_is_not_corrected() -> None:
    """404."""
    with pytest.raises(CommandRejected) as caught:
        corrected(None, kind=Kind.INCIDENT)
    assert caught.value.status == 404


def correction(
    field: str, was_by: str | None, by: str, *, was: str = "a", now: str = "b"
) -> Correction:
    """Return one correction."""
    return Correction(field=field, was=was, now=now, was_by=was_by, by=by, at=START)


def test_figures_count_each_source_by_hand() -> None:
    """Ten by the model with two wrong, four by a rule with one, an agent with one of two wrong."""
    found = decided_by(
        "kind",
        {"model:3": 10, "rule:vpn": 4, "default": 7},
        [
            [
                correction("kind", "model:3", "ann", was="incident", now="inquiry"),
                correction("kind", "agent:ann", "bob", was="inquiry", now="complaint"),
            ],
            [correction("kind", "model:3", "bob")],
            [correction("kind", "rule:vpn", "ann"), correction("category", "rule:vpn", "ann")],
        ],
    )
    assert [(d.source, d.decided, d.wrong) for d in found] == [
        ("model:3", 10, 2),
        ("rule:vpn", 4, 1),
        ("agent:ann", 2, 1),
        ("default", 7, 0),
        ("agent:bob", 2, 0),
    ]
    assert [round(d.share, 2) for d in found] == [0.2, 0.25, 0.5, 0.0, 0.0]


def test_who_was_right_after_all_is_not_counted_as_wrong() -> None:
    """Ann changes what a rule said, and Bob puts it back: Ann was wrong, the rule was not."""
    found = decided_by(
        "kind",
        {"rule:vpn": 1},
        [
            [
                correction("kind", "rule:vpn", "ann", was="incident", now="inquiry"),
                correction("kind", "agent:ann", "bob", was="inquiry", now="incident"),
            ]
        ],
    )
    assert {d.source: d.wrong for d in found} == {"rule:vpn": 0, "agent:ann": 1, "agent:bob": 0}


def test_a_model_learns_from_people_and_rules_only() -> None:
    """Not from what models said, nor from what is taken where nobody says anything."""
    taught = {source: teaches(source) for source in SOURCES}
    assert [source for source, good in taught.items() if good] == [
        "agent:ann",
        "caller:requests-demo",
        "rule:vpn",
        "integration:mail-demo",
    ]


SOURCES = (
    "agent:ann",
    "caller:requests-demo",
    "rule:vpn",
    "integration:mail-demo",
    "model:3",
    "default",
    None,
)
