"""Fetching: files that lie with the vendor through which a message came are brought in.

After the message is there, and apart from it: a file that cannot be had does not keep its message.
A file that is given up says why. Doing it again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.intake.domain.fetches import ATTEMPTS_MAX, Fetch, is_waiting, pause
from services.intake.domain.files import FileRef, file_limits
from services.intake.domain.messages import Message
from services.intake.domain.normal import File
from services.intake.domain.text import shortened
from services.intake.doors import DOORS, Door, Setup
from services.intake.doors.chat.fetching import NotFetched
from services.intake.handlers.callers import SetupInvalid, setup_of
from services.intake.ports import Fetched, Fetcher, FetchStore, FileStore, IntakeStore, NotFetchable
from shared.clock import Clock
from shared.configuration import Configurations
from shared.kernel import Infrastructure
from shared.log import Log

CALLS_MAX = 4
"""Vendors ask for two or three calls for one file."""
REASON_MAX = 200
ITEMS_MAX = 20
UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})


@dataclass(frozen=True, slots=True)
class _Source:
    """With what a file is fetched."""

    door: Door
    setup: Setup
    bytes_max: int


class Fetching:
    """Fetches what is due."""

    def __init__(
        self,
        *,
        queue: FetchStore,
        rows: IntakeStore,
        files: FileStore,
        fetcher: Fetcher,
        configurations: Configurations,
        clock: Clock,
        log: Log,
    ) -> None:
        self._queue = queue
        self._rows = rows
        self._files = files
        self._fetcher = fetcher
        self._configurations = configurations
        self._clock = clock
        self._log = log

    async def sweep(self) -> bool:
        """Fetch what is due; return whether there may be more at once.

        Raises:
            Infrastructure: our own store does not answer.
        """
        due = await self._queue.due_fetches(now=self._clock.now(), limit=ITEMS_MAX)
        found = await self._rows.messages([fetch.message for fetch in due])
        for fetch in due:
            # First of all, so that another process leaves it alone for a while.
            until = self._clock.now() + pause(fetch.attempts)
            await self._queue.put_off_fetch(fetch, until=until)
            message = found.get(fetch.message)
            last = fetch.attempts + 1 >= ATTEMPTS_MAX
            if message is None:
                settled = last
            else:
                settled = await self._fetch(fetch, message, last=last)
            if settled:
                await self._queue.end_fetch(fetch)
        return len(due) == ITEMS_MAX

    async def _fetch(self, fetch: Fetch, message: Message, *, last: bool) -> bool:
        """Fetch the files of a message; return whether all of them are there or given up."""
        settled = True
        for position, file in enumerate(message.files):
            if not is_waiting(file) or file.url is None:
                continue
            outcome = await self._outcome(fetch, file, last=last)
            if outcome is None:
                settled = False
                continue
            await self._queue.settle_file(fetch, position=position, url=file.url, file=outcome)
        return settled

    async def _outcome(self, fetch: Fetch, file: FileRef, *, last: bool) -> FileRef | None:
        """Return a file as it is now; None where it is to be tried again."""
        try:
            source = self._source(fetch.tenant, file.by or "")
            fetched = await self._bytes(file, source)
        except (NotFetchable, NotFetched) as error:
            return _given_up(file, str(error))
        except (Infrastructure, SetupInvalid) as error:
            self._log.warning(
                "file_not_fetched", message=fetch.message, attempts=fetch.attempts, error=str(error)
            )
            return _given_up(file, str(error)) if last else None
        stored = await self._files.put(tenant=fetch.tenant, content=fetched.content)
        told = fetched.media_type
        return file.model_copy(
            update={
                "id": stored.id,
                "size": stored.size,
                "sha256": stored.sha256,
                "media_type": file.media_type if told in UNKNOWN_TYPES else told[:127],
                "url": None,
                "by": None,
            }
        )

    def _source(self, tenant: str, name: str) -> _Source:
        """Return with what an integration fetches files.

        Raises:
            NotFetchable: it is not there any more, or its door fetches none.
            SetupInvalid: a secret of it is not to be had.
        """
        configuration = self._configurations.current(tenant)
        found = [i for i in configuration.integrations.integrations if i.name == name]
        door = DOORS.get(found[0].door) if found else None
        if door is None or door.download is None:
            raise NotFetchable(f"the integration {name!r} fetches no files")
        limits = file_limits(configuration, found[0])
        return _Source(door, setup_of(found[0], door), limits.file_bytes_max)

    async def _bytes(self, file: FileRef, source: _Source) -> Fetched:
        """Make the calls that a file needs; return what the last one answered."""
        asked = File(name=file.name, media_type=file.media_type, size=file.size, url=file.url)
        if file.size is not None and file.size > source.bytes_max:
            raise NotFetchable(f"{file.size} bytes, and at most {source.bytes_max} are taken")
        answers: list[bytes] = []
        download = source.door.download
        while download is not None and len(answers) < CALLS_MAX:
            call = download(asked, source.setup, answers)
            fetched = await self._fetcher.get(
                call.url,
                method=call.method,
                headers=call.headers,
                body=call.body,
                hosts=source.door.file_hosts,
                bytes_max=source.bytes_max,
            )
            if call.last:
                return fetched
            answers.append(fetched.content)
        message = "the vendor asks for too many calls"
        raise NotFetchable(message)


def _given_up(file: FileRef, reason: str) -> FileRef:
    shown = shortened(reason, characters_max=REASON_MAX) or "unknown"
    return file.model_copy(update={"failed": shown})
