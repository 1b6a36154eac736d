"""The seven shapes of a desk, in the terms of the field's classic texts.

Where a *group* is named it is a desk, or a queue of a desk. Names of both are told apart: no
queue is called as a desk is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from shared.organisation.languages import primary
from shared.organisation.topologies.scope import Scope
from shared.organisation.words import Language, Model, Name, Title, WaitSeconds

TABLE_MAX: Final = 10_000
DESKS_MAX: Final = 100
"""Desks that stand in for one another; more would be a walk that nobody can foresee."""
ENTRIES_MAX: Final = 112
"""Every key of a telephone, and every two digits."""
KEY_PATTERN: Final = r"^([0-9*#]|[0-9]{2})$"

Path = tuple[str | int, ...]
Referred = Literal["desk", "group", "site", "region", "business", "service", "topology"]
Table = Annotated[dict[Name, Name], Field(max_length=TABLE_MAX)]
"""A site, region, business or service to a desk, or, where that is said, to a group."""


class Reference(NamedTuple):
    """A name that a topology uses, where it stands, and of what it is the name."""

    path: Path
    kind: Referred
    name: str


class _Topology(Model):
    name: Name
    scope: Scope = Scope()
    """The first topology in the file whose scope takes the ticket is used."""

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration, the scope's left out."""
        yield from ()

    @property
    def group_names(self) -> tuple[str, ...]:
        """Every desk and queue that the topology names, each once, in the order of the file."""
        named = (r.name for r in self.references() if r.kind in {"desk", "group"})
        return tuple(dict.fromkeys(named))


def _table(
    field: str, kind: Referred, table: Mapping[str, str], target: Referred
) -> Iterator[Reference]:
    for key, name in table.items():
        yield Reference((field, key), kind, key)
        yield Reference((field, key), target, name)


class Found(NamedTuple):
    """What a table says: the desk or group, which table it was, and under which key."""

    name: str
    table: Literal["service", "site", "business", "region"] | None
    """None: no table has it, and the fallback counts."""
    key: str


class BusinessSupport(Model):
    """Who supports the running of the business: with which services it is done, and by whom.

    ``desk``: the central desk itself. ``group``: a queue of that desk. ``department``: another
    desk, which is the split-function desk, with a queue and an agreement of its own.
    """

    by: Literal["desk", "group", "department"]
    services: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1_000)]
    """What counts as the running of the business."""
    group: Name | None = None
    department: Name | None = None

    @model_validator(mode="after")
    def _names_who(self) -> Self:
        for field, name in (("group", self.group), ("department", self.department)):
            if (self.by == field) != (name is not None):
                said = "needs" if self.by == field else "leaves no room for"
                message = f"by: {self.by} {said} {field}"
                raise ValueError(message)
        return self


class Centralized(_Topology):
    """One desk takes everything: it records, solves or escalates, and monitors."""

    shape: Literal["centralized"]
    desk: Name
    business_support: BusinessSupport | None = None
    """None: the desk itself, whatever the service."""

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        yield Reference(("desk",), "desk", self.desk)
        support = self.business_support
        if support is not None:
            at = "business_support"
            for number, service in enumerate(support.services):
                yield Reference((at, "services", number), "service", service)
            if support.group is not None:
                yield Reference((at, "group"), "group", support.group)
            if support.department is not None:
                yield Reference((at, "department"), "desk", support.department)


class CentralContactPoint(_Topology):
    """One point records and distributes to local support groups; it does not solve.

    Of the tables, that of services is asked first, then of sites, businesses and regions. What is
    in none of them waits at the point for an operator.
    """

    shape: Literal["central_contact_point"]
    point: Name
    by_service: Table = {}
    """The tables name groups."""
    by_site: Table = {}
    by_business: Table = {}
    by_region: Table = {}
    distribute: Literal["automatic", "by_hand"] = "automatic"
    """``by_hand``: everything waits at the point, with the group that the tables suggest."""

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        if not (self.by_service or self.by_site or self.by_business or self.by_region):
            message = "a central contact point needs by_service, by_site, by_business or by_region"
            raise ValueError(message)
        return self

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        yield Reference(("point",), "desk", self.point)
        yield from _table("by_service", "service", self.by_service, "group")
        yield from _table("by_site", "site", self.by_site, "group")
        yield from _table("by_business", "business", self.by_business, "group")
        yield from _table("by_region", "region", self.by_region, "group")

    def find(
        self, *, service: str | None, site: str | None, business: str | None, region: str | None
    ) -> Found | None:
        """Return the group that the tables name; None where they name none."""
        if service is not None and service in self.by_service:
            return Found(self.by_service[service], "service", service)
        if site is not None and site in self.by_site:
            return Found(self.by_site[site], "site", site)
        if business is not None and business in self.by_business:
            return Found(self.by_business[business], "business", business)
        if region is not None and region in self.by_region:
            return Found(self.by_region[region], "region", region)
        return None


class _Placed(_Topology):
    """A topology whose tables give each place and business a desk of its own."""

    by_site: Table = {}
    """Asked first, then businesses, then regions."""
    by_business: Table = {}
    by_region: Table = {}
    fallback: Name
    """The desk of what is in none of the tables."""

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        if not (self.by_site or self.by_business or self.by_region):
            message = "the topology needs by_site, by_business or by_region"
            raise ValueError(message)
        return self

    def _tables(self) -> Iterator[Reference]:
        yield from _table("by_site", "site", self.by_site, "desk")
        yield from _table("by_business", "business", self.by_business, "desk")
        yield from _table("by_region", "region", self.by_region, "desk")
        yield Reference(("fallback",), "desk", self.fallback)

    def find(self, *, region: str | None, site: str | None, business: str | None = None) -> Found:
        """Return the desk of a site, or else of a business, a region, or else the fallback."""
        if site is not None and site in self.by_site:
            return Found(self.by_site[site], "site", site)
        if business is not None and business in self.by_business:
            return Found(self.by_business[business], "business", business)
        if region is not None and region in self.by_region:
            return Found(self.by_region[region], "region", region)
        return Found(self.fallback, None, "")

    def desk_for(self, *, region: str | None, site: str | None, business: str | None = None) -> str:
        """Return the name of the desk that `find` finds."""
        return self.find(region=region, site=site, business=business).name


class Overflow(Model):
    """Who takes new work while the desk whose work it is, is closed.

    ``wait``: nobody, it waits there. ``neighbour``: the first of the desk's neighbours that is
    open. ``centre``: one desk for all. Where that one is closed too, the work waits at its desk.
    """

    policy: Literal["wait", "neighbour", "centre"] = "wait"
    neighbours: Annotated[
        dict[Name, Annotated[tuple[Name, ...], Field(min_length=1, max_length=DESKS_MAX)]],
        Field(max_length=TABLE_MAX),
    ] = {}
    """Desk to its neighbours in order; a desk that is not named has none."""
    centre: Name | None = None

    @model_validator(mode="after")
    def _says_to_whom(self) -> Self:
        for policy, field, said in (
            ("neighbour", "neighbours", bool(self.neighbours)),
            ("centre", "centre", self.centre is not None),
        ):
            if (self.policy == policy) != said:
                verb = "needs" if self.policy == policy else "leaves no room for"
                message = f"policy: {self.policy} {verb} {field}"
                raise ValueError(message)
        return self

    def after(self, desk: str) -> tuple[str, ...]:
        """Return who takes the work of a desk while it is closed, in order."""
        if self.centre is not None:
            return () if self.centre == desk else (self.centre,)
        return self.neighbours.get(desk, ())


class LocalContactPoint(_Placed):
    """Each region or business has its own desk as contact.

    The desk of the contact's site, or else of the business or the region, takes the work. The
    fallback takes it where none of them is in the tables.
    """

    shape: Literal["local_contact_point", "local"]
    overflow: Overflow = Overflow()

    @field_validator("shape")
    @classmethod
    def _by_its_new_word(cls, _: str) -> Literal["local_contact_point"]:
        return "local_contact_point"

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        yield from self._tables()
        for desk, neighbours in self.overflow.neighbours.items():
            yield Reference(("overflow", "neighbours", desk), "desk", desk)
            for number, name in enumerate(neighbours):
                yield Reference(("overflow", "neighbours", desk, number), "desk", name)
        if self.overflow.centre is not None:
            yield Reference(("overflow", "centre"), "desk", self.overflow.centre)


class MenuEntry(Model):
    """What a caller can choose: how it is announced, and the expert group behind it."""

    title: Title
    titles: Annotated[dict[Language, Title], Field(max_length=50)] = {}
    """The same by language, where the title is not for all."""
    group: Name

    def title_in(self, language: str) -> str:
        """Return how it is announced in a language."""
        return self.titles.get(language) or self.titles.get(primary(language)) or self.title


class CallCentreMenu(_Topology):
    """One central number; the choice in its menu picks an expert group."""

    shape: Literal["call_centre_menu"]
    entries: Annotated[
        dict[Annotated[str, Field(pattern=KEY_PATTERN)], MenuEntry],
        Field(min_length=1, max_length=ENTRIES_MAX),
    ]
    """Key to entry: a digit, ``*``, ``#``, or two digits."""
    default: Name
    """The group where nothing is pressed, or what is no entry; also of any other channel."""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        for key in self.entries:
            if len(key) > 1 and key[0] in self.entries:
                message = f"the entry {key} cannot be reached: {key[0]} is an entry already"
                raise ValueError(message)
        return self

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        for key, entry in self.entries.items():
            yield Reference(("entries", key, "group"), "group", entry.group)
        yield Reference(("default",), "group", self.default)


class Visits(Model):
    """Who goes where something has to be done on site."""

    by_site: Table = {}
    """Site to the desk whose people go there; one that is not named has nobody."""


class Virtual(_Topology):
    """One address and one number over many desks: the first in order that is open takes the work.

    While none is open, the fallback holds it.
    """

    shape: Literal["virtual", "follow_the_sun"]
    desks: Annotated[tuple[Name, ...], Field(min_length=1, max_length=DESKS_MAX)]
    fallback: Name
    visits: Visits = Visits()

    @field_validator("shape")
    @classmethod
    def _by_its_new_word(cls, _: str) -> Literal["virtual"]:
        return "virtual"

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.desks)) != len(self.desks):
            message = "a desk is named twice"
            raise ValueError(message)
        return self

    @property
    def desk_names(self) -> tuple[str, ...]:
        """The desks among which work moves: those in order, then the fallback."""
        return tuple(dict.fromkeys((*self.desks, self.fallback)))

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        for number, name in enumerate(self.desks):
            yield Reference(("desks", number), "desk", name)
        yield Reference(("fallback",), "desk", self.fallback)
        for site, desk in self.visits.by_site.items():
            yield Reference(("visits", "by_site", site), "site", site)
            yield Reference(("visits", "by_site", site), "desk", desk)


class Hybrid(_Placed):
    """The centre is the first contact and then refers to the regional desk.

    That desk becomes the contact. The tables say which one it is; new work goes to the centre.
    """

    shape: Literal["hybrid"]
    centre: Name

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        yield Reference(("centre",), "desk", self.centre)
        yield from self._tables()


class SelfService(_Topology):
    """Submit in one step, see the state, complete the action oneself; a person on request."""

    shape: Literal["self_service"]
    behind: Name
    """The topology that says which desk a person is found at; its own scope does not matter."""
    wait: WaitSeconds | None = None
    """For so long it is left to automation. None: until the requester asks for a person."""

    def references(self) -> Iterator[Reference]:
        """Yield every name of another part of the configuration."""
        yield Reference(("behind",), "topology", self.behind)


Topology = Annotated[
    Centralized
    | CentralContactPoint
    | LocalContactPoint
    | CallCentreMenu
    | Virtual
    | Hybrid
    | SelfService,
    Field(discriminator="shape"),
]
