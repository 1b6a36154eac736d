"""Intake's own description of its HTTP API, tried out by schemathesis: no answer of 5xx."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from heliodesk import documents
from tests.support.product import RunningProduct, running_product

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(1_800)]

CASES = 200 if os.environ.get("HELIODESK_CHAOS") else 6
"""For each operation."""
SERVER_ERROR = 500
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start a product."""
    with running_product(tmp_path_factory.mktemp("openapi")) as running:
        yield running


def test_no_operation_answers_with_an_error_of_ours(product: RunningProduct) -> None:
    """Whatever fits the description, and whatever does not: never 5xx, and some of it is taken."""
    schema = schemathesis.openapi.from_dict(documents.openapi("intake"))
    statuses: Counter[int] = Counter()
    operations = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found.err()
        operation = found.ok()
        operations += 1

        @settings(
            max_examples=CASES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def try_out(case: Case[Any]) -> None:
            answer = case.call(
                base_url=product.url("intake"), headers=product.headers, timeout=SECONDS_MAX
            )
            statuses[answer.status_code] += 1
            where = f"{case.method} {case.path}"
            assert answer.status_code < SERVER_ERROR, f"{where}: {answer.text}"

        try_out()
    assert operations > 50
    assert statuses[200] > 0
    assert statuses[202] > 0
    assert statuses[422] > 0
