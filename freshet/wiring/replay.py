"""A process that builds an index version beside the live one, and the orders that such processes are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from freshet.schemas.errors import MisfitError
from freshet.schemas.topics import Topics
from freshet.search.embedding.base import Embedder
from freshet.search.index.base import IndexVersions, VersionInfo
from freshet.search.index.facts import LIMIT, State, state_of
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.settings import Settings
from freshet.streams.pace import Throttle
from freshet.wiring.building import Build
from freshet.wiring.mode import building
from freshet.wiring.parts import load_model, qdrant_client
from freshet.wiring.versions import index_versions, named
from freshet.wiring.worker import WorkerProcess, worker_process


@dataclass(frozen=True)
class ReplayProcess:
    """A worker of the version that is built, and what is seen of its build."""

    worker: WorkerProcess
    build: Build


@asynccontextmanager
async def replay_process(
    settings: Settings, *, limit: float | None = None, load: Callable[[Settings], Embedder] = load_model
) -> AsyncIterator[ReplayProcess]:
    """Make the version that the settings describe beside the live one, or go on with it.

    A `limit` in events per second is recorded with the version. Raises as `worker_process` does, and MisfitError where
    nothing is live or the version is.
    """
    throttle, since = Throttle(), datetime.now(UTC).replace(microsecond=0)
    async with AsyncExitStack() as stack:
        mode = building(settings, throttle)
        process = await stack.enter_async_context(worker_process(settings, mode=mode, load=load))
        client = qdrant_client(settings, stack)
        versions, name = QdrantVersions(client, index=settings.index), process.followed.info.name
        if limit is not None:
            await versions.record(name, {LIMIT: limit})
        await process.followed.look()
        build = Build(
            index=settings.index,
            topics=Topics(settings.topics.documents),
            process=process,
            versions=versions,
            reader=QdrantReader(client, collection=name),
            yield_seconds=settings.replay.yield_seconds,
            since=since,
        )
        throttle.obey(build.orders)
        task = asyncio.create_task(build.run())
        stack.callback(task.cancel)
        yield ReplayProcess(process, build)


async def order(settings: Settings, version: str | None, facts: Mapping[str, Any]) -> str:
    """Record orders with a version that is built, by its name or fingerprint; its name.

    Without one it is the only one that is built. Raises MisfitError where there is none, or not only one, or it is
    live, and NoSuchVersionError.
    """
    async with index_versions(settings) as (_, versions):
        name = await _chosen(versions, settings.index, version)
        await versions.record(name, facts)
        return name


async def _chosen(versions: IndexVersions, index: str, given: str | None) -> str:
    names, live = await versions.names(), await versions.live()
    if given is None:
        return await _only_one(versions, index, names, live)
    name = named(index, names, given)
    if name == live:
        raise MisfitError(f"{name} is live, and that is never held back")
    return name


async def _only_one(versions: IndexVersions, index: str, names: list[str], live_name: str | None) -> str:
    infos = {name: info for name in names if (info := await versions.describe(name)) is not None}
    live: VersionInfo | None = infos.get(live_name or "")
    built = [info.name for info in infos.values() if state_of(info, live) in (State.BUILDING, State.READY)]
    if not built:
        raise MisfitError(f"no version of the index {index!r} is being built; begin one with: freshet replay run")
    if len(built) > 1:
        raise MisfitError(f"several versions are not live; name one of them: {', '.join(built)}")
    return built[0]
