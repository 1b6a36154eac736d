"""Which tickets a topology or a promise is for."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from shared.organisation.words import ChannelName, CountryCode, Model, Name

ANY: Final = "*"

ScopeList = Annotated[tuple[Name | Literal["*"], ...], Field(max_length=1_000)]
"""Names, one of which must be the ticket's; ``*`` takes any, as long as there is one."""


def list_takes(wanted: tuple[str, ...], given: str | None) -> bool:
    """Whether one list of a scope takes a fact; None is a fact that is not known."""
    return not wanted or (given is not None and (ANY in wanted or given in wanted))


class Scope(Model):
    """Which tickets a topology is for: those that fit each list that is not empty.

    Invariant: a scope without lists takes every ticket.
    """

    regions: ScopeList = ()
    sites: ScopeList = ()
    countries: Annotated[tuple[CountryCode | Literal["*"], ...], Field(max_length=250)] = ()
    """That of the ticket's site, or else of its region."""
    businesses: ScopeList = ()
    services: ScopeList = ()
    channels: Annotated[tuple[ChannelName | Literal["*"], ...], Field(max_length=20)] = ()

    @property
    def takes_all(self) -> bool:
        """Whether every ticket is in scope."""
        places = self.regions or self.sites or self.countries
        return not (places or self.businesses or self.services or self.channels)

    def takes(
        self,
        *,
        region: str | None,
        site: str | None,
        service: str | None,
        channel: str | None,
        business: str | None = None,
        country: str | None = None,
    ) -> bool:
        """Whether a ticket with these facts is in scope; None is a fact that is not known."""
        return (
            self.takes_place(region=region, site=site, country=country)
            and list_takes(self.businesses, business)
            and list_takes(self.services, service)
            and list_takes(self.channels, channel)
        )

    def takes_place(self, *, region: str | None, site: str | None, country: str | None) -> bool:
        """Whether what comes from a place is in scope, as far as that decides."""
        return (
            list_takes(self.regions, region)
            and list_takes(self.sites, site)
            and list_takes(self.countries, country)
        )
