"""What benchmarks do with the local parts: publish, and wait until all of it is indexed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from benchmarks.corpus import Event
from freshet.cli.output import warn
from freshet.cli.progress import progress_bar
from freshet.local.processes import free_port
from freshet.local.stack import LocalStack
from freshet.schemas.errors import FreshetError
from freshet.schemas.topics import Topics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.publisher import Publisher

TOPIC = Topics().documents
POLL_SECONDS = 0.25  # asking costs some milliseconds on the machine that is measured
WINDOW = 500


@dataclass(frozen=True)
class Given:
    """What every benchmark gets: Kafka's class path, a folder for its data, the corpus, how many documents to index.

    `source` is the folder that the corpus was read from, None for the standard library.
    """

    jars: Sequence[Path]
    folder: Path
    corpus: list[Event]
    documents: int
    source: Path | None = None


@dataclass(frozen=True)
class Log:
    """The documents topic of a running stack."""

    stack: LocalStack
    publisher: Publisher
    offsets: KafkaOffsets
    connection: KafkaConnection

    async def publish(self, events: Sequence[Event]) -> None:
        with progress_bar("publishing", len(events)) as advance:
            for start in range(0, len(events), WINDOW):
                advance(len(await self.publisher.publish_many(events[start : start + WINDOW])))

    async def until_indexed(self) -> None:
        """Return when the worker has committed everything."""
        group = await self.group()
        total = behind = await self._behind(group)
        with progress_bar("indexing", total) as advance:
            while behind:
                await asyncio.sleep(POLL_SECONDS)
                before, behind = behind, await self._behind(group)
                advance(before - behind)

    async def group(self) -> str:
        """The worker's consumer group."""
        return next(each for each in await self.offsets.groups() if each.startswith("freshet.documents."))

    async def _behind(self, group: str) -> int:
        return sum(each.end - each.next for each in await self.offsets.positions(TOPIC, group))


def new_stack(given: Given, name: str, *, search: Mapping[str, str] | None = None) -> LocalStack:
    """Local parts that have nothing in them; `search` are further settings of the service."""
    return LocalStack(folder=given.folder / name, jars=given.jars, port=free_port(), search=search)


@asynccontextmanager
async def log_of(stack: LocalStack) -> AsyncIterator[Log]:
    connection = KafkaConnection(stack.kafka.bootstrap, client_id="freshet-benchmark")
    async with Publisher(stack.kafka.bootstrap) as publisher, KafkaOffsets(connection) as offsets:
        yield Log(stack, publisher, offsets, connection)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for data and logs; kept where something failed, for the logs' sake."""
    folder = Path(mkdtemp(prefix="freshet-benchmark-"))
    try:
        yield folder
    except FreshetError:
        warn(f"data and logs are kept in {folder}")
        raise
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    rmtree(folder, ignore_errors=True)
