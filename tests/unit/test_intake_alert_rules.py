"""What is decided on alerts without a store: windows, flapping, grouping, rules, priorities."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.alert_groups import Member, advanced, bounded
from services.intake.domain.alert_parts import alerting_of, hinting_of
from services.intake.domain.flapping import begins, ends_at, score
from services.intake.domain.maintenance import About, coming, covering
from services.intake.domain.normal import Alert, AlertGroup, AlertSignal, Hint
from shared.calendar.recurrence import recurrence
from shared.contracts.intake import AlertStatus
from shared.contracts.monitors import ObservedAlert
from shared.organisation import ConfigurationInvalid, parse_sections
from shared.organisation.intake import Maintenance
from shared.organisation.integrations import Flapping
from tests.support.alerting import INTEGRATION, alert, configured, delivery
from tests.unit.organisation_files import FILES

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def window(**fields: Any) -> Maintenance:
    """Return a window; by default each Sunday from one to five in London."""
    values = {
        "name": "w",
        "title": "W",
        "starts": "2026-01-04T01:00",
        "duration": "4h",
        "time_zone": "Europe/London",
        "recurs": "FREQ=WEEKLY;BYDAY=SU",
        **fields,
    }
    return Maintenance.model_validate(values)


@pytest.mark.parametrize(
    ("day", "starts", "ends"),
    [
        ("2026-03-22", "01:00", "05:00"),
        # The hour from one to two is skipped: it begins at the change, and lasts three hours.
        ("2026-03-29", "01:00", "04:00"),
        ("2026-04-05", "00:00", "04:00"),
        # The hour from one to two comes twice: its first coming counts, and it lasts five hours.
        ("2026-10-25", "00:00", "05:00"),
        ("2026-11-01", "01:00", "05:00"),
    ],
)
def test_a_window_keeps_its_hours_on_the_wall(day: str, starts: str, ends: str) -> None:
    """01:00 to 05:00 in London, as UTC has it."""
    start = datetime.fromisoformat(f"{day}T{starts}+00:00")
    end = datetime.fromisoformat(f"{day}T{ends}+00:00")
    instant = timedelta(milliseconds=1)

    def covered(at: datetime) -> bool:
        return covering([window()], About("x"), at=at) is not None

    assert not covered(start - instant)
    assert covered(start)
    assert covered(end - instant)
    assert not covered(end)


@given(
    day=st.dates(date(2026, 1, 5), date(2027, 12, 31)),
    minutes=st.integers(0, 1_439),
    zone=st.sampled_from(
        ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
    ),
    length=st.integers(1, 30),
)
def test_a_daily_window_is_open_when_the_clock_on_the_wall_says_so(
    day: date, minutes: int, zone: str, length: int
) -> None:
    """Against the plain reading of the wall, away from hours that come twice or never."""
    daily = window(
        starts="2026-01-01T22:30", duration=length * 3600, time_zone=zone, recurs="FREQ=DAILY"
    )
    local = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    aware = local.replace(tzinfo=ZoneInfo(zone))
    unusual = any(
        (aware + timedelta(hours=h)).utcoffset() != aware.utcoffset() for h in range(-31, 3)
    )
    if unusual:
        return
    last = datetime.combine(day, datetime.min.time()).replace(hour=22, minute=30)
    starts = [last - timedelta(days=n) for n in range(3)]
    expected = any(s <= local < s + timedelta(hours=length) for s in starts)
    found = covering([daily], About("x"), at=aware.astimezone(UTC))
    assert (found is not None) == expected


def test_an_alert_is_in_a_window_where_it_fits_each_list_that_is_not_empty() -> None:
    """Two lists are an and, within a list an or."""
    one = window(recurs=None, services=["mail", "web"], regions=["emea"])
    at = datetime(2026, 1, 4, 2, tzinfo=UTC)
    assert covering([one], About("x", service="web", region="emea"), at=at)
    assert not covering([one], About("x", service="web", region="apac"), at=at)
    assert not covering([one], About("x", service="erp", region="emea"), at=at)
    assert not covering([one], About("x"), at=at)


def test_of_several_windows_the_one_that_ends_last_counts() -> None:
    """So an alert is told once, when all of them are over."""
    short, long = window(recurs=None), window(name="long", recurs=None, duration="6h")
    found = covering([short, long], About("x"), at=datetime(2026, 1, 4, 2, tzinfo=UTC))
    assert found is not None
    assert (found.window.name, found.ends_at.hour) == ("long", 7)


def test_windows_to_come_are_listed_in_order() -> None:
    """Four Sundays in thirty days, and the one that is open."""
    found = coming([window()], at=datetime(2026, 3, 1, 2, tzinfo=UTC), days=30)
    assert [s.starts_at.day for s in found] == [1, 8, 15, 22, 29]


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "weekly",
        "FREQ=NEVER",
        "FREQ=HOURLY",
        "FREQ=SECONDLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=DAILY;COUNT=x",
        "FREQ=DAILY;UNTIL=20270101T000000Z",
        "DTSTART:20260101T000000\nRRULE:FREQ=DAILY",
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    """Also one that recurs more than once a day, or says what the window says."""
    with pytest.raises(ValueError, match=r"\w"):
        recurrence(rule, starts=datetime(2026, 1, 1, 1))  # noqa: DTZ001 - local, as windows are


FLAP = Flapping(changes=3, within=600, quiet=300)


def test_the_score_counts_changes_within_its_time() -> None:
    """Ten minutes: a change exactly that old counts no more."""
    flips = [T0 + timedelta(minutes=m) for m in (0, 5, 10)]
    assert score(flips, now=T0 + timedelta(minutes=10), policy=FLAP) == 2
    assert not begins(flips, now=T0 + timedelta(minutes=10), policy=FLAP)
    assert begins(flips, now=T0 + timedelta(minutes=9, seconds=59), policy=FLAP) is False
    assert begins([*flips, flips[-1]], now=T0 + timedelta(minutes=10), policy=FLAP)
    assert ends_at(flips, policy=FLAP) == T0 + timedelta(minutes=15)


def told(minute: int, said: str) -> ObservedAlert:
    """Return what was said of an alert."""
    status = AlertStatus(said)
    return ObservedAlert(fingerprint="a", status=status, starts_at=T0 + timedelta(minutes=minute))


@given(
    history=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["firing", "acknowledged", "resolved"])),
        max_size=8,
    ),
    order=st.randoms(use_true_random=False),
)
def test_what_is_known_of_an_alert_does_not_depend_on_the_order(
    history: list[tuple[int, str]], order: Any
) -> None:
    """Any two orders, with repetitions, end in the same."""

    def known(of: list[tuple[int, str]]) -> tuple[bool, bool]:
        member: Member | None = None
        for minute, said in of:
            member = advanced(member, told(minute, said), at=T0) or member
        return (member.fires, member.is_acknowledged) if member else (False, False)

    shuffled = history + history[::2]
    order.shuffle(shuffled)
    assert known(shuffled) == known(history)


def test_over_the_bound_what_fires_is_kept_and_what_finds_no_room_is_counted() -> None:
    """The end that was heard of longest ago goes first."""
    members = {
        f"r{n:04d}": Member(resolved=T0, seen_at=T0 + timedelta(minutes=n)) for n in range(1_500)
    }
    members |= {f"f{n:04d}": Member(fired=T0, seen_at=T0) for n in range(600)}
    kept, dropped = bounded(members)
    assert (len(kept), dropped) == (2_000, 0)
    assert "r0000" not in kept
    assert "r0100" in kept
    many = {f"f{n:04d}": Member(fired=T0, seen_at=T0) for n in range(2_010)}
    assert bounded(many)[1] == 10


def parts(policy: dict[str, Any], group: AlertGroup, **more: Any) -> Any:
    """Return the parts of a delivery under a policy."""
    configuration = configured(policy, **more)
    return alerting_of(
        group,
        tenant="main",
        integration=configuration.integration(INTEGRATION),
        configuration=configuration,
    ).parts


def test_labels_are_compared_as_they_are_and_not_as_they_are_joined() -> None:
    """(ab, c) and (a, bc) are two groups; a label that is missing is empty."""
    policy = {"group": "labels", "labels": ["x", "y"]}
    labels = [{"x": "ab", "y": "c"}, {"x": "a", "y": "bc"}, {"x": "abc"}, {"x": "abc", "y": ""}]
    group = delivery(*(alert(f"f{n}", 0, "firing", labels=la) for n, la in enumerate(labels)))
    found = parts(policy, group)
    assert [len(p.alerts) for p in found] == [1, 1, 2]
    assert len({p.alert_key for p in found}) == 3
    assert all(not a.labels for p in found for a in p.alerts)


def test_an_alert_apart_has_its_own_severity_and_subject() -> None:
    """One delivery of two alerts, each an incident of its own priority."""
    group = delivery(
        alert("a", 0, "firing", severity="critical", name="Disk full"),
        alert("b", 0, "firing", severity="info", name="Log rotated"),
    )
    found = parts({"group": "alert"}, group)
    assert [(p.subject, p.classified.priority) for p in found] == [
        ("Disk full", "P1"),
        ("Log rotated", "P5"),
    ]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('severity == "critical"', True),
        ('"warning" in severities', True),
        ('criticality == "high" && service == "mail"', True),
        ('configuration_item == "db-1"', True),
        ("firing > 1", True),
        ("predicted", False),
        ('region == "emea"', False),
        ('status == "firing" && subject.contains("down") && key == "group"', True),
    ],
)
def test_a_rule_looks_at_what_the_delivery_and_the_catalogue_say(
    when: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """The item is known by its monitor's name, its service and criticality by the catalogue."""
    catalogue = {
        "services": [{"name": "mail", "title": "Mail", "criticality": "high"}],
        "items": [{"name": "db-1", "title": "DB", "service": "mail", "names": ["DB1.example"]}],
    }
    group = delivery(
        alert("a", 0, "firing", severity="warning"),
        alert("b", 0, "firing"),
        configuration_item="db1.example",
    )
    opening = {"opening": [{"when": when, "action": "record"}]}
    (part,) = parts(opening, group, catalogue=catalogue)
    assert (part.action == "record") is expected
    assert part.reason == (when if expected else "")


def test_a_hint_names_what_it_says_something_of() -> None:
    """By the keys that the webhook's groups have; where labels group, silence is not known."""
    hint = Hint(
        key="group",
        alerts=(
            Alert(fingerprint="a", status=AlertSignal.RESOLVED, starts_at=T0),
            Alert(fingerprint="b", status=AlertSignal.FIRING, starts_at=T0),
        ),
        muted=("c",),
    )
    for policy, silenced in (
        ({}, 1),
        ({"group": "alert"}, 1),
        ({"group": "labels", "labels": ["x"]}, 0),
    ):
        integration = configured(policy).integration(INTEGRATION)
        found = hinting_of(hint, tenant="main", integration=integration)
        assert [a.fingerprint for _, a in found.resolved] == ["a"]
        assert len(found.silenced) == silenced


INTAKE = """\
maintenance:
  - name: night
    title: Night
    starts: 2026-01-04T01:00:00
    duration: 4h
    time_zone: Europe/London
    recurs: {recurs}
    integrations: [{integration}]
    regions: [{region}]
"""


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"recurs": "FREQ=HOURLY"}, "recurs"),
        ({"integration": "nobody"}, "integrations"),
        ({"region": "mars"}, "regions"),
    ],
)
def test_a_window_that_is_wrong_is_refused_where_it_is(change: dict[str, str], place: str) -> None:
    """The file and the field are named; the right one passes."""
    right = {"recurs": "FREQ=DAILY", "integration": "alerts", "region": "emea"}
    parse_sections({**FILES, "intake.yaml": INTAKE.format(**right)})
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections({**FILES, "intake.yaml": INTAKE.format(**{**right, **change})})
    assert [place in str(p) for p in caught.value.problems] == [True]


def test_a_condition_on_alerts_that_is_none_is_refused() -> None:
    """It is compiled when it is configured, not when the first alert comes."""
    wrong = FILES["integrations.yaml"].replace(
        "priority_map: {critical: P1}}",
        'priority_map: {critical: P1}, alerts: {opening: [{when: "sverity == 1", action: open}]}}',
    )
    with pytest.raises(ConfigurationInvalid, match="sverity"):
        parse_sections({**FILES, "integrations.yaml": wrong})


@pytest.mark.parametrize(
    ("row", "place", "reason"),
    [
        ("door: pagerduty, settings: {labels: {foo: x}}", "settings.labels.foo", "no such setting"),
        ("door: webhook, settings: {fields: {subject: 'a['}}", "fields.subject", "no JMESPath"),
        ("door: webhook, settings: {fields: {subject: 'nope(a)'}}", "fields.subject", "nope"),
        ("door: webhook, settings: {fields: {subject: 7}}", "fields.subject", "string or null"),
        ("door: zabbix, settings: {time_zone: Mars/X}", "settings.time_zone", "IANA"),
        ("door: heartbeat, settings: {every_seconds: 3}", "every_seconds", "10 at least"),
        ("door: webhook, settings: {fields: {}, form: mail}", "settings.form", "alert, request"),
        ("door: cti, settings: {lines: [{number: '12'}]}", "settings.lines[0].number", "3 at"),
        ("door: cti, settings: {choices: {two: {}}}", "settings.choices.two", "no such setting"),
    ],
)
def test_settings_of_a_door_are_looked_at_in_depth(row: str, place: str, reason: str) -> None:
    """What the door would not take is refused where it is written, before it is in force."""
    wrong = f"integrations:\n  - {{name: i, {row}}}\n"
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections({**FILES, "integrations.yaml": wrong})
    found = [str(problem) for problem in caught.value.problems if place in str(problem)]
    assert len(found) == 1
    assert reason in found[0]
