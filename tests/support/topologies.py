"""Topologies of all shapes, generated; all that they name is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

REGIONS = ("west", "east")
SITES = {"s-west": "west", "s-east": "east", "s-mid": "east"}
COUNTRIES = {"s-west": "GB", "s-east": "CN", "s-mid": "GB"}
"""Of the sites; the regions have none."""
BUSINESSES = ("bank", "mill")
SERVICES = ("pay", "vpn")
KEYS = ("1", "2", "*", "42")
SCOPES: tuple[dict[str, Any], ...] = (
    {"services": ["pay"]},
    {"channels": ["walk-up"], "sites": ["*"]},
    {"regions": ["west"]},
    {"countries": ["GB"]},
    {"businesses": ["bank"]},
    {"businesses": ["*"], "channels": ["phone"]},
)
"""None of them takes all that another one takes."""

ORGANISATION: dict[str, Any] = {
    "languages": ["en", "zh"],
    "regions": [{"name": name, "title": "R"} for name in REGIONS],
    "sites": [
        {"name": name, "title": "S", "region": region, "country": COUNTRIES[name]}
        for name, region in SITES.items()
    ],
    "businesses": [{"name": name, "title": "B"} for name in BUSINESSES],
}


def _table(keys: Sequence[str], to: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(keys), to, max_size=2)


@st.composite
def shapes(draw: st.DrawFn, desks: Sequence[str], queues: dict[str, str]) -> dict[str, Any]:
    """Return a topology of some shape but self-service; ``queues`` are names to their desks."""
    desk = st.sampled_from(desks)
    group = st.sampled_from([*desks, *queues])
    kinds = [
        _centralized(desks, queues),
        _placed(desk).flatmap(lambda tables: _local(tables, desks)),
        _placed(desk).flatmap(
            lambda tables: desk.map(lambda d: {"shape": "hybrid", **tables, "centre": d})
        ),
        _menu(group),
        st.fixed_dictionaries(
            {
                "shape": st.just("virtual"),
                "desks": st.permutations(desks).map(list),
                "fallback": desk,
                "visits": st.fixed_dictionaries({"by_site": _table(tuple(SITES), desk)}),
            }
        ),
    ]
    if len(desks) + len(queues) > 1:
        kinds.append(desk.flatmap(lambda point: _contact_point(point, group)))
    return draw(st.one_of(*kinds))


@st.composite
def _centralized(draw: st.DrawFn, desks: Sequence[str], queues: dict[str, str]) -> dict[str, Any]:
    central = draw(st.sampled_from(desks))
    support = draw(st.sampled_from([None, *_support(central, desks, queues)]))
    found = {"shape": "centralized", "desk": central}
    return found if support is None else {**found, "business_support": support}


@st.composite
def _contact_point(draw: st.DrawFn, point: str, group: st.SearchStrategy[str]) -> dict[str, Any]:
    others = group.filter(lambda name: name != point)
    found = {
        field: draw(_table(keys, others))
        for field, keys in (
            ("by_service", SERVICES),
            ("by_site", tuple(SITES)),
            ("by_business", BUSINESSES),
            ("by_region", REGIONS),
        )
    }
    if not any(found.values()):
        found["by_region"] = {"west": draw(others)}
    distribute = draw(st.sampled_from(("automatic", "by_hand")))
    return {"shape": "central_contact_point", "point": point, "distribute": distribute, **found}


@st.composite
def _placed(draw: st.DrawFn, desk: st.SearchStrategy[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "by_site": draw(_table(tuple(SITES), desk)),
        "by_business": draw(_table(BUSINESSES, desk)),
        "by_region": draw(_table(REGIONS, desk)),
    }
    if not any(found.values()):
        found["by_region"] = {"west": draw(desk)}
    return {**found, "fallback": draw(desk)}


def _local(tables: dict[str, Any], desks: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    own = {tables["fallback"]}
    for field in ("by_site", "by_business", "by_region"):
        own.update(tables[field].values())
    found = {"shape": "local_contact_point", **tables}
    return _overflow(desks, sorted(own)).map(lambda overflow: {**found, "overflow": overflow})


@st.composite
def _menu(draw: st.DrawFn, group: st.SearchStrategy[str]) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
    entries = {key: {"title": "Entry", "group": draw(group)} for key in keys}
    return {"shape": "call_centre_menu", "entries": entries, "default": draw(group)}


def _support(central: str, desks: Sequence[str], queues: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"by": "desk", "services": ["pay"]}]
    for queue, of in queues.items():
        if of == central:
            found.append({"by": "group", "services": ["pay"], "group": queue})
    found += [
        {"by": "department", "services": ["pay", "vpn"], "department": desk}
        for desk in desks
        if desk != central
    ]
    return found


@st.composite
def _overflow(draw: st.DrawFn, desks: Sequence[str], own: Sequence[str]) -> dict[str, Any]:
    policy = draw(st.sampled_from(("wait", "neighbour", "centre")))
    if policy == "centre":
        return {"policy": policy, "centre": draw(st.sampled_from(desks))}
    desk = draw(st.sampled_from(own))
    others = [name for name in desks if name != desk]
    if policy == "wait" or not others:
        return {}
    neighbours = draw(st.lists(st.sampled_from(others), min_size=1, unique=True))
    return {"policy": policy, "neighbours": {desk: neighbours}}


@st.composite
def topologies(draw: st.DrawFn, desks: Sequence[str], queues: dict[str, str]) -> dict[str, Any]:
    """Return a section: some scopes, then either one that takes the rest or a fallback desk."""
    scopes: list[dict[str, Any]] = draw(
        st.lists(st.sampled_from(SCOPES), unique_by=str, max_size=3)
    )
    fallback = draw(st.sampled_from([None, *desks]))
    takes_the_rest = draw(st.booleans())
    if fallback is None or takes_the_rest:
        scopes = [*scopes, {}]
    found = [
        {"name": f"t{number}", "scope": scope, **draw(shapes(desks, queues))}
        for number, scope in enumerate(scopes)
    ]
    # One of them is in front of another one, or of one that only it leads to.
    in_front = draw(st.booleans())
    if found and in_front:
        number = draw(st.integers(0, len(found) - 1))
        others = [t["name"] for t in found if t is not found[number]]
        behind = draw(st.sampled_from([*others, "hidden"]))
        found[number] = {
            "name": found[number]["name"],
            "scope": found[number]["scope"],
            "shape": "self_service",
            "behind": behind,
        }
        if behind == "hidden":
            found.append({"name": "hidden", **draw(shapes(desks, queues))})
            if fallback is None and not any(not scope for scope in scopes):
                fallback = desks[0]
    section: dict[str, Any] = {"topologies": found}
    return section if fallback is None else {**section, "fallback": fallback}
