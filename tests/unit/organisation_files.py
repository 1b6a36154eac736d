"""The smallest right configuration, for tests that change one thing of it."""

from __future__ import annotations

from typing import Final

FILES: Final = {
    "organisation.yaml": """\
regions: [{name: emea, title: EMEA}, {name: apac, title: APAC}]
sites: [{name: leeds, title: Leeds, region: emea}, {name: wuhan, title: Wuhan, region: apac}]
""",
    "calendars.yaml": """\
calendars:
  - {name: day, time_zone: Europe/London, hours: {mon-fri: [[09:00, 17:00]]}}
  - {name: china, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 17:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
""",
    "desks.yaml": """\
desks:
  - {name: london, title: London, region: emea, calendar: day, escalates_to: centre}
  - {name: shanghai, title: Shanghai, region: apac, calendar: china, time_zone: Asia/Hong_Kong}
  - {name: centre, title: Centre, calendar: always, tier: 2}
""",
    "agents.yaml": """\
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [london, centre], skills: [vpn]}
""",
    "rosters/shanghai.yaml": """\
agents:
  - {id: bo, name: 波, email: bo@example.org, languages: [zh], desks: [centre]}
  - {id: cai, name: 蔡, email: cai@example.org, languages: [zh, en], skills: {vpn: 3}}
""",
    "topologies.yaml": """\
topologies:
  - {name: pay, scope: {services: [payroll]}, shape: centralized, desk: centre}
  - name: counter
    scope: {channels: [walk-up], sites: ["*"]}
    shape: local
    by_site: {wuhan: shanghai}
    by_region: {emea: london}
    fallback: centre
  - {name: sun, shape: follow_the_sun, desks: [shanghai, london], fallback: centre}
""",
    "sla.yaml": """\
policies:
  - {name: response, metric: response, targets: {P1: 15m, P2: 1h30m}}
  - name: resolution
    metric: resolution
    condition: kind == "incident"
    targets: {P1: 14400}
    calendar: day
    escalations: [{at_share: 1, raise_tier: true, notify: [desk, ann]}]
""",
    "integrations.yaml": """\
integrations:
  - {name: alerts, door: alertmanager, secret: "env:ALERTS", priority_map: {critical: P1}}
  - {name: mail, door: smtp, addresses: [help@example.org], defaults: {region: emea}}
""",
    "templates.yaml": """\
templates: [{notice: acknowledgement, language: en, subject: Hello, body: We have it.}]
""",
}


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """Return the files with one text replaced, which must be there."""
    assert old in FILES[file], old
    return FILES | {file: FILES[file].replace(old, new)}
