"""The page of service levels: agreements with their life, months with their files."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from services.console.domain.levels import report_months
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole
from tests.unit.organisation_files import FILES

AGREEMENTS = """\
agreements:
  - {name: gold, title: Gold & Co, state: in-force, valid_until: 2026-03-11, parties: {customer: Alpha}}
  - {name: cables, title: Cables, kind: uc, state: signed, review_every_days: 30, valid_from: 2026-01-01}
"""


def console(configuration: Configuration | None) -> MemoryConsole:
    """Return a console with a configuration, at noon of 2 March 2026."""
    return MemoryConsole(ManualClock(NOON), configuration=configuration)


def agreed() -> Configuration:
    """Return an organisation with two agreements."""
    return parse_sections({**FILES, "agreements.yaml": AGREEMENTS})


async def show(where: MemoryConsole, path: str = "", **headers: str) -> httpx.Response:
    """Return the page, or a file."""
    async with where.client(**headers) as client:
        return await client.get(f"/desks/levels{path}")


async def test_agreements_are_shown_as_they_stand_now() -> None:
    """State, whether it binds, what is left of it, with whom, and what is to be done."""
    page = (await show(console(agreed()))).text
    gold, cables = page.split("<tbody>")[1].split("</tbody>")[0].split("</tr>")[:2]
    for part in ("Gold &amp; Co", "with a customer (SLA)", "In force", "2026-03-11", "9 days left"):
        assert part in gold
    for part in ("Alpha", "ends soon", "nobody is accountable", "it ends on 2026-03-11"):
        assert part in gold
    assert "binds nobody now" not in gold
    for part in ("with a supplier (UC)", "Signed", "binds nobody now", "2026-01-31"):
        assert part in cables
    zh = (await show(console(agreed()), **{"accept-language": "zh"})).text
    for part in ("与供应商（UC）", "生效中", "还剩 9 天", "即将到期"):
        assert part in zh


async def test_without_agreements_the_months_are_there() -> None:
    """Also before a configuration is applied."""
    for configuration in (None, parse_sections(FILES)):
        page = (await show(console(configuration))).text
        assert "There are no agreements." in page
        assert '2026-03 <span class="tag">so far</span>' in page
        assert 'href="/desks/levels/2025-03/scorecard">Scorecard (CSV)</a>' in page
        assert "2025-02" not in page


def test_months_go_over_the_turn_of_the_year() -> None:
    """The newest first, a year back."""
    months = report_months(datetime(2026, 1, 1, tzinfo=UTC))
    assert (months[0], months[1], months[-1], len(months)) == ("2026-01", "2025-12", "2025-01", 13)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("html", "html  en"),
        ("json", "json  en"),
        ("summary", "csv summary en"),
        ("scorecard", "csv scorecard en"),
        ("breaches", "csv breaches en"),
    ],
)
async def test_each_file_is_asked_of_sla_and_saved(code: str, asked: str) -> None:
    """In the viewer's language, with the viewer's right."""
    answer = await show(console(agreed()), f"/2026-02/{code}")
    assert (answer.status_code, answer.text) == (200, f"2026-02 {asked}")
    assert answer.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize("path", ["/2026-02/clocks", "/2026-2/json", "/..%2Fclocks/json"])
async def test_what_is_no_report_is_not_asked_for(path: str) -> None:
    """It is not found; sla hears nothing."""
    where = console(agreed())
    where.fakes.down.add("sla")
    assert (await show(where, path)).status_code == 404


async def test_while_sla_does_not_answer_the_page_says_so() -> None:
    """The agreements stand; they are of the configuration."""
    where = console(agreed())
    where.fakes.down.add("sla")
    answer = await show(where, "/2026-02/html")
    assert answer.status_code == 503
    assert "the sla service does not answer" in answer.text
    assert "Gold &amp; Co" in answer.text


async def test_the_desks_lead_to_it() -> None:
    """One link, beside that of the coverage."""
    async with console(agreed()).client() as client:
        assert 'href="/desks/levels"' in (await client.get("/desks")).text
