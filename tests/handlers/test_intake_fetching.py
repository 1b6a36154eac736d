"""Files that lie with a vendor are brought into the messages that they came with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.intake.domain.fetches import ATTEMPTS_MAX, Fetch, fetches_of, is_waiting, pause
from services.intake.domain.files import FileRef
from services.intake.domain.messages import Message
from services.intake.handlers.collecting import Collecting
from services.intake.handlers.fetching import Fetching
from services.intake.ports import Fetched, NotFetchable
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.kernel import Infrastructure
from shared.log import silent
from shared.organisation import Integration
from shared.testing.clock import START
from tests.handlers.test_intake_mailing import install
from tests.support.intake import TENANT, Intake
from tests.support.mails import MemoryFetches


@dataclass
class Vendor:
    """Answers calls in turn; an exception is raised."""

    answers: list[Fetched | Exception] = field(default_factory=list)
    calls: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    hosts: Sequence[str] = ()

    async def get(
        self,
        url: str,
        *,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        hosts: Sequence[str],
        bytes_max: int,
    ) -> Fetched:
        """Answer the next call."""
        assert method in {"GET", "POST"}
        assert body == b""
        assert bytes_max == 10_000_000
        self.calls.append((url, headers))
        self.hosts = hosts
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def made(intake: Intake, vendor: Vendor) -> Fetching:
    """Return what fetches, wired as the application does."""
    return Fetching(
        queue=MemoryFetches(intake.data),
        rows=intake.store,
        files=intake.files,
        fetcher=vendor,
        configurations=intake.configurations,
        clock=intake.clock,
        log=silent(),
    )


def message(*files: FileRef) -> Message:
    """Return a message with files."""
    return Message(
        id="m",
        tenant=TENANT,
        ticket="t",
        n=1,
        direction=Direction.INBOUND,
        channel=Channel.CHAT,
        author="c",
        at=START,
        files=files,
    )


def away(name: str = "a.png", **fields: object) -> FileRef:
    """Return a file that lies with the vendor."""
    base = FileRef(name=name, url=f"line:{name}", by="line", media_type="application/octet-stream")
    return base.model_copy(update=fields)


def configured(intake: Intake, folder: Path) -> None:
    """Configure an integration whose door fetches files."""
    secret = folder / "secret"
    secret.write_text("s3cret")
    reference = f"file:{secret}"
    secrets = {"channel_secret": reference, "channel_access_token": reference}
    install(intake, Integration(name="line", door="line", secrets=secrets))


async def files_of(intake: Intake) -> tuple[FileRef, ...]:
    """Return the files of the message."""
    return (await intake.store.messages(["m"]))["m"].files


async def test_a_file_is_brought_in(tmp_path: Path) -> None:
    """Its bytes are kept, its type is what the host says; the message refers to it."""
    intake, vendor = Intake(), Vendor([Fetched(b"png", "image/png")])
    configured(intake, tmp_path)
    await intake.store.add_messages([message(away("1"), FileRef(name="b", id="there"))])
    assert await made(intake, vendor).sweep() is False
    first, second = await files_of(intake)
    assert (first.media_type, first.size, first.url, first.by) == ("image/png", 3, None, None)
    assert await intake.files.read(tenant=TENANT, file=first.id or "") == b"png"
    assert second == FileRef(name="b", id="there")
    assert intake.data.collection("fetches") == {}
    assert vendor.hosts == ("api-data.line.me",)
    ((url, headers),) = vendor.calls
    assert url == "https://api-data.line.me/v2/bot/message/1/content"
    assert headers == {"Authorization": "Bearer s3cret"}
    assert await made(intake, vendor).sweep() is False
    assert len(vendor.calls) == 1


async def test_what_does_not_work_now_is_tried_later(tmp_path: Path) -> None:
    """Longer each time; the message is there all the while, and then has its file."""
    intake = Intake()
    vendor = Vendor([Infrastructure("busy"), Infrastructure("busy"), Fetched(b"x", "")])
    configured(intake, tmp_path)
    fetching = made(intake, vendor)
    await intake.store.add_messages([message(away("1", media_type="image/gif"))])
    for seconds, calls in ((0, 1), (14, 1), (2, 2), (58, 2), (3, 3)):
        await intake.clock.advance(seconds)
        await fetching.sweep()
        assert len(vendor.calls) == calls
    (file,) = await files_of(intake)
    assert file.media_type == "image/gif"
    assert file.id is not None


async def test_what_never_works_is_given_up(tmp_path: Path) -> None:
    """After a day or two, with the last reason; nothing is tried any more."""
    intake, vendor = Intake(), Vendor([Infrastructure("busy")] * 99)
    configured(intake, tmp_path)
    fetching = made(intake, vendor)
    await intake.store.add_messages([message(away("1"))])
    for _ in range(20):
        await fetching.sweep()
        await intake.clock.advance(6 * 3_600)
    assert len(vendor.calls) == ATTEMPTS_MAX
    (file,) = await files_of(intake)
    assert (file.failed, file.id) == ("busy", None)
    assert intake.data.collection("fetches") == {}


async def test_what_is_refused_is_given_up_at_once(tmp_path: Path) -> None:
    """With the reason, for agents to read; the other file is brought in."""
    intake = Intake()
    vendor = Vendor([NotFetchable("answered 404"), Fetched(b"x", "image/png")])
    configured(intake, tmp_path)
    await intake.store.add_messages([message(away("1"), away("2"))])
    await made(intake, vendor).sweep()
    first, second = await files_of(intake)
    assert first.failed == "answered 404"
    assert second.id is not None
    assert intake.data.collection("fetches") == {}


async def test_a_file_nobody_can_fetch_says_so(tmp_path: Path) -> None:
    """Its integration is gone, its door fetches none, it is too large, or not of this vendor."""
    intake, vendor = Intake(), Vendor()
    configured(intake, tmp_path)
    await intake.store.add_messages(
        [
            message(
                away("1", by="gone"),
                away("2", by="mail-demo"),
                away("3", size=10_000_001),
                away("4", url="https://elsewhere.example/x"),
            )
        ]
    )
    await made(intake, vendor).sweep()
    assert [f.failed for f in await files_of(intake)] == [
        "the integration 'gone' fetches no files",
        "the integration 'mail-demo' fetches no files",
        "10000001 bytes, and at most 10000000 are taken",
        "no file of line",
    ]
    assert vendor.calls == []


async def test_a_row_that_leads_nowhere_is_forgotten() -> None:
    """A crash before the message was written leaves one."""
    intake, vendor = Intake(), Vendor()
    await intake.store.add_messages([message(away("1"))])
    intake.data.collection("messages").clear()
    for _ in range(ATTEMPTS_MAX):
        assert intake.data.collection("fetches")
        await made(intake, vendor).sweep()
        await intake.clock.advance(6 * 3_600)
    assert intake.data.collection("fetches") == {}


def test_only_files_that_lie_elsewhere_are_fetched() -> None:
    """Not those that are there, were left out, or given up; and the pauses grow."""
    assert is_waiting(away())
    assert not is_waiting(away(id="x"))
    assert not is_waiting(away(failed="no"))
    assert not is_waiting(FileRef(name="x", failed="too large"))
    assert fetches_of([message(FileRef(name="x", id="y"))]) == []
    assert fetches_of([message(away())]) == [Fetch(message="m", tenant=TENANT)]
    assert [pause(n).total_seconds() for n in range(7)] == [15, 60, 240, 960, 3_840, 15_360, 21_600]


async def test_files_that_nobody_refers_to_are_collected_after_a_day() -> None:
    """Those of a mail that was refused after its first file was kept, for one."""
    intake = Intake()
    intake.files.now = intake.clock.now()
    left = await intake.files.put(tenant=TENANT, content=b"left over")
    collecting = Collecting(intake.files, clock=intake.clock)
    await intake.clock.advance(86_400)
    await collecting.sweep()
    assert await intake.files.read(tenant=TENANT, file=left.id) == b"left over"
    await intake.clock.advance(1)
    await collecting.sweep()
    assert await intake.files.read(tenant=TENANT, file=left.id) is None
