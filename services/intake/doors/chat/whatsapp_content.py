"""What a message of WhatsApp says: each type of message has a content of its own.

Source: developers.facebook.com, "Messages webhook reference".
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from services.intake.domain.normal import File
from services.intake.doors.chat.reading import Body, LongIdent, file_of, place_text

VENDOR = "whatsapp"
MEDIA: Final = {
    "image": "image.jpg",
    "document": "document",
    "audio": "audio.ogg",
    "video": "video.mp4",
}


class Media(Body):
    """A file of a message."""

    id: LongIdent
    mime_type: str = ""
    caption: str | None = None
    filename: str | None = None


class Words(Body):
    """The words of a text."""

    body: str


class Button(Body):
    """A button of a template that was pressed."""

    text: str


class Choice(Body):
    """A button or a row that was chosen."""

    title: str
    description: str | None = None


class Form(Body):
    """A form that was filled in; its answers are JSON."""

    response_json: str = ""
    body: str | None = None


class Interactive(Body):
    """What was answered to a message that offers choices."""

    type: str
    button_reply: Choice | None = None
    list_reply: Choice | None = None
    nfm_reply: Form | None = None


class Location(Body):
    """A place, in degrees."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None


class CardName(Body):
    """The name on a card."""

    formatted_name: str = ""


class CardPhone(Body):
    """A number on a card."""

    phone: str = ""


class Card(Body):
    """Somebody's address, sent as a message. It proves nothing of who sent it."""

    name: CardName = CardName()
    phones: tuple[CardPhone, ...] = ()


class Item(Body):
    """A product of an order."""

    product: Annotated[str, Field(alias="product_retailer_id")] = ""
    quantity: float = 1


class Order(Body):
    """What was put into a cart."""

    text: str = ""
    items: Annotated[tuple[Item, ...], Field(alias="product_items")] = ()


class Content(Body):
    """What a message says; the field that its type names is there.

    Meta's own examples of places and cards have no type.
    """

    type: str = ""
    text: Words | None = None
    image: Media | None = None
    document: Media | None = None
    audio: Media | None = None
    video: Media | None = None
    button: Button | None = None
    interactive: Interactive | None = None
    location: Location | None = None
    contacts: tuple[Card, ...] = ()
    order: Order | None = None


def _media(message: Content) -> tuple[str, Media] | None:
    match message.type:
        case "image":
            found = message.image
        case "document":
            found = message.document
        case "audio":
            found = message.audio
        case "video":
            found = message.video
        case _:
            found = None
    return None if found is None else (message.type, found)


def words_of(message: Content) -> str:
    """Return what a message says in words; empty where it says nothing."""
    media = _media(message)
    if media is not None:
        return media[1].caption or ""
    if message.text is not None:
        return message.text.body
    if message.button is not None:
        return message.button.text
    if message.interactive is not None:
        return _choice(message.interactive)
    if message.location is not None:
        place = message.location
        return place_text(
            latitude=place.latitude, longitude=place.longitude, names=(place.name, place.address)
        )
    return "\n".join(line for line in _listed(message) if line)


def _listed(message: Content) -> list[str]:
    """Return an order or cards, one to a line."""
    if message.order is not None:
        items = (f"{item.quantity:g} × {item.product}" for item in message.order.items)
        return [message.order.text, *items]
    return [
        " ".join([card.name.formatted_name, *(p.phone for p in card.phones)]).strip()
        for card in message.contacts
    ]


def _choice(chosen: Interactive) -> str:
    choice = chosen.button_reply or chosen.list_reply
    if choice is not None:
        return "\n".join(line for line in (choice.title, choice.description) if line)
    form = chosen.nfm_reply or Form()
    return "\n".join(line for line in (form.body, form.response_json) if line)


def files_of(message: Content) -> list[File]:
    """Return the file of a message, if it has one."""
    media = _media(message)
    if media is None:
        return []
    kind, found = media
    return [
        file_of(
            name=found.filename or MEDIA[kind],
            url=f"{VENDOR}:{found.id}",
            media_type=found.mime_type,
        )
    ]
