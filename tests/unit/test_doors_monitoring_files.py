"""What people paste into their monitors: it parses, and what it posts is what the doors read."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.intake.domain.normal import AlertGroup
from services.intake.doors import DOORS, Raw, Setup
from services.intake.doors.monitoring import DOORS as MONITORS
from services.intake.doors.monitoring import checkmk, datadog, icinga2, nagios, webhook, zabbix
from services.intake.doors.monitoring.cloudevents import DOOR as CLOUDEVENTS

FILES = Path(__file__).parents[2] / "deploy" / "integrations"
SCRIPTS = sorted(FILES.rglob("*.sh"))
JSON = {"content-type": "application/json"}
PATHS = {entrance.path for door in DOORS.values() for entrance in door.entrances}


def text(name: str) -> str:
    """Return the text of a file."""
    return (FILES / name).read_text(encoding="utf-8")


def run(script: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a script with nothing but these variables and the system's tools."""
    return subprocess.run(
        [str(script)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def curl(tmp_path: Path) -> Path:
    """Return a folder with a curl that writes down what it is given."""
    fake = tmp_path / "bin" / "curl"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/arguments"\ncat > "{tmp_path}/body"\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    return fake.parent


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_a_script_is_right_for_every_shell(script: Path) -> None:
    """The plain shell reads it, and it can be run as it is."""
    result = subprocess.run(["/bin/sh", "-n", str(script)], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n")


def test_icinga_and_nagios_have_one_script() -> None:
    """A correction reaches both."""
    assert text("icinga2/heliodesk-notify.sh") == text("nagios/heliodesk-notify.sh")


ODD = 'DISK "CRITICAL" \\ /var\t1%\nsecond\x01 line $(id) `id` 你好'


def posted(curl: Path, name: str, environment: dict[str, str]) -> Any:
    """Return what a notification script posts."""
    result = run(FILES / name, {**environment, "PATH": f"{curl}:{os.environ['PATH']}"})
    assert result.returncode == 0, result.stderr
    return json.loads((curl.parent / "body").read_bytes())


def test_icinga_posts_what_its_door_reads(curl: Path) -> None:
    """Whatever a plug-in printed arrives as it was, but for control characters."""
    variables = {
        "NOTIFICATION_TYPE": "PROBLEM",
        "HOST_NAME": "web-1",
        "SERVICE_NAME": "disk",
        "OBJECT_STATE": "CRITICAL",
        "OBJECT_OUTPUT": ODD,
        "OBJECT_CHANGED_AT": "1772445480.25",
    }
    body = posted(curl, "icinga2/heliodesk-notify.sh", variables)
    assert body["output"] == 'DISK "CRITICAL" \\ /var 1%\nsecond line $(id) `id` 你好'
    (read,) = icinga2.parse(Raw(body=(curl.parent / "body").read_bytes(), headers=JSON), Setup())
    assert isinstance(read.form, AlertGroup)
    assert read.form.key == "service/web-1/disk"
    arguments = (curl.parent / "arguments").read_text(encoding="utf-8")
    assert "--fail\n" in arguments
    assert "Bearer" not in arguments


def test_nagios_posts_what_its_door_reads(curl: Path) -> None:
    """Its macros come by their own names, of the host where no service is notified of."""
    host = {
        "NAGIOS_NOTIFICATIONTYPE": "RECOVERY",
        "NAGIOS_HOSTNAME": "web-1",
        "NAGIOS_HOSTSTATE": "UP",
        "NAGIOS_HOSTOUTPUT": "PING OK",
        "NAGIOS_LASTHOSTSTATECHANGE": "1772445480",
        "NAGIOS_TIMET": "1772445490",
    }
    body = posted(curl, "nagios/heliodesk-notify.sh", host)
    assert (body["service"], body["state"], body["at"]) == ("", "UP", "1772445490")
    service = {
        **host,
        "NAGIOS_SERVICEDESC": "disk",
        "NAGIOS_SERVICESTATE": "OK",
        "NAGIOS_SERVICEOUTPUT": "DISK OK",
        "NAGIOS_LASTSERVICESTATECHANGE": "1772445485",
    }
    body = posted(curl, "nagios/heliodesk-notify.sh", service)
    assert (body["service"], body["output"], body["changed_at"]) == (
        "disk",
        "DISK OK",
        "1772445485",
    )
    raw = Raw(body=(curl.parent / "body").read_bytes(), headers=JSON)
    (read,) = nagios.parse(raw, Setup())
    assert isinstance(read.form, AlertGroup)


def test_a_notification_without_a_type_posts_nothing(curl: Path) -> None:
    """Half a body is never sent."""
    result = run(FILES / "icinga2/heliodesk-notify.sh", {"PATH": f"{curl}:{os.environ['PATH']}"})
    assert result.returncode != 0
    assert not (curl.parent / "body").exists()


def test_icinga_commands_set_the_variables_that_the_script_reads() -> None:
    """No variable of the script is without its macro, and none has a name of its own."""
    script = text("icinga2/heliodesk-notify.sh")
    read = set(re.findall(r"\b((?:NOTIFI|HOST|SERVICE|OBJECT)[A-Z_]+)\b", script))
    given = set(re.findall(r"^    ([A-Z_]+) = ", text("icinga2/heliodesk.conf"), re.MULTILINE))
    assert given | {"OBJECT_LONG_OUTPUT"} == {n for n in read if not n.startswith("NAGIOS")}


def media_type() -> dict[str, Any]:
    """Return the media type of Zabbix' export."""
    (found,) = yaml.safe_load(text("zabbix/media-type.yaml"))["zabbix_export"]["media_types"]
    assert isinstance(found, dict)
    return found


def test_the_media_type_has_the_script_that_lies_beside_it() -> None:
    """What is imported is what can be read and tested."""
    assert media_type()["script"].rstrip() == text("zabbix/heliodesk.js").rstrip()


def test_the_script_of_zabbix_is_of_the_language_that_it_knows() -> None:
    """Brackets are balanced, and nothing is newer than ECMAScript 5."""
    code = re.sub(r"//.*|'(?:[^'\\]|\\.)*'", "", text("zabbix/heliodesk.js"))
    for opening, closing in ("()", "[]", "{}"):
        assert code.count(opening) == code.count(closing)
    assert re.search(r"\b(let|const|class|async|await|import)\b|=>|`", code) is None


def test_zabbix_posts_what_its_door_reads() -> None:
    """Each field of the door is a parameter with the macro of its name, and none is left over."""
    own = {"heliodesk_url", "heliodesk_token", "http_proxy"}
    parameters = {p["name"]: p["value"] for p in media_type()["parameters"]}
    assert set(parameters) - own == set(zabbix.ZabbixEvent.model_fields)
    for name, value in parameters.items():
        if name.startswith("event_") and name != "event_tags":
            assert value == "{" + name.upper().replace("_", ".") + "}"


def test_checkmk_hands_on_what_its_door_reads_and_no_more() -> None:
    """No contact and no parameter leaves the site."""
    tree = ast.parse(text("checkmk/heliodesk"))
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAMES"
    )
    assert set(names) == {field.alias for field in checkmk.CheckmkContext.model_fields.values()}


@pytest.mark.parametrize(
    ("parameters", "status"),
    [({}, 2), ({"NOTIFY_PARAMETER_1": "http://127.0.0.1:9/", "NOTIFY_PARAMETER_2": "token"}, 1)],
)
def test_the_script_of_checkmk_says_whether_to_try_again(
    tmp_path: Path, parameters: dict[str, str], status: int
) -> None:
    """Without an address it gives up; where nobody answers it asks to be called again."""
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    script = FILES / "checkmk" / "heliodesk"
    assert script.stat().st_mode & stat.S_IXUSR
    result = subprocess.run(
        [sys.executable, str(script)],
        env={**parameters, "NOTIFY_WHAT": "HOST"},
        cwd=tmp_path,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == status, result.stderr
    assert b"secret" not in result.stdout + result.stderr


def test_the_payload_of_datadog_has_the_fields_of_its_door() -> None:
    """Each field is one of the door's, and takes a variable of Datadog's."""
    payload = json.loads(text("datadog/webhook.json"))
    assert set(payload) == set(datadog.DatadogWebhook.model_fields)
    values = [v for v in payload.values() if isinstance(v, str)] + [payload["org"]["id"]]
    assert all(re.fullmatch(r"\$[A-Z_]+", value) for value in values)


def test_the_configurations_are_yaml_and_name_doors_that_there_are() -> None:
    """Addresses lead to entrances of the doors."""
    receiver = yaml.safe_load(text("alertmanager/receiver.yml"))
    contact = yaml.safe_load(text("grafana/contact-point.yaml"))
    urls = [
        receiver["receivers"][0]["webhook_configs"][0]["url"],
        contact["contactPoints"][0]["receivers"][0]["settings"]["url"],
    ]
    for url in urls:
        assert url.removeprefix("https://heliodesk.example.org") in PATHS


def test_the_mapping_that_is_shown_can_be_configured() -> None:
    """The example of the generic door passes the check of its settings."""
    (row,) = yaml.safe_load(text("webhook/integration.yaml"))["integrations"]
    found = webhook.Settings.model_validate(row["settings"])
    assert found.fields.key == "join('/', [check.group, check.name])"


def test_the_event_that_is_shown_is_read(curl: Path) -> None:
    """The call of the documentation gives an alert."""
    script = FILES / "cloudevents" / "post.sh"
    result = subprocess.run(
        [str(script), "e-1"],
        env={"PATH": f"{curl}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = (curl.parent / "arguments").read_text(encoding="utf-8").splitlines()
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    raw = Raw(body=(curl.parent / "body").read_bytes(), route="/v1/alerts/cloudevents")
    raw = replace(raw, headers={name.lower(): value for name, value in headers.items()})
    (read,) = CLOUDEVENTS.parse(raw, Setup())
    assert isinstance(read.form, AlertGroup)
    assert read.form.key == "db-7/disk"


def test_every_door_of_monitors_is_described() -> None:
    """The README names each door that a monitor can call, and only files that there are."""
    readme = text("README.md")

    for door in MONITORS:
        assert door.name == "recorder" or f"`{door.name}`" in readme
    for link in re.findall(r"\]\(([^)]+)\)", readme):
        assert (FILES / link).is_file()
