"""What a request is: the caller's words, the rules, the model, the defaults; and who said it.

What the caller says explicitly counts first. Then the rules, in their order: the first one that
says a thing counts for it. Then, for kind and category, the trained model, where it is certain
enough. Then the integration's defaults. Tags are not said by one alone: each adds its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from services.intake.domain.catalogue import configuration_item, criticality_of, service_of
from services.intake.domain.figures import DEFAULT, MODEL
from services.intake.domain.forms import form_of
from services.intake.domain.learning import Guess, Suggestion
from services.intake.domain.normal import Request
from services.intake.domain.priority import Weighed, prioritised
from shared.contracts.facts import Channel, Code, Kind, Level, Priority
from shared.contracts.intake import Classification, PriorityReason
from shared.expressions import compile_condition
from shared.kernel import CommandRejected
from shared.organisation import (
    REQUEST_FIELDS,
    ClassificationRule,
    Configuration,
    Form,
    Integration,
    RequestDefaults,
)
from shared.tags import Tags, joined_tags

NO_DEFAULTS = RequestDefaults()
RULE_TEXT_MAX = 20_000
"""Characters of a text that rules look at."""
SOURCE_MAX = 80
CONFIGURED = ("region", "site", "service", "business")
"""What a request may only name where the organisation has it."""
UNSAID: tuple[str | None, str] = (None, "")


class Classified(BaseModel):
    """What is known of a ticket before its contact is."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    channel: Channel
    priority: Priority
    impact: Level
    urgency: Level
    service: Code | None = None
    category: Code | None = None
    region: Code | None = None
    site: Code | None = None
    language: Code | None = None
    """As the caller says, or as it was found in the text; None leaves it to the contact, and
    then to ``language_default``."""
    language_default: Code = "en"
    vip: bool = False
    integration: Code | None = None
    configuration_item: Code | None = None
    contact_level: Code | None = None
    business: Code | None = None
    """As the caller or the integration says; None leaves it to the contact."""
    choice: Code | None = None
    """What was chosen in a telephone menu: its key."""
    tags: Tags = ()
    priority_because: PriorityReason | None = None
    classification: Classification | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """What is known of who asks, as far as rules and weights look at it."""

    level: str | None = None
    vip: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Detected:
    """A language that was found in a text."""

    language: str
    confidence: float


NOBODY = Asker()


def classify_request(
    request: Request,
    *,
    integration: Integration | None,
    configuration: Configuration,
    channel: Channel,
    caller: str = "",
    asker: Asker = NOBODY,
    suggestion: Suggestion | None = None,
    detected: Detected | None = None,
) -> Classified:
    """Return what a request is.

    Args:
        request: as the door read it.
        integration: None where an agent hands it in.
        configuration: for rules, priorities, the catalogue, and the places that there are.
        channel: where neither the caller nor the integration names one.
        caller: the integration or agent that hands it in.
        asker: what is known of the contact.
        suggestion: the trained model's, where there is a model.
        detected: the language of the text, where nobody says it and it was found.

    Raises:
        CommandRejected: the caller names a region, a site, a service or a business that there is not.
    """
    _require_known(request, configuration)
    form = form_of(request, configuration)
    defaults = integration.defaults if integration else NO_DEFAULTS
    site = request.site or (None if request.region else defaults.site)
    # A site says where its region is; the integration's default must not contradict it.
    region = request.region or (None if request.site else defaults.region)
    draft = _Draft(
        request=request,
        channel=request.channel or Channel(defaults.channel or channel),
        region=configuration.region_of(region=region, site=site),
        site=site,
        language=request.language or (detected.language if detected else None),
        item=configuration_item(request.configuration_item, configuration)
        or defaults.configuration_item,
    )
    ruled = _ruled(draft, configuration, integration=integration, asker=asker)
    sources = _Sources(
        caller=caller or "?",
        integration=integration.name if integration else None,
        suggestion=suggestion,
        apply_from=configuration.intake.classification.apply_from,
        form=form,
    )
    kind, kind_by = _kind(request, ruled.said, defaults, sources)
    category, category_by = _category(request, ruled.said, defaults, sources)
    service = _first(
        request.service,
        ruled.said.get("service", UNSAID)[0],
        form.service if form else None,
        service_of(draft.item, configuration),
        defaults.service,
    )
    impact = _level(request.impact, ruled.said.get("impact", UNSAID)[0], defaults.impact)
    urgency = _level(request.urgency, ruled.said.get("urgency", UNSAID)[0], defaults.urgency)
    because = prioritised(
        Weighed(
            kind=kind,
            channel=draft.channel,
            impact=impact,
            urgency=urgency,
            contact_level=asker.level,
            criticality=criticality_of(draft.item, service, configuration),
            category=category,
        ),
        configuration,
    )
    return Classified(
        kind=kind,
        channel=draft.channel,
        priority=because.priority,
        impact=impact,
        urgency=urgency,
        service=service,
        category=category,
        region=draft.region,
        site=site,
        language=draft.language,
        language_default=defaults.language or configuration.organisation.languages[0],
        vip=asker.vip,
        integration=sources.integration,
        configuration_item=draft.item,
        contact_level=asker.level,
        business=request.business or defaults.business,
        choice=request.choice,
        tags=joined_tags(request.tags, ruled.tags, form.tags if form else (), defaults.tags),
        priority_because=because,
        classification=_said_by(
            request, sources, kind_by=kind_by, category_by=category_by, detected=detected
        ),
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """What rules look at, as far as it is settled before them."""

    request: Request
    channel: Channel
    region: str | None
    site: str | None
    language: str | None
    item: str | None


@dataclass(frozen=True, slots=True)
class _Ruled:
    """What the rules say."""

    said: Mapping[str, tuple[str, str]]
    """For each field the value, and the rule that said it first."""
    tags: tuple[str, ...]
    """Of all rules that are met."""


@dataclass(frozen=True, slots=True)
class _Sources:
    caller: str
    integration: str | None
    suggestion: Suggestion | None
    apply_from: float
    form: Form | None = None

    def certain(self, guess: Guess | None) -> str | None:
        """Return a guess that is certain enough to be applied."""
        return guess.value if guess and guess.probability >= self.apply_from else None

    @property
    def model(self) -> str:
        """The model as a source."""
        return f"{MODEL}{self.suggestion.version}" if self.suggestion else ""


def _kind(
    request: Request,
    ruled: Mapping[str, tuple[str, str]],
    defaults: RequestDefaults,
    sources: _Sources,
) -> tuple[Kind, str]:
    if request.kind is not None:
        return request.kind, source("caller", sources.caller)
    if "kind" in ruled:
        value, rule = ruled["kind"]
        return Kind(value), source("rule", rule)
    form = sources.form
    if form is not None and form.kind is not None:
        return Kind(form.kind), source("form", form.name)
    guessed = sources.certain(sources.suggestion.kind if sources.suggestion else None)
    # A model may be older than a release that knows its words no more.
    if guessed is not None and Kind(guessed) is not Kind.UNKNOWN:
        return Kind(guessed), sources.model
    if defaults.kind is not None:
        return Kind(defaults.kind), source("integration", sources.integration or "")
    return Kind.INCIDENT, DEFAULT


def _category(
    request: Request,
    ruled: Mapping[str, tuple[str, str]],
    defaults: RequestDefaults,
    sources: _Sources,
) -> tuple[str | None, str | None]:
    if request.category is not None:
        return request.category, source("caller", sources.caller)
    if "category" in ruled:
        value, rule = ruled["category"]
        return value, source("rule", rule)
    form = sources.form
    if form is not None and form.category is not None:
        return form.category, source("form", form.name)
    guessed = sources.certain(sources.suggestion.category if sources.suggestion else None)
    if guessed is not None:
        return guessed, sources.model
    if defaults.category is not None:
        return defaults.category, source("integration", sources.integration or "")
    return None, None


def _said_by(
    request: Request,
    sources: _Sources,
    *,
    kind_by: str,
    category_by: str | None,
    detected: Detected | None,
) -> Classification:
    suggestion = sources.suggestion
    kind = suggestion.kind if suggestion else None
    category = suggestion.category if suggestion else None
    found = detected if request.language is None else None
    return Classification(
        kind_by=kind_by,
        category_by=category_by,
        model=suggestion.version if suggestion else None,
        suggested_kind=Kind(kind.value) if kind else None,
        kind_probability=kind.probability if kind else None,
        suggested_category=category.value if category else None,
        category_probability=category.probability if category else None,
        language_by="caller" if request.language else ("detected" if found else None),
        language_confidence=found.confidence if found else None,
    )


def source(by: str, name: str) -> str:
    """Return who said a thing, as events and figures name it."""
    return f"{by}:{name}"[:SOURCE_MAX]


def _ruled(
    draft: _Draft,
    configuration: Configuration,
    *,
    integration: Integration | None,
    asker: Asker,
) -> _Ruled:
    """Return what the rules say.

    They see what the caller said of kind, category, service and tags, not what is filled in later.
    """
    rules = configuration.intake.classification.rules
    if not rules:
        return _Ruled({}, ())
    request = draft.request
    values: dict[str, object] = {
        "subject": request.subject.lower(),
        "text": request.text[:RULE_TEXT_MAX].lower(),
        "channel": draft.channel.value,
        "integration": integration.name if integration else None,
        "language": draft.language or asker.language,
        "service": request.service,
        "configuration_item": draft.item,
        "category": request.category,
        "kind": request.kind.value if request.kind else None,
        "region": draft.region,
        "site": draft.site,
        "template": request.template,
        "contact_level": asker.level,
        "vip": asker.vip,
        "tags": request.tags,
    }
    found: dict[str, tuple[str, str]] = {}
    tags: list[str] = []
    for rule in rules:
        said = {field: value for field, value in _sayings(rule) if field not in found}
        if (said or rule.tags) and compile_condition(rule.when, REQUEST_FIELDS)(values):
            found.update((field, (value, rule.name)) for field, value in said.items())
            tags += rule.tags
    return _Ruled(found, tuple(tags))


def _sayings(rule: ClassificationRule) -> list[tuple[str, str]]:
    said = (
        ("kind", rule.kind),
        ("category", rule.category),
        ("service", rule.service),
        ("impact", rule.impact),
        ("urgency", rule.urgency),
    )
    return [(field, value) for field, value in said if value is not None]


def looks_at_the_asker(configuration: Configuration) -> bool:
    """Return whether rules or weights need to know who asks."""
    policy = configuration.intake.priority
    weighs = policy.method == "weighted" and any(
        d.field == "contact_level" for d in policy.dimensions
    )
    return weighs or any(
        word in rule.when
        for rule in configuration.intake.classification.rules
        for word in ("contact_level", "vip", "language")
    )


def _level(*values: str | None) -> Level:
    return Level(_first(*values) or Level.MEDIUM)


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)


def _require_known(request: Request, configuration: Configuration) -> None:
    organisation = configuration.organisation
    known: dict[str, set[str]] = {
        "region": {region.name for region in organisation.regions},
        "site": {site.name for site in organisation.sites},
        "business": {business.name for business in organisation.businesses},
    }
    if configuration.catalogue.services:
        known["service"] = set(configuration.services_by_name)
    for field in CONFIGURED:
        value = getattr(request, field)
        if value is not None and value not in known.get(field, {value}):
            raise CommandRejected(
                "invalid", f"the organisation has no {field} {value!r}", field=field, status=422
            )
