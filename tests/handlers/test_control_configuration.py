"""Applying and rolling back configurations, with races and crashes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.control.domain.configuration import (
    SECTIONS,
    VERSIONS,
    section_stream,
    versions_stream,
)
from services.control.handlers.archive import ArchiveRestore
from services.control.handlers.configuration import Applied, Checked
from shared.aggregate import Aggregate
from shared.contracts.topics import CONFIGURATION
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration, ConfigurationInvalid, parse_sections
from shared.rebuild import rebuild, state_hash
from shared.testing.memory import MemoryStreams
from tests.support.control import (
    ADMIN,
    TENANT,
    Crash,
    FailAt,
    World,
    renamed,
    sample_sections,
)


async def apply(world: World, name: str, expected: int | None, note: str = "") -> Applied:
    """Apply the sample under a name."""
    return await world.configuration.apply(renamed(name), actor=ADMIN, note=note, expected=expected)


async def name_in_force(world: World) -> str:
    """Return the organisation's name, as the archive has it for the version in force."""
    current = await world.configuration.in_force(TENANT)
    assert current is not None
    sections = await world.configuration.sections(TENANT, current)
    name: str = sections["organisation"]["name"]
    return name


async def test_an_applied_version_reaches_every_service() -> None:
    """Every service reads the first version from the topic, whole."""
    world = World()
    applied = await apply(world, "One", None, note="the first")
    await world.deliver()
    assert (applied.version.version, applied.is_new) == (1, True)
    assert (applied.version.actor, applied.version.note) == ("admin", "the first")
    assert world.configurations.version(TENANT) == 1
    assert world.configurations.current(TENANT) == Configuration.from_sections(renamed("One"))


async def test_only_what_differs_is_published_again() -> None:
    """A second version with one other section publishes that section alone."""
    world = World()
    await apply(world, "One", None)
    await world.deliver()
    before = len(world.events(CONFIGURATION.name))
    await apply(world, "Two", 1)
    await world.deliver()
    kinds = [event.type for event in world.events(CONFIGURATION.name)]
    assert len(kinds) == before + 2
    assert kinds.count("heliodesk.configuration.applied.v1") == 2
    assert world.configurations.current(TENANT).organisation.name == "Two"


async def test_the_same_content_again_changes_nothing() -> None:
    """Applying what is in force gives that version, and no event."""
    world = World()
    await apply(world, "One", None)
    await world.deliver()
    before = world.events(CONFIGURATION.name)
    applied = await apply(world, "One", 1)
    await world.deliver()
    assert (applied.version.version, applied.is_new) == (1, False)
    assert world.events(CONFIGURATION.name) == before


class Interleaved:
    """Lets others run at every point of I/O."""

    async def point(self, name: str) -> None:
        """Let others run."""
        await asyncio.sleep(0)


async def test_of_two_at_once_one_wins() -> None:
    """Two who saw the same version apply at once: one is version 2, the other gets 412."""
    world = World(faults=Interleaved())
    await apply(world, "One", None)
    results = await asyncio.gather(
        apply(world, "Two", 1), apply(world, "Other", 1), return_exceptions=True
    )
    won = [r for r in results if isinstance(r, Applied)]
    lost = [r for r in results if isinstance(r, CommandRejected)]
    assert len(won) == len(lost) == 1
    assert (won[0].version.version, lost[0].status, lost[0].code) == (2, 412, "version-stale")
    await world.deliver()
    assert world.configurations.version(TENANT) == 2
    name = world.configurations.current(TENANT).organisation.name
    assert name == await name_in_force(world)
    assert name == ("Two" if isinstance(results[0], Applied) else "Other")


async def test_many_at_once_make_versions_one_after_the_other() -> None:
    """Eight who race to be first: one version comes of it, and each loser is told 412 or 428."""
    world = World(faults=Interleaved())
    results = await asyncio.gather(
        *(apply(world, f"Name {i}", None) for i in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, Applied) for result in results) == 1
    refused = [r.status for r in results if isinstance(r, CommandRejected)]
    assert len(refused) == 7
    assert set(refused) <= {412, 428}
    assert [
        v.version for v in await world.configuration.versions(TENANT, before=None, limit=9)
    ] == [1]


async def test_a_crash_at_any_point_leaves_a_whole_version_in_force() -> None:
    """Wherever control dies while it applies version 2, version 1 or 2 is in force and whole.

    Afterwards the same request by a restarted control ends in version 2, at every service.
    """
    died = 0
    for count in range(1, 100):
        world = World()
        await apply(world, "One", None)
        await world.deliver()
        dying = world.restarted(faults=FailAt(count))
        try:
            await apply(dying, "Two", 1)
        except Crash:
            died += 1
        else:
            break
        after = world.restarted()
        name = await name_in_force(after)
        await after.deliver()
        in_force = await after.configuration.in_force(TENANT)
        assert in_force is not None
        assert (in_force.version, name) in {(1, "One"), (2, "Two")}
        assert after.configurations.version(TENANT) == in_force.version
        assert after.configurations.current(TENANT).organisation.name == name
        repeated = await apply(after, "Two", 1)
        await after.deliver()
        assert repeated.version.version == 2
        assert after.configurations.version(TENANT) == 2
        assert after.configurations.current(TENANT).organisation.name == "Two"
    assert died >= 8


async def test_a_store_that_fails_at_any_point_is_said_so_or_settled() -> None:
    """A store that fails once gives an error or a version, never half of one."""
    for count in range(1, 100):
        world = World()
        await apply(world, "One", None)
        failing = FailAt(count, error=lambda: Infrastructure("store: gone"))
        try:
            applied = await apply(world.restarted(faults=failing), "Two", 1)
        except Infrastructure:
            assert await name_in_force(world) in {"One", "Two"}
        else:
            assert applied.version.version == 2
            break
    else:
        pytest.fail("it never came through")


async def test_an_invalid_configuration_writes_nothing() -> None:
    """A desk with an unknown calendar is refused by place and reason; nothing is stored."""
    world = World()
    await apply(world, "One", None)
    rows = (dict(world.disk.rows.contents), dict(world.disk.rows.history))
    sections = renamed("Two")
    sections["desks"]["desks"][0]["calendar"] = "nowhere"
    with pytest.raises(ConfigurationInvalid) as caught:
        await world.configuration.apply(sections, actor=ADMIN, note="", expected=1)
    (problem, *_) = caught.value.problems
    assert (problem.file, problem.path) == ("desks", "desks[0].calendar")
    assert "nowhere" in problem.reason
    assert (world.disk.rows.contents, world.disk.rows.history) == rows
    assert await name_in_force(world) == "One"


async def test_a_stale_caller_writes_nothing() -> None:
    """Who is refused for his version leaves no content behind."""
    world = World()
    await apply(world, "One", None)
    await apply(world, "Two", 1)
    rows = dict(world.disk.rows.contents)
    with pytest.raises(CommandRejected, match="version-stale"):
        await apply(world, "Three", 1)
    assert world.disk.rows.contents == rows


async def test_every_old_version_stays_readable() -> None:
    """After three versions each can be read whole, the newest first in the list."""
    world = World()
    for number, name in enumerate(["One", "Two", "Three"]):
        await apply(world, name, number)
        world.clock.set(world.clock.now().replace(hour=10 + number))
    listed = await world.configuration.versions(TENANT, before=None, limit=10)
    assert [version.version for version in listed] == [3, 2, 1]
    names = []
    for version in listed:
        found = await world.configuration.version(TENANT, version.version)
        names.append((await world.configuration.sections(TENANT, found))["organisation"]["name"])
    assert names == ["Three", "Two", "One"]
    page = await world.configuration.versions(TENANT, before=3, limit=1)
    assert [version.version for version in page] == [2]
    for unknown in (4, 99):
        with pytest.raises(CommandRejected) as caught:
            await world.configuration.version(TENANT, unknown)
        assert caught.value.status == 404


async def test_a_rollback_is_a_new_version_with_the_old_content() -> None:
    """Back to version 1 is version 3, and services have the old content again."""
    world = World()
    await apply(world, "One", None)
    await apply(world, "Two", 1)
    applied = await world.configuration.roll_back(1, actor=ADMIN, note="", expected=2)
    await world.deliver()
    assert applied.version.version == 3
    assert applied.version.note == "back to version 1"
    assert world.configurations.version(TENANT) == 3
    assert world.configurations.current(TENANT).organisation.name == "One"


async def test_a_rollback_needs_the_version_in_force() -> None:
    """A rollback without a version is 428, with an old one 412, to nowhere 404."""
    world = World()
    await apply(world, "One", None)
    await apply(world, "Two", 1)
    for version, expected, status in [(1, None, 428), (1, 1, 412), (9, 2, 404)]:
        with pytest.raises(CommandRejected) as caught:
            await world.configuration.roll_back(version, actor=ADMIN, note="", expected=expected)
        assert caught.value.status == status


async def test_tenants_do_not_see_each_other() -> None:
    """Another tenant has no version, and none of the first one's."""
    world = World()
    await apply(world, "One", None)
    assert await world.configuration.in_force("globex") is None
    assert await world.configuration.versions("globex", before=None, limit=9) == []
    with pytest.raises(CommandRejected):
        await world.configuration.version("globex", 1)


AGENT_BYTES = 330
"""Of one in a section, with every field that has a default."""


async def test_a_large_section_travels() -> None:
    """A section of 800 KB passes the commit and the topic; one of 1 MB is refused by size."""

    def with_notes(size: int) -> dict[str, Any]:
        sections = sample_sections()
        agents = [
            {"id": f"agent-{i}", "name": "x" * 100, "email": f"a{i}@helio.example"}
            for i in range(size // AGENT_BYTES)
        ]
        return {**sections, "rosters/london": {"agents": agents}}

    world = World()
    applied = await world.configuration.apply(
        with_notes(800_000), actor=ADMIN, note="", expected=None
    )
    await world.deliver()
    assert world.configurations.version(TENANT) == applied.version.version == 1
    assert max(len(event.body) for event in world.events(CONFIGURATION.name)) > 400_000
    with pytest.raises(ConfigurationInvalid, match="bytes of JSON"):
        await world.configuration.apply(with_notes(2_500_000), actor=ADMIN, note="", expected=1)


async def test_a_lost_store_is_rebuilt_from_the_topic() -> None:
    """Documents, contents and history come back from the events, and versions go on from there."""
    world = World()
    for number, name in enumerate(["One", "Two", "Three"]):
        await apply(world, name, number)
    await world.deliver()

    async def read() -> Any:
        yield world.events(CONFIGURATION.name)

    fresh = World(clock=world.clock)
    fresh.disk.log = world.disk.log
    await ArchiveRestore(fresh.store, read, always=False).run()
    kinds: list[Aggregate[Any]] = [SECTIONS, VERSIONS]
    for aggregate in kinds:
        await rebuild(aggregate, fresh.streams, read())
        ids = [versions_stream(TENANT), *(section_stream(TENANT, n) for n in sample_sections())]
        before, after = [
            list((await streams.load(aggregate, ids)).values())
            for streams in (MemoryStreams(world.disk.documents), fresh.streams)
        ]
        assert len(before) == len(after) > 0
        assert state_hash(before) == state_hash(after)
    rolled = await fresh.configuration.roll_back(2, actor=ADMIN, note="", expected=3)
    assert rolled.version.version == 4
    assert await name_in_force(fresh) == "Two"


async def test_a_diff_says_what_would_change() -> None:
    """Against version 1 another name is one change, and nothing is kept of the question."""
    world = World()
    await apply(world, "One", None)
    found = await world.configuration.diff(TENANT, renamed("Two"))
    assert (found.version, found.promised.is_kept) == (1, True)
    (change,) = found.changes
    assert (change.section, change.path, change.kind) == ("organisation", "name", "changed")
    assert (change.before, change.after) == ("One", "Two")
    assert await name_in_force(world) == "One"


async def test_a_check_names_every_fault() -> None:
    """Two unknown fields in two sections are two faults; a right configuration has none."""
    world = World()
    sections = sample_sections()
    assert await world.configuration.check(sections) == Checked()
    sections["organisation"]["colour"] = "red"
    sections["templates"]["colour"] = "red"
    found = await world.configuration.check(sections)
    assert [(p.file, p.path, p.reason) for p in found.problems] == [
        ("organisation", "colour", "unknown field"),
        ("templates", "colour", "unknown field"),
    ]


def test_the_sample_is_what_it_is_taken_for() -> None:
    """The sample's sections, read again as files would be, are a right configuration."""
    with pytest.raises(ConfigurationInvalid):
        parse_sections({"nonsense.yaml": "a: 1"})
    assert sample_sections()["organisation"]["name"] == "Helio Works"
