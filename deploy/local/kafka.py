"""Apache Kafka as one local process: KRaft, broker and controller in one node.

One broker survives killed processes, not power loss; production runs three.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import subprocess
from pathlib import Path

from deploy.local import jars
from deploy.local.errors import NotReadyError
from deploy.local.java import Java, find_java
from deploy.local.paths import cache_dir
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.process import ProcessSpec
from deploy.local.progress import Progress, ProgressCallback

NAME = "kafka"
_READY_SECONDS_MAX = 60.0
_STOP_SECONDS_MAX = 20.0
_FORMAT_SECONDS_MAX = 60
_PROBE_SECONDS = 1.0
_PROBE_BYTES_MAX = 1_000_000
_METADATA_API = 3
_CORRELATION = 7
# The start of the answer: correlation id, number of live brokers.
_ANSWER = struct.Struct(">ii")

# 512 MB of heap carries tens of thousands of records a second; the serial collector and one
# arena keep the whole process near 400 MB.
_JVM_FLAGS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=128m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
_TOOL_FLAGS = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

# AbstractConfig prints every setting of every component at each start: three thousand lines.
_LOG4J = """\
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=WARN
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""


def server_properties(*, ports: Ports, data_dir: Path) -> str:
    """Return the broker's configuration file.

    The session, heartbeat and election times let a killed broker be back in about 4 s instead of
    13. Nothing is deleted by age or size: topics of the services keep everything.
    """
    broker = f"PLAINTEXT://{LOOPBACK}:{ports.kafka}"
    controller = f"CONTROLLER://{LOOPBACK}:{ports.kafka_controller}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{ports.kafka_controller}",
        "listeners": f"{broker},{controller}",
        "advertised.listeners": f"{broker},{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data_dir,
        "auto.create.topics.enable": "false",
        "log.retention.ms": -1,
        "log.retention.bytes": -1,
        # A stack that was off for a week must not forget how far its consumers were.
        "offsets.retention.minutes": 60 * 24 * 365,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        # Fault tests use sessions shorter than Kafka's usual least of 6 s.
        "group.min.session.timeout.ms": 1000,
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 400,
        "controller.quorum.election.timeout.ms": 300,
        # The cleaner's default buffer of 128 MB would take a quarter of the heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "log.segment.bytes": 128 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def prepare(*, state_dir: Path, ports: Ports, progress: ProgressCallback) -> ProcessSpec:
    """Fetch jars and a Java, format the storage once, and return what to start.

    Raises DownloadError, ChecksumError, JavaMissingError or NotReadyError (formatting failed).
    """
    java = find_java(environ=os.environ, progress=progress)
    lock = jars.read_lock()
    directory = jars.ensure_jars(lock, cache=cache_dir(), download=_download, progress=progress)
    config_dir = state_dir / "config"
    config_dir.mkdir(parents=True, exist_ok=True)
    data_dir = state_dir / "data" / NAME
    properties = config_dir / "kafka.properties"
    properties.write_text(server_properties(ports=ports, data_dir=data_dir))
    log4j = config_dir / "kafka-log4j2.properties"
    log4j.write_text(_LOG4J)
    base = (str(java.path), f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{directory}/*")
    if not (data_dir / "meta.properties").exists():
        progress(Progress(NAME, "formatting its storage"))
        _format(base, properties=properties, state_dir=state_dir)
    return ProcessSpec(
        name=NAME,
        kind=describe(lock.kafka, java),
        address=f"{LOOPBACK}:{ports.kafka}",
        argv=(base[0], *_JVM_FLAGS, *base[1:], "kafka.Kafka", str(properties)),
        ports=(ports.kafka, ports.kafka_controller),
        ready=lambda: is_ready(LOOPBACK, ports.kafka),
        ready_seconds_max=_READY_SECONDS_MAX,
        stop_seconds_max=_STOP_SECONDS_MAX,
    )


def describe(version: str, java: Java) -> str:
    """Name the broker and its Java for `status`."""
    return f"Apache Kafka {version}, Java {java.major}"


def is_ready(host: str, port: int) -> bool:
    """Tell whether the broker answers a Metadata request and lists itself as alive.

    An open port is not enough: a broker that its controller still fences accepts connections and
    can do nothing. The request is Metadata version 1 for no topics, whose answer starts with its
    correlation id and the number of live brokers.
    """
    client = b"heliodesk-probe"
    header = struct.pack(">hhih", _METADATA_API, 1, _CORRELATION, len(client)) + client
    request = header + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), timeout=_PROBE_SECONDS) as connection:
            connection.settimeout(_PROBE_SECONDS)
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _read(connection, 4))
            if not _ANSWER.size <= size <= _PROBE_BYTES_MAX:
                return False
            correlation, brokers = _ANSWER.unpack_from(_read(connection, size))
    except OSError:
        return False
    return bool(correlation == _CORRELATION and brokers > 0)


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            message = "the connection was closed in the middle of an answer"
            raise ConnectionError(message)
        received += part
    return received


def _download(lock: jars.JarLock, directory: Path, progress: ProgressCallback) -> None:
    # Imported here because a normal start downloads nothing and should not wait for it.
    from deploy.local.maven import download_jars  # noqa: PLC0415

    download_jars(lock, directory, progress)


def _format(base: tuple[str, ...], *, properties: Path, state_dir: Path) -> None:
    # The id only tells clusters apart, so a hash of the place is as good as a random one.
    digest = hashlib.sha256(str(state_dir.absolute()).encode()).digest()
    cluster_id = base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=").replace("-", "A")
    arguments = ("format", "--standalone", "-t", cluster_id, "-c", str(properties))
    command = [base[0], *_TOOL_FLAGS, *base[1:], "kafka.tools.StorageTool", *arguments]
    done = subprocess.run(  # noqa: S603 -- the Java and the jars that this package chose.
        command, capture_output=True, text=True, timeout=_FORMAT_SECONDS_MAX, check=False
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        message = f"Kafka's storage could not be formatted (exit code {done.returncode}):\n{said}"
        raise NotReadyError(message)
