"""A broker or store that somebody else runs, named by an environment variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from deploy.local import kafka, store
from deploy.local.errors import NotReadyError

VARIABLES = {kafka.NAME: "HELIODESK_KAFKA", store.NAME: "HELIODESK_MONGO"}
_ANSWER_MILLISECONDS = 5000


def from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses that replace local components, by the component's name."""
    return {
        name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)
    }


def check_answers(name: str, address: str) -> None:
    """Raise NotReadyError, which names the variable, when the outside server does not answer."""
    if not answers(name, address):
        message = (
            f"{VARIABLES[name]} names {shown(name, address)}, and nothing there answers as "
            f"{describe(name)}. Correct it, or unset it to have a local one started."
        )
        raise NotReadyError(message)


def answers(name: str, address: str) -> bool:
    """Tell whether a broker or store at that address answers now."""
    return _kafka_answers(address) if name == kafka.NAME else _mongo_answers(address)


def describe(name: str) -> str:
    """Name the kind of server for `status` and errors."""
    return "Apache Kafka" if name == kafka.NAME else "MongoDB"


def shown(name: str, address: str) -> str:
    """Return the address without the user name and password that a store's URL may hold."""
    if name == kafka.NAME:
        return address
    return f"mongodb://…@{address.rpartition('@')[2]}" if "@" in address else address


def _kafka_answers(address: str) -> bool:
    for server in address.split(","):
        host, _, port = server.strip().rpartition(":")
        if port.isdecimal() and kafka.is_ready(host, int(port)):
            return True
    return False


def _mongo_answers(address: str) -> bool:
    try:
        parse_uri(address)
        client: MongoClient[dict[str, Any]] = MongoClient(
            address, serverSelectionTimeoutMS=_ANSWER_MILLISECONDS
        )
    except (PyMongoError, ValueError):
        return False
    with client:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
    return True
