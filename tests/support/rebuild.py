"""An index with a live version, and another one that is built beside it while events keep coming."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from qdrant_client import AsyncQdrantClient

from freshet.local.processes import ChildProcess
from freshet.schemas.keys import ledger_id
from freshet.search.index.base import VersionInfo
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.qdrant.writer import QdrantWriter
from tests.support.road import Road

SENTENCES = "Penguins huddle together in the antarctic winter. Their feathers keep the wind off. "
WINDOWS = {"live": {"FRESHET_EMBEDDING__WINDOW": "64"}, "new": {"FRESHET_EMBEDDING__WINDOW": "32"}}
DOCUMENTS = 60


def document(number: int, edition: int = 0) -> dict[str, str]:
    """Every other one fits both windows whole, the rest is cut in other places by each."""
    text = f"Penguin {number}.{edition} dives. " + (SENTENCES * 3 if number % 2 else "")
    return {"type": "upsert", "id": f"d{number}", "text": text}


class Rebuild:
    """An index with a live version, and another one that the settings of `new` describe."""

    def __init__(self, road: Road, versions: QdrantVersions, client: AsyncQdrantClient) -> None:
        self.road = road
        self.versions = versions
        self._client = client
        self.published = 0

    async def publish(self, *events: dict[str, str]) -> None:
        async with self.road.publisher() as publisher:
            await publisher.publish_many(events)
        self.published += len(events)

    @asynccontextmanager
    async def steady_stream(self) -> AsyncIterator[None]:
        """Editions of documents, again and again while the block lasts."""

        async def publish() -> None:
            edition = 1
            while True:
                await self.publish(*(document(number, edition) for number in range(5)))
                edition += 1
                await asyncio.sleep(0.5)

        task = asyncio.create_task(publish())
        try:
            yield
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def info(self, which: str) -> VersionInfo:
        """What is recorded with the live version, or with the other one."""
        live = await self.versions.live()
        names = [name for name in await self.versions.names() if (name == live) == (which == "live")]
        found = await self.versions.describe(names[0]) if names else None
        assert found is not None, f"there is no {which} version yet"
        return found

    async def built(self) -> int:
        """How many documents the version that is built has."""
        return len(await (await self._index()).ledger([f"d{number}" for number in range(DOCUMENTS)]))

    async def text(self, number: int) -> str:
        """That of a document that nobody changes now, in the version that is built."""
        index = await self._index()
        record = (await index.ledger([f"d{number}"]))[f"d{number}"]
        passages = await index.passages(record.passages)
        return "".join(passages[name].text for name in record.passages if name in passages)

    async def _index(self) -> QdrantWriter:
        info = await self.info("new")
        return QdrantWriter(self._client, collection=info.name, dimension=info.dimension)

    async def lose(self, number: int) -> None:
        """Take a document away from the live version, behind everybody's back."""
        await self._client.delete((await self.info("live")).name, [ledger_id(f"d{number}")], wait=True)

    async def command(self, *arguments: str, which: str = "new") -> tuple[int, str]:
        return await self.road.command(*arguments, environment=WINDOWS[which])

    async def tell(self, *arguments: str) -> None:
        code, output = await self.command("replay", *arguments)
        assert code == 0, output

    async def equals_the_log(self, which: str) -> None:
        code, output = await self.command("verify", "--json", which=which)
        assert (code, json.loads(output)["differences"]) == (0, {}), output


def told(process: ChildProcess, event: str) -> list[dict[str, Any]]:
    """Lines of JSON that a build has printed of an event."""
    lines = process.log.read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [each for each in found if each["event"] == event]


def held(process: ChildProcess) -> object:
    progress = told(process, "progress")
    return progress[-1]["held"] if progress else None


def assigned(process: ChildProcess) -> int:
    return process.log.read_text().count("assigned partitions")


@asynccontextmanager
async def rebuild(road: Road) -> AsyncIterator[Rebuild]:
    client = connect(road.environment["FRESHET_QDRANT__URL"], api_key=road.environment.get("FRESHET_QDRANT__API_KEY"))
    try:
        yield Rebuild(road, QdrantVersions(client, index=road.environment["FRESHET_INDEX"]), client)
    finally:
        await client.close()
