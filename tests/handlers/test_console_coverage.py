"""The coverage page: a heat band for each scope, promises, gaps, in two languages."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from services.console.domain.coverage import DAYS
from services.console.handlers.coverage import BOARDS_MAX, CoverageViews
from services.console.ports import Caller
from shared.auth import Actor
from shared.contracts.control import IdentityKind, Role
from shared.coverage import Ask
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole
from tests.support.console_signer import TENANT
from tests.support.intake import sample_configuration
from tests.unit.organisation_files import FILES

BROKEN = "promises: [{name: counter, title: Leeds' counter, scope: {sites: [leeds], channels: [walk-up]}}]\n"


def console(configuration: Configuration | None) -> MemoryConsole:
    """Return a console with a configuration at noon."""
    return MemoryConsole(ManualClock(NOON), configuration=configuration)


async def show(where: MemoryConsole, query: str = "", **headers: str) -> httpx.Response:
    """Return the page."""
    async with where.client(**headers) as client:
        return await client.get(f"/desks/coverage{query}")


async def test_each_scope_has_a_band_with_a_text() -> None:
    """The sample has five scopes; at the counters grave faults go to another desk in time."""
    answer = await show(console(sample_configuration()))
    assert answer.status_code == 200
    labels = re.findall(r'role="img" aria-label="([^"]+)"', answer.text)
    # Of VPN, experts come first for ten minutes: it has bands of its own at five kinds of desk.
    assert len(labels) == 13
    assert "vpn at level 2 at first" in answer.text
    assert (
        "Coverage by New York Service Desk, London Service Desk, Shanghai Service Desk: "
        "100% covered · 3–9 agents at once" in labels
    )
    assert "Grave requests find somebody at any hour" in answer.text
    assert "required by the routing rule payroll · payroll at level 3" in answer.text
    assert "once the request has waited 30 min" in answer.text
    assert "Priority: P1, P2" in answer.text
    chinese = await show(console(sample_configuration()), **{"accept-language": "zh"})
    assert "路由规则 payroll 的要求 · payroll 达到 3 级" in chinese.text
    assert "Nobody every day" in answer.text


async def test_a_broken_promise_is_said_and_marked() -> None:
    """How often, the first time, and the hours of the band."""
    answer = await show(console(parse_sections(FILES | {"coverage.yaml": BROKEN})))
    assert "Leeds&#39; counter" in answer.text
    # 400 days from Monday 2026-03-02 on are 57 weeks and a day: 286 working days. Before, between
    # and after them nobody is there, and no working day touches the next.
    assert (
        "is broken 287 times; the first time nobody is there is Mon 2026-03-02 00:00 – "
        "Mon 2026-03-02 09:00 UTC"
    ) in answer.text
    assert 'class="h-broken"' in answer.text
    assert "is-broken" in answer.text


async def test_chinese_reads_as_chinese() -> None:
    """The page in Chinese has no key and no English sentence of its own."""
    answer = await show(console(sample_configuration()), **{"accept-language": "zh"})
    assert 'lang="zh' in answer.text
    assert "每天" in answer.text
    assert "coverage." not in answer.text
    assert "Nobody" not in answer.text


async def test_language_skill_and_days_are_chosen() -> None:
    """Network in Chinese for four weeks: the afternoon of UTC has nobody; odd values count as any."""
    where = console(sample_configuration())
    answer = await show(where, "?language=zh&skill=network&days=28")
    assert '<option value="network" selected>' in answer.text
    assert 'viewBox="0 0 28 24"' in answer.text
    assert "Nobody has what is asked." in answer.text
    odd = await show(where, "?language=%3Cscript%3E&skill=nothing&days=1e9")
    assert odd.status_code == 200
    assert "<script>" not in odd.text.partition("<main")[2]
    assert f'viewBox="0 0 {DAYS[-1]} 24"' in odd.text


async def test_without_a_configuration_the_page_says_so() -> None:
    """Before the first version there is nothing to cover."""
    answer = await show(console(None))
    assert answer.status_code == 200
    assert "No configuration is applied yet" in answer.text


async def test_who_is_not_signed_in_sees_nothing() -> None:
    """The page is behind the door like every other."""
    async with console(sample_configuration()).client(None) as client:
        assert (await client.get("/desks/coverage")).status_code == 303


async def test_a_board_is_computed_once_a_day_and_version() -> None:
    """The same question gives the same board until the day or the version changes."""
    clock = ManualClock(NOON)
    where = MemoryConsole(clock, configuration=sample_configuration())
    views = CoverageViews(configurations=where.configurations, clock=clock)
    agent = Actor("a", "h-clarke", TENANT, IdentityKind.AGENT, frozenset({Role.AGENT}))
    caller = Caller(actor=agent, token="t", expires_at=NOON + timedelta(hours=1))
    first = await views.board(caller, ask=Ask(), days=28)
    assert first is await views.board(caller, ask=Ask(), days=28)
    where.configurations.install(TENANT, sample_configuration(), version=2)
    second = await views.board(caller, ask=Ask(), days=28)
    assert second is not first
    await clock.advance(timedelta(hours=12).total_seconds())
    assert await views.board(caller, ask=Ask(), days=28) is not second
    for days in range(1, BOARDS_MAX + 1):
        await views.board(caller, ask=Ask(), days=days)
    assert len(views._boards) == BOARDS_MAX


@pytest.mark.parametrize("path", ["/desks"])
async def test_the_desks_page_leads_to_it(path: str) -> None:
    """From who is open now to the days to come."""
    async with console(sample_configuration()).client() as client:
        assert 'href="/desks/coverage"' in (await client.get(path)).text
