"""The launcher against a real Kafka, store and mail sink, killed and brought back."""

from __future__ import annotations

import asyncio
import json
import smtplib
import threading
from collections.abc import Generator
from email.message import EmailMessage
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.errors import NotReadyError, StackError
from deploy.local.ports import Ports
from deploy.local.process import ProcessState
from deploy.local.stack import KAFKA, MAIL, STORE, Stack

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(120)]
_SECONDS_MAX = 30.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """Give a whole stack of its own, since these tests kill parts of it."""
    stack = Stack(tmp_path_factory.mktemp("stack"), ports=Ports.free())
    stack.start()
    yield stack
    stack.stop()


async def _create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def _send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type="zstd"
    )
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(topic, value) for value in values])
    finally:
        await producer.stop()


async def _read(bootstrap: str, topic: str, *, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    found: list[bytes] = []
    await consumer.start()
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.value for record in records]
    finally:
        await consumer.stop()
    return found


async def test_kafka_keeps_acknowledged_records_over_sigkill(stack: Stack) -> None:
    """Records that an idempotent producer got acknowledged are read, once, after a SIGKILL."""
    await _create_topic(stack.kafka, "kept")
    sent = [f"record {number}".encode() for number in range(500)]
    await _send(stack.kafka, "kept", sent)

    await asyncio.to_thread(stack.kill, KAFKA)
    assert stack.pid(KAFKA) is None
    await asyncio.to_thread(stack.start, KAFKA)

    assert sorted(await _read(stack.kafka, "kept", count=500)) == sorted(sent)


async def test_kafka_does_not_create_topics_by_itself(stack: Stack) -> None:
    """A topic that nobody created is unknown to the broker, so a typing error shows."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        (answer,) = await admin.describe_topics(["never.created"])
        assert answer["error_code"] == UnknownTopicOrPartitionError.errno
        assert "never.created" not in await admin.list_topics()
    finally:
        await admin.close()


def _insert_until_dead(url: str, acknowledged: list[int], started: threading.Event) -> None:
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=500) as client:
        rows = client.get_database("kill").get_collection("rows")
        for number in range(1_000_000):
            try:
                rows.insert_one({"_id": number})
            except PyMongoError:
                return
            acknowledged.append(number)
            if number == 50:
                started.set()


def test_store_keeps_acknowledged_documents_over_sigkill(stack: Stack) -> None:
    """Every insert that was acknowledged up to a SIGKILL in the middle of inserts is there."""
    acknowledged: list[int] = []
    started = threading.Event()
    writer = threading.Thread(target=_insert_until_dead, args=(stack.mongo, acknowledged, started))
    writer.start()
    assert started.wait(_SECONDS_MAX)
    stack.kill(STORE)
    writer.join(_SECONDS_MAX)
    stack.start(STORE)

    with MongoClient[dict[str, Any]](stack.mongo) as client:
        rows = client.get_database("kill").get_collection("rows")
        present = {row["_id"] for row in rows.find()}
    assert len(acknowledged) > 50
    assert set(acknowledged) <= present


def test_store_takes_a_transaction_over_two_documents(stack: Stack) -> None:
    """The store's URL reaches a server that commits two documents together or neither."""
    with MongoClient[dict[str, Any]](stack.mongo) as client, client.start_session() as session:
        rows = client.get_database("together").get_collection("rows")
        rows.insert_one({"_id": "before"})
        with session.start_transaction():
            rows.insert_one({"_id": "a"}, session=session)
            rows.insert_one({"_id": "b"}, session=session)
            session.abort_transaction()
        assert rows.count_documents({}) == 1
        with session.start_transaction():
            rows.insert_one({"_id": "a"}, session=session)
            rows.insert_one({"_id": "b"}, session=session)
        assert rows.count_documents({}) == 3


def _get(stack: Stack, path: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", stack.ports.mail_http, timeout=_SECONDS_MAX)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(body) if is_json else body.decode()
    finally:
        connection.close()


def test_mail_sink_shows_what_it_received_also_after_sigkill(stack: Stack) -> None:
    """Mails are listed newest first and shown decoded, and a SIGKILL loses none of them."""
    with smtplib.SMTP(*stack.smtp_address, timeout=_SECONDS_MAX) as smtp:
        for number in (1, 2):
            mail = EmailMessage()
            mail["From"] = "Desk <desk@example.org>"
            mail["To"] = "Ana <ana@example.org>"
            mail["Subject"] = f"工单已受理 {number}"
            mail["Message-ID"] = f"<event-{number}@heliodesk>"
            mail.set_content(f"Ihr Ticket Nr. {number} für die Küche\n")
            smtp.send_message(mail, to_addrs=["ana@example.org", "copy@example.org"])
    stack.kill(MAIL)
    stack.start(MAIL)

    status, listed = _get(stack, "/messages?limit=2")
    assert status == 200
    assert [entry["message_id"] for entry in listed] == [
        "<event-2@heliodesk>",
        "<event-1@heliodesk>",
    ]
    assert listed[0]["subject"] == "工单已受理 2"
    assert listed[0]["to"] == ["ana@example.org"]
    assert listed[0]["recipients"] == ["ana@example.org", "copy@example.org"]

    status, first = _get(stack, f"/messages/{listed[1]['id']}")
    assert status == 200
    assert first["text"].strip() == "Ihr Ticket Nr. 1 für die Küche"
    assert "Message-ID: <event-1@heliodesk>" in first["raw"]


def test_mail_sink_refuses_what_it_cannot_serve(stack: Stack) -> None:
    """An unknown mail is 404, a path that leaves the mailbox too, and a bad limit is 400."""
    assert _get(stack, "/messages/99999999")[0] == 404
    assert _get(stack, "/messages/..%2F..%2Frun")[0] == 404
    assert _get(stack, "/messages?limit=none")[0] == 400


def test_status_tells_kind_address_and_memory(stack: Stack) -> None:
    """Another object on the same state, as `heliodesk status` is, sees all three running."""
    onlooker = Stack(stack.state_dir, ports=stack.ports)
    found = {status.name: status for status in onlooker.status()}
    assert list(found) == [KAFKA, STORE, MAIL]
    assert all(status.state is ProcessState.RUNNING for status in found.values())
    assert all(status.healthy for status in found.values())
    assert found[KAFKA].kind.startswith("Apache Kafka 4.")
    assert found[KAFKA].address == stack.kafka
    assert found[STORE].address == stack.mongo
    assert all(status.rss_bytes > 10_000_000 for status in found.values())


def test_running_stack_is_adopted_by_the_next_launcher(stack: Stack) -> None:
    """A second launcher of the same state starts nothing again: the processes stay the same."""
    before = {name: stack.pid(name) for name in (KAFKA, STORE, MAIL)}
    Stack(stack.state_dir, ports=stack.ports).start()
    assert {name: stack.pid(name) for name in (KAFKA, STORE, MAIL)} == before


def test_variables_replace_local_components(stack: Stack, tmp_path: Path) -> None:
    """With `HELIODESK_KAFKA` and `HELIODESK_MONGO` nothing is started, stopped or killed."""
    environ = {"HELIODESK_KAFKA": stack.kafka, "HELIODESK_MONGO": stack.mongo}
    guest = Stack(tmp_path, components=(KAFKA, STORE), environ=environ)
    guest.start()
    assert (guest.kafka, guest.mongo) == (stack.kafka, stack.mongo)
    assert {status.state for status in guest.status()} == {ProcessState.EXTERNAL}
    with pytest.raises(StackError, match="did not start"):
        guest.kill(KAFKA)
    guest.stop()
    assert stack.pid(KAFKA) is not None
    assert stack.pid(STORE) is not None


def test_variable_that_names_nothing_is_named_in_the_error(tmp_path: Path) -> None:
    """A `HELIODESK_KAFKA` where nothing answers is an error that names the variable."""
    address = f"127.0.0.1:{Ports.free().kafka}"
    guest = Stack(tmp_path, components=(KAFKA,), environ={"HELIODESK_KAFKA": address})
    with pytest.raises(NotReadyError, match=f"HELIODESK_KAFKA names {address}"):
        guest.start()
