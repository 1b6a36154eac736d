"""What services ask of a configuration, and how it travels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.organisation import (
    SECTION_MODELS,
    Change,
    Configuration,
    ConfigurationInvalid,
    LocalContactPoint,
    UnknownName,
    Virtual,
    diff,
    digest,
    json_schemas,
    parse_sections,
)
from tests.unit.organisation_files import FILES, changed

SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"


@pytest.fixture(name="right", scope="module")
def _right() -> Configuration:
    return parse_sections(FILES)


@pytest.fixture(name="sample", scope="module")
def _sample() -> Configuration:
    files = {str(p.relative_to(SAMPLE)): p.read_text("utf-8") for p in SAMPLE.rglob("*.yaml")}
    return parse_sections(files)


def test_it_travels_as_one_json_for_each_section(right: Configuration) -> None:
    """Sections survive JSON, and read back as an equal configuration."""
    sections = right.sections()
    assert sections.keys() == SECTION_MODELS.keys() | {"rosters/shanghai"}
    assert Configuration.from_sections(json.loads(json.dumps(sections))) == right


def test_a_reader_ignores_what_a_newer_release_added(right: Configuration) -> None:
    """An older service reads sections of a newer control; a broken section is still refused."""
    sections = right.sections()
    sections["desks"]["desks"][0]["colour"] = "blue"
    sections["feelings"] = {}
    assert Configuration.from_sections(sections) == right
    with pytest.raises(ConfigurationInvalid, match=r"desks: desks\[0\].tier"):
        Configuration.from_sections(
            {"desks": {"desks": [{**sections["desks"]["desks"][0], "tier": 0}]}}
        )


def test_a_digest_is_of_the_content_and_not_of_its_spelling() -> None:
    """Comments, order of keys and short forms do not change a digest; a value does."""
    one = parse_sections(FILES).sections()["desks"]
    spelt = changed("desks.yaml", "desks:", "# A comment.\ndesks:")
    assert digest(parse_sections(spelt).sections()["desks"]) == digest(one)
    other = parse_sections(changed("desks.yaml", "tier: 2", "tier: 3")).sections()["desks"]
    assert digest(other) != digest(one)
    # By hand: printf '{"a":"é","b":[1,true]}' | sha256sum
    expected = "4cfe375505341a795919ae919b0f726bc2f6d3a426822a940384413dc1c22bc1"
    assert digest({"b": [1, True], "a": "é"}) == expected


def test_open_desks_follow_their_calendars(right: Configuration) -> None:
    """On a Monday at 08:30 UTC only Shanghai and the centre are open; on Sunday the centre."""
    monday = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    assert [desk.name for desk in right.open_desks(monday)] == ["shanghai", "centre"]
    sunday = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert [desk.name for desk in right.open_desks(sunday)] == ["centre"]


def test_agents_of_a_desk_come_from_all_files(right: Configuration) -> None:
    """The desk of a roster is one of its agents' desks; lists of skills mean level 1."""
    assert [agent.id for agent in right.agents_of("centre")] == ["ann", "bo"]
    assert [agent.id for agent in right.agents_of("shanghai")] == ["bo", "cai"]
    assert right.agent("bo").desks == ("shanghai", "centre")
    assert right.agent("ann").skills == {"vpn": 1}
    assert [agent.id for agent in right.all_agents()] == ["ann", "bo", "cai"]


def test_a_floating_calendar_is_read_at_the_item_the_site_or_the_desk() -> None:
    """The first that has a zone counts; what is not known has none, and the last resort is UTC."""
    given = changed("organisation.yaml", "title: Leeds,", "title: Leeds, time_zone: Europe/London,")
    zone = parse_sections(given).zone_of_ticket
    assert zone(item_zone="Asia/Tokyo", site="leeds", desk="shanghai") == "Asia/Tokyo"
    assert zone(item_zone=None, site="leeds", desk="shanghai") == "Europe/London"
    assert zone(item_zone=None, site="wuhan", desk="shanghai") == "Asia/Hong_Kong"
    assert zone(item_zone=None, site="gone", desk="shanghai") == "Asia/Hong_Kong"
    assert zone(item_zone=None, site=None, desk="london") == "UTC"
    assert zone(item_zone=None, site=None, desk="gone") == "UTC"


def test_targets_are_seconds_and_times_are_shown_in_a_desks_zone(right: Configuration) -> None:
    """A target may be a text such as 90m; a desk without a zone has that of its calendar."""
    assert right.sla.policies[0].targets == {"P1": 900, "P2": 5400}
    assert right.desk_time_zone("london") == "Europe/London"
    assert right.desk_time_zone("shanghai") == "Asia/Hong_Kong"


@pytest.mark.parametrize(
    ("facts", "topology"),
    [
        ({"service": "payroll", "channel": "walk-up"}, "pay"),
        ({"site": "leeds", "channel": "walk-up"}, "counter"),
        ({"region": "emea", "channel": "walk-up"}, "sun"),
        ({"site": "leeds", "service": "vpn", "channel": "email"}, "sun"),
        ({}, "sun"),
    ],
)
def test_the_first_scope_that_takes_a_ticket_decides(
    right: Configuration, facts: dict[str, str], topology: str
) -> None:
    """Scopes are tried in order; a star wants any value but not none."""
    known = {"site": None, "region": None, "service": None, "channel": None} | facts
    found = right.topology_for(**known)
    assert found is not None
    assert found.name == topology


def test_a_scope_by_region_takes_the_region_of_the_site() -> None:
    """Where only the site is known, its region counts."""
    files = changed("topologies.yaml", "services: [payroll]", "regions: [apac]")
    configuration = parse_sections(files)
    found = configuration.topology_for(site="wuhan", region=None, service=None, channel=None)
    assert found is not None
    assert found.name == "pay"
    assert configuration.region_of(region=None, site="wuhan") == "apac"
    assert configuration.region_of(region="emea", site="wuhan") == "emea"
    assert configuration.region_of(region=None, site="nowhere") is None


def test_a_local_topology_prefers_the_site(right: Configuration) -> None:
    """The desk of the site goes before that of the region, and the fallback comes last."""
    local = right.topologies.topologies[1]
    assert isinstance(local, LocalContactPoint)
    assert local.desk_for(site="wuhan", region="emea") == "shanghai"
    assert local.desk_for(site="leeds", region="emea") == "london"
    assert local.desk_for(site=None, region="apac") == "centre"
    assert local.group_names == ("shanghai", "london", "centre")


def test_unknown_names_are_typed_errors(right: Configuration) -> None:
    """Asking for what is not there says what of."""
    with pytest.raises(UnknownName, match="no desk 'mars'"):
        right.agents_of("mars")
    with pytest.raises(UnknownName, match="no calendar 'mars'"):
        right.calendar("mars")
    with pytest.raises(UnknownName, match="no integration 'mars'"):
        right.integration("mars")
    with pytest.raises(UnknownName, match="no queue 'mars'"):
        right.queue("mars")
    with pytest.raises(UnknownName, match="no desk or queue 'mars'"):
        right.group("mars")


def test_a_priority_follows_from_impact_and_urgency(right: Configuration) -> None:
    """The matrix that ships gives P2 for high impact at medium urgency."""
    assert right.priority_of(impact="high", urgency="medium") == "P2"
    assert right.priority_of(impact="low", urgency="low") == "P5"


def test_a_difference_names_items_and_not_their_places() -> None:
    """Added, removed, changed and moved items are told apart."""
    old = parse_sections(FILES)
    assert diff(old, old) == ()
    files = changed("desks.yaml", "tier: 2", "tier: 3") | {
        "agents.yaml": "agents: [{id: dee, name: Dee, email: d@example.org, desks: [london]}]",
        "sla.yaml": "\n".join(["policies:", *reversed(FILES["sla.yaml"].splitlines()[1:2])]),
        "rosters/london.yaml": "agents: []",
    }
    found = {
        (change.section, change.path, change.kind) for change in diff(old, parse_sections(files))
    }
    assert found == {
        ("desks", "desks[centre].tier", "changed"),
        ("agents", "agents[ann]", "removed"),
        ("agents", "agents[dee]", "added"),
        ("sla", "policies[resolution]", "removed"),
        ("rosters/london", "", "added"),
    }


def test_a_changed_order_of_topologies_is_a_difference() -> None:
    """The order decides which scope is tried first, so a move is told."""
    lines = FILES["topologies.yaml"].splitlines(keepends=True)
    moved = "".join([lines[0], *lines[2:8], lines[1], *lines[8:]])
    before, after = parse_sections(FILES), parse_sections(FILES | {"topologies.yaml": moved})
    expected = Change(
        "topologies", "topologies", "moved", ["pay", "counter", "sun"], ["counter", "pay", "sun"]
    )
    assert diff(before, after) == (expected,)


def test_schemas_describe_every_section() -> None:
    """Editors are told of each section's shape, short forms included."""
    schemas = json_schemas()
    assert schemas.keys() == SECTION_MODELS.keys() | {"rosters/DESK"}
    hours = schemas["calendars"]["$defs"]["WeeklyHours"]["anyOf"]
    assert {"const": "24x7"} in hours
    assert schemas["desks"]["additionalProperties"] is False
    assert json.loads(json.dumps(schemas)) == schemas


def test_the_sample_covers_every_hour_by_a_regional_desk(sample: Configuration) -> None:
    """From 2026 to 2030 there is no instant at which no desk that follows the sun is open."""
    default = sample.topologies.topologies[-1]
    assert isinstance(default, Virtual)
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    windows = sorted(
        window
        for desk in default.desks
        for window in sample.desk_calendar(desk).windows(start, end)
    )
    covered = start
    for opens, closes in windows:
        assert opens <= covered, f"nobody is open at {covered}"
        covered = max(covered, closes)
    assert covered == end


def test_the_sample_has_what_the_demo_needs(sample: Configuration) -> None:
    """Three regions, a fallback that never closes, agents everywhere, doors, two languages."""
    assert len(sample.organisation.regions) == 3
    assert sample.desk_calendar("operations").next_close(datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert all(2 <= len(sample.agents_of(desk.name)) <= 3 for desk in sample.desks.desks)
    doors = {item.name: item.door for item in sample.integrations.integrations}
    assert doors == {
        "alertmanager-demo": "alertmanager",
        "cloudevents-demo": "cloudevents",
        "requests-demo": "requests",
        "mail-demo": "smtp",
    }
    assert sample.organisation.languages == ("en", "zh")
    by_site = sample.topology_for(site="toronto", region=None, service=None, channel="web")
    assert isinstance(by_site, LocalContactPoint)
    assert by_site.desk_for(site="toronto", region="americas") == "new-york"
