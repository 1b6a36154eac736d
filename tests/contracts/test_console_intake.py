"""What the console reads of intake is what intake's API says."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from services.console.ports import intake, owners
from services.intake.api import bodies, contact_bodies, links, monitors, reviews
from services.intake.domain import figures
from services.intake.handlers.contacts import FOUND_MAX
from services.intake.handlers.deciding import PROPOSALS_SHOWN_MAX
from services.intake.handlers.reading import REVIEWS_MAX
from shared.contracts import intake as events

PAIRS: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (intake.Review, bodies.ReviewShown),
    (intake.Verdict, bodies.VerdictShown),
    (intake.Placed, reviews.ReviewAnswer),
    (intake.Suggestion, reviews.ProposalShown),
    (intake.Split, links.SplitAnswer),
    (intake.Person, contact_bodies.PersonShown),
    (intake.People, contact_bodies.PeopleShown),
    (intake.Address, contact_bodies.AddressShown),
    (intake.Noted, contact_bodies.NotedShown),
    (intake.Link, contact_bodies.LinkShown),
    (intake.ContactDetail, contact_bodies.ContactDetail),
    (intake.Alert, monitors.AlertShown),
    (intake.Episode, monitors.EpisodeShown),
    (intake.AlertGroup, monitors.AlertGroupShown),
    (intake.Window, monitors.WindowShown),
    (intake.Heartbeat, monitors.HeartbeatShown),
    (owners.Conversation, bodies.TicketShown),
    (owners.Message, bodies.MessageShown),
    (owners.File, bodies.FileShown),
    (owners.Contact, bodies.ContactShown),
    (owners.Links, bodies.LinksShown),
    (owners.Alerts, bodies.AlertsShown),
    (owners.Correction, figures.Correction),
    (owners.Classification, events.Classification),
]


@pytest.mark.parametrize(("read", "said"), PAIRS, ids=lambda model: model.__name__)
def test_every_field_that_the_console_reads_is_one_of_intake_s(
    read: type[BaseModel], said: type[BaseModel]
) -> None:
    """A field that intake renames or drops would be quietly empty on a page."""
    assert set(read.model_fields) - set(said.model_fields) == set()


def test_the_console_asks_for_no_more_than_intake_gives() -> None:
    """The limits of lists are intake's own."""
    assert intake.WAITING_SHOWN_MAX == REVIEWS_MAX == PROPOSALS_SHOWN_MAX
    assert intake.PEOPLE_SHOWN_MAX == FOUND_MAX
    assert intake.GROUPS_SHOWN_MAX <= monitors.GROUPS_MAX
