"""The classic case is what it says it is, and every one of its places comes to the desk it should."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heliodesk.product.directory import read_directory
from services.routing.domain.desks import choose_desk
from shared.contracts.facts import Channel
from shared.organisation import Configuration, parse_sections, validate_sections
from tests.support import classic_case as classic
from tests.support.classic_case import CITIES, RESIDENTS, SUPPLIERS, Case, Topologies, User, users
from tests.support.routing import facts

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

EVERY_SHAPE = {
    "centralized": classic.centralized(),
    "sub-group": classic.centralized(support="group"),
    "split-function": classic.centralized(support="department"),
    "contact-point": classic.central_contact_point(),
    "by-hand": classic.central_contact_point(distribute="by_hand"),
    "waiting": classic.local_contact_point(overflow="wait"),
    "neighbour": classic.local_contact_point(overflow="neighbour"),
    "to-the-centre": classic.local_contact_point(overflow="centre"),
    "menu": classic.call_centre_menu(),
    "virtual": classic.virtual(),
    "hybrid": classic.hybrid(),
    "self-service": classic.self_service(),
    "seven": classic.seven(),
    "seven-switched": classic.seven(china="local"),
}


def configured(topologies: Topologies) -> Configuration:
    """Return the case under some topologies, checked."""
    return validate_sections(Case(topologies, "tried").sections())


def desk_of(configuration: Configuration, user: User, **said: str) -> str:
    """Return the desk, or the queue of one, that a user's request comes to."""
    of_user = {
        "site": user.city.name,
        "region": user.city.region,
        "business": user.business,
        "channel": Channel.EMAIL,
    }
    choice = choose_desk(configuration, facts(**(of_user | said)), NOON)
    return choice.queue or choice.desk.name


def test_it_has_forty_cities_and_two_thousand_users() -> None:
    """Fifty in each city, of every business in each; nobody shares an address with another."""
    everybody = users()
    assert (len(CITIES), len({city.name for city in CITIES}), len(everybody)) == (40, 40, 2_000)
    assert set(Counter(user.city.name for user in everybody).values()) == {50}
    assert len({(user.city.name, user.business) for user in everybody}) == 40 * 4
    for address in ("employee", "mail", "phone"):
        assert len({getattr(user, address) for user in everybody}) == 2_000
    assert classic.user_at("lyon", "retail").city.name == "lyon"
    assert classic.user_at("lyon", "retail").business == "retail"


@pytest.mark.parametrize("name", EVERY_SHAPE)
def test_every_shape_is_a_right_configuration_also_as_files(name: str, tmp_path: Path) -> None:
    """What control takes as sections is the same as what a directory of YAML says."""
    case = Case(EVERY_SHAPE[name], name)
    written = parse_sections(read_directory(case.write(tmp_path / name)))
    assert written == validate_sections(case.sections())


def test_the_point_sends_each_city_to_its_residents_or_to_its_supplier() -> None:
    """Engineers in three cities, a supplier in the thirty-seven others."""
    configuration = configured(classic.central_contact_point())
    found = Counter(desk_of(configuration, user) for user in users())
    residents = dict.fromkeys(RESIDENTS.values(), 50)
    suppliers = {
        desk: 50 * sum(city.region == region and city.name not in RESIDENTS for city in CITIES)
        for region, desk in SUPPLIERS.items()
    }
    assert found == residents | suppliers


@pytest.mark.parametrize("closed", classic.REGIONS)
def test_a_closed_regions_work_is_its_first_open_neighbours(closed: str) -> None:
    """Only that region's work goes elsewhere, and none of the plants'."""
    case = Case(classic.local_contact_point(overflow="neighbour"), "one closed", closed=[closed])
    configuration = validate_sections(case.sections())
    for user in users(200):
        desk = desk_of(configuration, user)
        if user.business == "manufacturing":
            assert desk == "plant"
        elif user.city.region == closed:
            assert desk in set(classic.REGIONS) - {closed}
        else:
            assert desk == user.city.region


def test_all_seven_take_every_known_place_between_them() -> None:
    """Nobody of the two thousand is left to the fallback, whatever the channel."""
    configuration = configured(classic.seven())
    for user in users():
        for channel in ("email", "phone", "web"):
            assert desk_of(configuration, user, channel=channel) != "duty"
    nowhere = choose_desk(configuration, facts(channel=Channel.EMAIL), NOON)
    assert (nowhere.desk.name, nowhere.unrouted) == ("duty", True)


def test_a_switch_in_china_concerns_china_alone() -> None:
    """Another shape for one scope changes no other scope's choice."""
    before, after = configured(classic.seven()), configured(classic.seven(china="local"))
    changed = {
        user.city.country for user in users() if desk_of(before, user) != desk_of(after, user)
    }
    assert changed == {"CN"}
