"""Roads for the end-to-end tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from tests.support.demo import Demo
from tests.support.road import Process, Road
from tests.support.servers import KafkaServer, QdrantServer


@pytest.fixture
async def started() -> AsyncIterator[Callable[[Process], object]]:
    """`await started(process)` starts a process; what still runs at the test's end is ended."""
    async with AsyncExitStack() as stack:

        async def start(process: Process) -> Process:
            stack.push_async_callback(process.stop)
            await process.start()
            return process

        yield start


@pytest.fixture(autouse=True)
async def end_demos() -> AsyncIterator[None]:
    yield
    while Demo.started:
        await Demo.started.pop().kill()


@pytest.fixture
def make_road(
    kafka: KafkaServer, qdrant: QdrantServer, model_folder: object, log_name: Callable[[str], str]
) -> Callable[..., Road]:
    """A road over the shared servers; keyword arguments are settings by their variables, but for the module."""

    def make(*, module: str = "freshet", **settings: str) -> Road:
        return Road(
            bootstrap=kafka.bootstrap,
            qdrant_url=qdrant.url,
            qdrant_key=qdrant.api_key,
            log_name=log_name,
            settings=settings,
            module=module,
        )

    return make


@pytest.fixture
def road(make_road: Callable[..., Road]) -> Road:
    return make_road()
