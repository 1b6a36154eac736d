"""The token with which the Bot Connector signs its calls to a bot of Teams.

Source: learn.microsoft.com, "Authentication with the Bot Connector API", section "Authenticate
requests from the Bot Connector service to your bot". The keys are handed in: who fetches them asks
`key_source` where they are described, `keys_url` where they are, and `key_id` whether a call was
signed with a key that is not known yet.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import BaseModel, Field, ValidationError

from services.intake.doors.chat.reading import Body
from services.intake.doors.shape import SKEW_SECONDS_MAX, Raw, Unauthenticated

Cloud = Literal["public", "us-government"]

TOKEN_MAX = 8_192
KEYS_MAX = 200
MODULUS_BYTES = range(256, 1_025)
"""2,048 to 8,192 bits: a shorter key is no longer safe, a longer one only slow."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, and where its keys are described."""

    issuer: str
    metadata_url: str
    host: str


ISSUERS: dict[Cloud, Issuer] = {
    "public": Issuer(
        issuer="https://api.botframework.com",
        metadata_url="https://login.botframework.com/v1/.well-known/openidconfiguration",
        host="login.botframework.com",
    ),
    "us-government": Issuer(
        issuer="https://api.botframework.us",
        metadata_url="https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        host="login.botframework.azure.us",
    ),
}


class Key(Body):
    """One key of a JWKS. Its endorsements name the channels that it may sign for."""

    kty: str = ""
    kid: str = ""
    n: Annotated[str, Field(max_length=2_000)] = ""
    e: Annotated[str, Field(max_length=20)] = ""
    endorsements: tuple[str, ...] | None = None


class Keys(Body):
    """A JWKS (RFC 7517)."""

    keys: Annotated[tuple[Key, ...], Field(max_length=KEYS_MAX)]


class TokenHeader(Body):
    """The header of a token."""

    alg: str
    kid: str


class Claims(Body):
    """The claims that are looked at. Times are in seconds since 1970."""

    iss: str
    aud: str
    exp: float
    nbf: float = 0.0
    serviceurl: str = ""


class Metadata(Body):
    """What is read of the OpenID metadata."""

    jwks_uri: str


T = TypeVar("T", bound=BaseModel)


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"the bearer token is not accepted: {reason}")


def _decoded(text: str) -> bytes:
    """Return base64url without padding, written in the one canonical way.

    Raises:
        Unauthenticated: it is none; or its last character has bits that decoding drops.
    """
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise _refused("not base64url") from error
    if base64.urlsafe_b64encode(value).decode("ascii").rstrip("=") != text:
        raise _refused("not base64url")
    return value


def _model(text: str, model: type[T]) -> T:
    try:
        return model.model_validate_json(_decoded(text))
    except ValidationError as error:
        raise _refused("a part of it is missing") from error


def _parts(raw: Raw) -> tuple[str, str, str]:
    scheme, _, token = raw.headers.get("authorization", "").partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3 or len(token) > TOKEN_MAX:  # noqa: PLR2004
        raise _refused("it is missing, or no token")
    return parts[0], parts[1], parts[2]


def key_source(cloud: Cloud) -> str:
    """Return where the metadata of the keys is."""
    return ISSUERS[cloud].metadata_url


def keys_url(metadata: bytes, cloud: Cloud) -> str:
    """Return where the keys are, as the metadata says.

    Raises:
        Unauthenticated: it says none, or another host than its own.
    """
    try:
        url = Metadata.model_validate_json(metadata).jwks_uri
    except ValidationError as error:
        raise _refused("the metadata of the keys has no jwks_uri") from error
    if not url.startswith(f"https://{ISSUERS[cloud].host}/"):
        raise _refused("the metadata names keys at another host")
    return url


def key_id(raw: Raw) -> str:
    """Return the id of the key with which a call says that it was signed.

    Raises:
        Unauthenticated: there is no token.
    """
    return _model(_parts(raw)[0], TokenHeader).kid


def has_key(jwks: str, kid: str) -> bool:
    """Return whether a key is among those at hand; if not, they may have been changed."""
    return any(key.kid == kid for key in _keys(jwks))


def _keys(jwks: str) -> Sequence[Key]:
    try:
        return Keys.model_validate_json(jwks).keys
    except ValidationError as error:
        raise _refused("the keys at hand are no JWKS") from error


def require_token(
    raw: Raw,
    *,
    jwks: str,
    app_id: str,
    cloud: Cloud,
    channel_id: str,
    service_url: str,
    now: datetime,
) -> None:
    """Refuse a call that the Bot Connector did not sign for this bot and this activity.

    Args:
        raw: the call.
        jwks: the keys of the Bot Connector, as they were fetched.
        app_id: the bot's: whom the token is for.
        cloud: whose Bot Connector it is.
        channel_id: of the activity; the key must be endorsed for it.
        service_url: of the activity: where it would be answered, so it is signed.
        now: our clock.

    Raises:
        Unauthenticated: with the reason.
    """
    head, body, signature = _parts(raw)
    header = _model(head, TokenHeader)
    if header.alg != "RS256":
        raise _refused("it is not signed with RS256")
    key = next((k for k in _keys(jwks) if k.kid == header.kid and k.kty == "RSA"), None)
    if key is None:
        raise _refused("its key is not known")
    _require_signed(key, f"{head}.{body}".encode("utf-8", "surrogatepass"), _decoded(signature))
    claims = _model(body, Claims)
    if claims.iss != ISSUERS[cloud].issuer:
        raise _refused("another issuer")
    if claims.aud != app_id:
        raise _refused("it is for another bot")
    at = now.timestamp()
    if not claims.nbf - SKEW_SECONDS_MAX <= at <= claims.exp + SKEW_SECONDS_MAX:
        raise _refused("it is not valid now")
    if claims.serviceurl != service_url:
        raise _refused("it is for another service URL")
    if key.endorsements is not None and channel_id not in key.endorsements:
        raise _refused("its key is not endorsed for this channel")


def _require_signed(key: Key, signed: bytes, signature: bytes) -> None:
    modulus, exponent = _decoded(key.n), _decoded(key.e)
    if len(modulus) not in MODULUS_BYTES:
        raise _refused("its key is too short or too long")
    numbers = RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
    try:
        numbers.public_key().verify(signature, signed, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError) as error:
        raise _refused("the signature is wrong") from error
