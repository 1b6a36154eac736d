"""Settings that the doors of telephone exchanges share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.intake.domain.call_routing import Line
from services.intake.domain.telephone import known_country
from services.intake.doors.shape import Setup
from shared.organisation.words import Language, Name

LINES_MAX = 500


class PlaceSettings(BaseModel):
    """What a dialled number, or a choice in its menu, says of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: Name | None = None
    site: Name | None = None
    service: Name | None = None
    business: Name | None = None
    language: Language | None = None

    def line(self) -> Line:
        """Return it as what is known of a call."""
        return Line(
            region=self.region,
            site=self.site,
            service=self.service,
            language=self.language,
            business=self.business,
        )


class LineSettings(PlaceSettings):
    """One number that people dial."""

    number: Annotated[str, Field(min_length=3, max_length=40)]


class PhoneSettings(BaseModel):
    """Settings of an integration of an exchange."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    country: (
        Annotated[str, Field(pattern=r"^[A-Za-z]{2}$"), AfterValidator(known_country)] | None
    ) = None
    """Of numbers without their country's code, ISO 3166-1 alpha-2, such as DE or CN."""
    lines: Annotated[tuple[LineSettings, ...], Field(max_length=LINES_MAX)] = ()
    """The numbers that people dial."""
    choices: Annotated[
        dict[Annotated[str, Field(pattern=r"^[0-9*#]{1,40}$")], PlaceSettings],
        Field(max_length=LINES_MAX),
    ] = {}
    """Menu paths, as they are pressed."""
    missed_opens: bool = False
    """A call that was missed or given up opens a request to call back, where a number is shown."""


def phone_settings(setup: Setup) -> PhoneSettings:
    """Return the integration's settings; the defaults where there is no integration."""
    return setup.settings if isinstance(setup.settings, PhoneSettings) else PhoneSettings()
