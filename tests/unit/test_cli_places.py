"""Where the command line finds Heliodesk: state directory, addresses, secrets, processes."""

from __future__ import annotations

import importlib
import stat
from pathlib import Path

import pytest

from heliodesk.product.addresses import (
    SERVICES,
    Addresses,
    AddressInvalid,
    find_addresses,
    home_of,
    local_addresses,
    port_from,
    write_addresses,
)
from heliodesk.product.secrets import Secrets
from heliodesk.product.services import (
    ROUTING_PROCESSES,
    Outside,
    own_settings,
    service_specs,
)
from shared.settings import ServiceSettings
from shared.testing.clock import ManualClock


def addresses(**environ: str) -> Addresses:
    """Return local addresses with the given overrides."""
    return local_addresses(environ, kafka="127.0.0.1:1", mailbox="http://b")


def test_the_state_directory_is_found_from_below(tmp_path: Path) -> None:
    """A command in a folder below the one with `.heliodesk` uses that one."""
    (tmp_path / ".heliodesk" / "run").mkdir(parents=True)
    below = tmp_path / "docs" / "guides"
    below.mkdir(parents=True)
    assert home_of({}, start=below) == tmp_path / ".heliodesk"


def test_a_first_start_makes_the_state_directory_here(tmp_path: Path) -> None:
    """Where there is none upwards, it is the one of the present folder."""
    assert home_of({}, start=tmp_path) == tmp_path / ".heliodesk"


def test_a_named_state_directory_comes_first(tmp_path: Path) -> None:
    """HELIODESK_HOME is obeyed wherever a command is called."""
    (tmp_path / ".heliodesk" / "run").mkdir(parents=True)
    named = {"HELIODESK_HOME": str(tmp_path / "other")}
    assert home_of(named, start=tmp_path) == tmp_path / "other"


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "http", "1.5", "１８０"])
def test_what_is_no_port_is_refused_by_name(text: str) -> None:
    """The error names the variable and the value."""
    with pytest.raises(AddressInvalid, match="HELIODESK_PORT_INTAKE"):
        port_from({"HELIODESK_PORT_INTAKE": text}, "intake", 18101)


def test_ports_are_overridden_one_by_one() -> None:
    """An override moves one door; metrics and mail have overrides of their own."""
    found = addresses(
        HELIODESK_PORT_INTAKE="20001",
        HELIODESK_PORT_INTAKE_SMTP="20002",
        HELIODESK_PORT_SLA_METRICS="20003",
    )
    assert found.services["intake"] == "http://127.0.0.1:20001"
    assert found.mail_in == "127.0.0.1:20002"
    assert found.metrics["sla"] == 20003
    assert found.services["control"] == "http://127.0.0.1:18100"
    assert found.metrics["control"] == 19100


def test_commands_find_what_up_noted(tmp_path: Path) -> None:
    """The addresses of a running product are read from its state directory."""
    noted = addresses(HELIODESK_PORT_CONSOLE="20080")
    write_addresses(tmp_path, noted)
    assert find_addresses({}, tmp_path) == noted


def test_the_environment_has_the_last_word(tmp_path: Path) -> None:
    """A Heliodesk elsewhere is reached by variables, whatever runs here."""
    write_addresses(tmp_path, addresses())
    elsewhere = {
        "HELIODESK_URL_CONTROL": "https://desk.example.org/control/",
        "HELIODESK_KAFKA": "kafka.example.org:9092",
    }
    found = find_addresses(elsewhere, tmp_path)
    assert found.services["control"] == "https://desk.example.org/control"
    assert found.services["sla"] == "http://127.0.0.1:18104"
    assert found.kafka == "kafka.example.org:9092"


def test_a_damaged_note_is_as_none(tmp_path: Path) -> None:
    """Half a file does not stop commands: the usual ports are asked."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "addresses.json").write_text('{"kafka": ')
    assert find_addresses({}, tmp_path).kafka == "127.0.0.1:19092"


def test_a_secret_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    """The second start finds the first one's secret, in a file with mode 0600."""
    secrets = Secrets(tmp_path, ManualClock())
    made = secrets.ensure("service.token")
    assert made.startswith("hd_")
    assert Secrets(tmp_path, ManualClock()).ensure("service.token") == made
    assert stat.S_IMODE(secrets.path("service.token").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_secret_that_is_not_there_is_none(tmp_path: Path) -> None:
    """Asking for a secret makes nothing."""
    assert Secrets(tmp_path, ManualClock()).find("x.token") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_takes_the_settings_that_it_is_started_with(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable is unknown to the service, and its ports are those of the addresses."""
    found = addresses()
    outside = Outside(kafka="127.0.0.1:1", mongo="mongodb://m", smtp=("127.0.0.1", 18025))
    secrets = Secrets(tmp_path, ManualClock())
    spec = next(
        s for s in service_specs(found, outside=outside, secrets=secrets) if s.name == service
    )
    for name, value in spec.env.items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module(f"services.{service}.settings")
    kind: type[ServiceSettings] = next(
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ServiceSettings)
        and value is not ServiceSettings
    )
    settings = kind.from_environment()
    assert settings.port == found.port(service)
    assert settings.metrics_port == found.metrics[service]
    assert settings.kafka == "127.0.0.1:1"
    assert settings.slot == "0"
    assert settings.port in spec.ports


def test_every_address_that_a_service_asks_is_given(tmp_path: Path) -> None:
    """A service with a setting such as ``intake_url`` is told where that service is."""
    found = addresses()
    outside = Outside(kafka="k", mongo="m", smtp=("127.0.0.1", 18025))
    secrets = Secrets(tmp_path, ManualClock())
    own = own_settings(found, outside=outside, secrets=secrets)
    for spec in service_specs(found, outside=outside, secrets=secrets):
        module = importlib.import_module(f"services.{spec.name}.settings")
        fields = {
            name
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, ServiceSettings)
            for name in value.model_fields
            if name.endswith("_url")
        }
        given = {*spec.env, *own.get(spec.name, {})}
        assert {f"{spec.name}_{name}".upper() for name in fields} <= given


def test_several_processes_of_routing_share_its_port(tmp_path: Path) -> None:
    """Each has a slot of its own, all listen on the one port, and others stay single."""
    secrets = Secrets(tmp_path, ManualClock())
    outside = Outside(kafka="k:1", mongo="mongodb://m", smtp=("127.0.0.1", 25))
    environ = {ROUTING_PROCESSES: "3"}
    found = service_specs(addresses(), outside=outside, secrets=secrets, environ=environ)
    ours = [spec for spec in found if spec.name.startswith("routing")]
    assert [spec.name for spec in ours] == ["routing", "routing-2", "routing-3"]
    assert [spec.env["ROUTING_SLOT"] for spec in ours] == ["0", "1", "2"]
    assert {spec.env["ROUTING_SHARE_PORT"] for spec in ours} == {"true"}
    assert len({spec.env["ROUTING_PORT"] for spec in ours}) == 1
    assert len([spec for spec in found if spec.name.startswith("intake")]) == 1
    with pytest.raises(AddressInvalid, match="ROUTING_PROCESSES"):
        service_specs(
            addresses(), outside=outside, secrets=secrets, environ={ROUTING_PROCESSES: "many"}
        )
