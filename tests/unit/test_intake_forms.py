"""Forms of the organisation: what is required is there, and each field fits its type."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.classify import classify_request
from services.intake.domain.forms import form_of
from services.intake.domain.normal import Party, Request
from shared.contracts.facts import Channel
from shared.kernel import CommandRejected
from shared.organisation import CatalogueSection, Configuration, Form, FormField
from tests.support.intake import sample_configuration

FORM = Form(
    name="laptop",
    title="A new laptop",
    kind="service-request",
    category="hardware",
    fields=(
        FormField(name="model", title="Model", type="choice", choices=("small", "large")),
        FormField(name="cost_centre", title="Cost centre", required=True),
        FormField(name="amount", title="How many", type="number"),
        FormField(name="from", title="Needed from", type="date"),
        FormField(name="urgent", title="Urgent", type="boolean"),
    ),
)
GOOD = {"cost_centre": "4711", "model": "small", "amount": "2", "from": "2026-12-01"}


def organisation(*forms: Form) -> Configuration:
    """Return the sample with forms."""
    return replace(sample_configuration(), catalogue=CatalogueSection(forms=forms))


def filled(template: str | None = "laptop", **fields: str) -> Request:
    """Return a request of a form."""
    return Request(contact=Party(mail="a@b.c"), subject="x", template=template, fields=fields)


def test_what_fits_is_taken_and_says_what_the_request_is() -> None:
    """Kind and category are the form's, and the ticket says so; further fields are kept."""
    request = filled(**GOOD, urgent="true", remark="please")
    found = classify_request(
        request, integration=None, configuration=organisation(FORM), channel=Channel.WEB
    )
    assert found.classification is not None
    assert (found.kind, found.classification.kind_by) == ("service-request", "form:laptop")
    assert (found.category, found.classification.category_by) == ("hardware", "form:laptop")


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"cost_centre": " "}, "fields.cost_centre", "'Cost centre' is required"),
        ({"model": "huge"}, "fields.model", "one of these is needed: small, large"),
        ({"amount": "two"}, "fields.amount", "a number is needed"),
        ({"amount": "nan"}, "fields.amount", "a number is needed"),
        ({"from": "next week"}, "fields.from", "a date is needed"),
        ({"urgent": "yes"}, "fields.urgent", "true or false is needed"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(
    changed: dict[str, str], field: str, reason: str
) -> None:
    """422, and the reason says what would fit."""
    with pytest.raises(CommandRejected) as caught:
        form_of(filled(**{**GOOD, **changed}), organisation(FORM))
    assert (caught.value.status, caught.value.field) == (422, field)
    assert reason in caught.value.reason


def test_a_form_that_there_is_not_is_refused_where_there_are_some() -> None:
    """An organisation without forms takes any name, as it takes any service."""
    with pytest.raises(CommandRejected, match="no form 'phone'"):
        form_of(filled("phone"), organisation(FORM))
    assert form_of(filled("phone"), organisation()) is None
    assert form_of(filled(None), organisation(FORM)) is None


@given(fields=st.dictionaries(st.sampled_from([f.name for f in FORM.fields]), st.text()))
def test_anything_filled_in_fits_or_is_refused(fields: dict[str, str]) -> None:
    """Never another error."""
    with suppress(CommandRejected):
        assert form_of(filled(**fields), organisation(FORM)) == FORM
