"""The pure pieces of the local stack: versions, messages, choices, flags and waits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import external, kafka, store
from deploy.local.errors import StackError
from deploy.local.java import parse_java_version
from deploy.local.ports import PortHolder, Ports, taken_message
from deploy.local.progress import Progress, silent
from deploy.local.services import RestartPlan, RestartPolicy
from deploy.local.store import Engine


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('openjdk version "21-ea" 2023-09-19', 21),
        ('java version "1.8.0_392"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.2"', 11),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
        ("", None),
    ],
)
def test_java_version_is_read(text: str, major: int | None) -> None:
    """The major version is found in what old and new Javas print, and its absence is seen."""
    assert parse_java_version(text) == major


def test_taken_port_names_its_holder() -> None:
    """The message says which port, for what, by which process, and what to do."""
    holder = PortHolder(pid=4711, name="java", command="java -jar other.jar " + "x" * 200)
    message = taken_message(19092, component="kafka", holder=holder)
    assert message.startswith("Port 19092, which kafka needs, is taken by pid 4711 (java).")
    assert "java -jar other.jar" in message
    assert max(map(len, message.splitlines())) < 140
    assert "HELIODESK_PORT_" in message


def test_taken_port_of_another_stack_is_said_so() -> None:
    """A port that another local stack has is explained by that stack's folder."""
    holder = PortHolder(pid=4711, name="java", command="java …", component="/home/a#b/state#kafka")
    message = taken_message(19092, component="kafka", holder=holder)
    assert "It is kafka of the stack in /home/a#b/state:" in message


def test_taken_port_of_another_user_is_said_so() -> None:
    """Where the system hides the holder, the message does not pretend to know it."""
    hidden = PortHolder(pid=None)
    message = taken_message(27117, component="store", holder=hidden)
    assert "another process (of another user" in message
    assert "None" not in message


def test_ports_come_from_the_environment() -> None:
    """A variable overrides one port, the others stay, and nonsense is an error that names it."""
    chosen = Ports.from_environment({"HELIODESK_PORT_KAFKA": "29092"})
    assert chosen == Ports(kafka=29092)
    for text in ("0", "65536", "kafka", "-1", ""):
        with pytest.raises(StackError, match="HELIODESK_PORT_STORE"):
            Ports.from_environment({"HELIODESK_PORT_STORE": text})


def _program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_store_is_chosen_in_order(tmp_path: Path) -> None:
    """A mongod goes before the Rust server, its PATH before the cache, and the wheel comes last."""
    path, cache = tmp_path / "path", tmp_path / "cache"
    environ = {"PATH": str(path)}

    def choose() -> tuple[Engine, Path | None]:
        return store.choose_engine(environ=environ, cache=cache)

    assert choose() == (Engine.SECANTUS_PYTHON, None)
    built = _program(cache / "bin", "secantusd-rs")
    assert choose() == (Engine.SECANTUS_RUST, built)
    found = _program(path, "secantusd-rs")
    assert choose() == (Engine.SECANTUS_RUST, found)
    mongod = _program(path, "mongod")
    assert choose() == (Engine.MONGOD, mongod)


def test_store_stays_with_the_server_that_made_the_data(tmp_path: Path) -> None:
    """A faster server that appears later leaves old data alone; one that went away is missed."""
    state, cache, path = tmp_path / "state", tmp_path / "cache", tmp_path / "path"

    def settle() -> tuple[Engine, Path | None]:
        environ = {"PATH": str(path)}
        return store.settle_engine(state_dir=state, environ=environ, cache=cache, progress=silent)

    assert settle() == (Engine.SECANTUS_PYTHON, None)
    _program(path, "mongod")
    assert settle() == (Engine.SECANTUS_PYTHON, None)

    state = tmp_path / "other"
    assert settle()[0] is Engine.MONGOD
    (path / "mongod").unlink()
    with pytest.raises(StackError, match="made with mongod, which is not on the PATH any more"):
        settle()


@pytest.mark.parametrize("engine", [Engine.SECANTUS_RUST, Engine.SECANTUS_PYTHON])
def test_secantus_always_syncs_on_commit(engine: Engine) -> None:
    """Both SecantusDB servers are told to sync, else a SIGKILL loses acknowledged writes."""
    flags = store.server_flags(engine, port=1, data_dir=Path("/d"), config=Path("/c"))
    assert "--sync-on-commit" in flags
    assert flags[flags.index("--host") + 1] == "127.0.0.1"


def test_mongod_is_a_replica_set_on_the_loopback() -> None:
    """A mongod gets what transactions and change streams need, and no address but the loopback."""
    flags = store.server_flags(Engine.MONGOD, port=27117, data_dir=Path("/d"), config=Path("/c"))
    assert "--replSet" in flags
    assert flags[flags.index("--bind_ip") + 1] == "127.0.0.1"


def test_kafka_keeps_everything_and_creates_no_topics(tmp_path: Path) -> None:
    """The broker's settings keep records for ever, create no topic, and listen on the loopback."""
    text = kafka.server_properties(ports=Ports(kafka=1111), data_dir=tmp_path)
    settings = dict(line.split("=", 1) for line in text.splitlines())
    assert settings["log.retention.ms"] == "-1"
    assert settings["log.retention.bytes"] == "-1"
    assert settings["auto.create.topics.enable"] == "false"
    hosts = re.findall(r"://([^:]+):", settings["listeners"] + settings["advertised.listeners"])
    assert set(hosts) == {"127.0.0.1"}


def test_password_of_an_outside_store_is_not_shown() -> None:
    """What `status` and errors show of a store's URL has no credentials in it."""
    shown = external.shown("store", "mongodb://ana:secret@db.example.org:27017/?tls=true")
    assert shown == "mongodb://…@db.example.org:27017/?tls=true"
    assert external.shown("store", "mongodb://db:27017/") == "mongodb://db:27017/"


def test_progress_reads_as_a_line() -> None:
    """A step is one line, with megabytes when it is a download."""
    assert str(Progress("kafka", "starting")) == "kafka: starting"
    assert str(Progress("kafka", "downloading", 4_000_000, 45_000_000)) == (
        "kafka: downloading 4 of 45 MB"
    )


def test_restart_waits_double_up_to_a_limit() -> None:
    """Deaths in a row wait 0.5, 1, 2 … seconds and never more than the limit."""
    policy = RestartPolicy(backoff_seconds_min=0.5, backoff_seconds_max=4, steady_seconds=60)
    plan = RestartPlan(policy, started_at=0)
    assert [plan.on_death(now=1) for _ in range(5)] == [0.5, 1, 2, 4, 4]


def test_steady_process_starts_over_with_the_shortest_wait() -> None:
    """A process that ran for its steady time is not punished for its old deaths."""
    policy = RestartPolicy(backoff_seconds_min=0.5, backoff_seconds_max=4, steady_seconds=60)
    plan = RestartPlan(policy, started_at=0)
    plan.on_death(now=1)
    plan.on_death(now=2)
    plan.on_start(now=3)
    assert plan.due_at is None
    assert plan.on_death(now=63) == 0.5


@given(deaths=st.integers(min_value=1, max_value=10**9))
def test_restart_wait_is_always_within_its_limits(deaths: int) -> None:
    """However often a process died, the wait is at least the least and at most the most."""
    assert 0.5 <= RestartPolicy().backoff_seconds(deaths) <= 30
