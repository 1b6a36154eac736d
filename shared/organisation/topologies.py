"""Section ``topologies``: which desks take the work of which scope."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.organisation.words import ChannelName, Model, Name

ANY: Final = "*"

ScopeList = Annotated[tuple[Name | Literal["*"], ...], Field(max_length=1_000)]
"""Names, one of which must be the ticket's; ``*`` takes any, as long as there is one."""


def _takes(wanted: tuple[str, ...], given: str | None) -> bool:
    return not wanted or (given is not None and (ANY in wanted or given in wanted))


class Scope(Model):
    """Which tickets a topology is for: those that fit each list that is not empty.

    Invariant: a scope without lists takes every ticket.
    """

    regions: ScopeList = ()
    sites: ScopeList = ()
    services: ScopeList = ()
    channels: Annotated[tuple[ChannelName | Literal["*"], ...], Field(max_length=20)] = ()

    @property
    def takes_all(self) -> bool:
        """Whether every ticket is in scope."""
        return not (self.regions or self.sites or self.services or self.channels)

    def takes(
        self, *, region: str | None, site: str | None, service: str | None, channel: str | None
    ) -> bool:
        """Whether a ticket with these facts is in scope; None is a fact that is not known."""
        return (
            _takes(self.regions, region)
            and _takes(self.sites, site)
            and _takes(self.services, service)
            and _takes(self.channels, channel)
        )


class _Topology(Model):
    name: Name
    scope: Scope = Scope()
    """The first topology in the file whose scope takes the ticket is used."""


class Centralized(_Topology):
    """One desk takes everything."""

    shape: Literal["centralized"]
    desk: Name

    @property
    def desk_names(self) -> tuple[str, ...]:
        """Every desk that the topology names."""
        return (self.desk,)


class Local(_Topology):
    """The desk of the contact's site, or else of the region, takes the work.

    The fallback takes it where neither is in the tables.
    """

    shape: Literal["local"]
    by_site: dict[Name, Name] = {}
    by_region: dict[Name, Name] = {}
    fallback: Name

    @model_validator(mode="after")
    def _has_a_table(self) -> Self:
        if not self.by_site and not self.by_region:
            message = "a local topology needs by_site or by_region"
            raise ValueError(message)
        return self

    @property
    def desk_names(self) -> tuple[str, ...]:
        """Every desk that the topology names."""
        named = (*self.by_site.values(), *self.by_region.values(), self.fallback)
        return tuple(dict.fromkeys(named))

    def desk_for(self, *, region: str | None, site: str | None) -> str:
        """Return the desk of a site, or else of a region, or else the fallback."""
        if site is not None and site in self.by_site:
            return self.by_site[site]
        if region is not None and region in self.by_region:
            return self.by_region[region]
        return self.fallback


class FollowTheSun(_Topology):
    """The first desk in order that is open takes the work; while none is, the fallback holds it."""

    shape: Literal["follow_the_sun"]
    desks: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]
    fallback: Name

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.desks)) != len(self.desks):
            message = "a desk is named twice"
            raise ValueError(message)
        return self

    @property
    def desk_names(self) -> tuple[str, ...]:
        """Every desk that the topology names."""
        return tuple(dict.fromkeys((*self.desks, self.fallback)))


Topology = Annotated[Centralized | Local | FollowTheSun, Field(discriminator="shape")]


class TopologiesSection(Model):
    """Topologies in the order in which their scopes are tried; the last takes every ticket."""

    topologies: Annotated[tuple[Topology, ...], Field(max_length=1_000)] = ()
