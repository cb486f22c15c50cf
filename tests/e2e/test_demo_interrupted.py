"""Ctrl-C, whenever it comes, ends the demo in peace, and the next start goes on from there."""

import asyncio
import random
import sys
import time
from pathlib import Path

import pytest

from freshet.local.asking import ask
from freshet.local.stdlib_docs import stdlib_docs
from tests.support.demo import Demo, expect_nothing_left, index_facts, worker_metrics
from tests.support.scale import count
from tests.support.waiting import wait_until

MODULES = ["json", "csv", "random"]
START = ("--modules", ",".join(MODULES))
MOMENTS = max(3, count(10))

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_ctrl_c_at_random_moments_leaves_nothing_running_and_an_index_that_the_next_start_takes_up(
    tmp_path, data
):
    seed = random.randrange(10**6)
    sys.stdout.write(f"the moments come from seed {seed}\n")  # shown when it fails
    span = await seconds_from_lock_to_indexed(Demo(tmp_path / "measured", tmp_path / "other"), tmp_path / "other")
    choose = random.Random(seed)
    for number in range(MOMENTS):
        # One in each stretch of the span, so that every run meets the format, the starts and the indexing.
        moment = span * (number + choose.random()) / MOMENTS
        sys.stdout.write(f"interrupted {moment:.2f} s after the lock, of {span:.2f} s\n")
        await interrupt_after(moment, Demo(tmp_path / f"{number}", data), data)
    await start_until_all_is_right(Demo(tmp_path / "last", data))
    await expect_that_a_start_embeds_nothing(Demo(tmp_path / "again", data), data)


async def test_after_a_kill_and_after_a_second_ctrl_c_nothing_runs_and_the_next_start_is_fine(tmp_path, data):
    killed = Demo(tmp_path / "killed", data)
    await killed.start(*START)
    await killed.serving()
    await killed.kill()
    await nothing_is_left(data)

    impatient = Demo(tmp_path / "impatient", data)
    await impatient.start(*START)
    await impatient.serving()
    impatient.interrupt()
    await impatient.until(lambda: "stopping…" in impatient.err.read_text(), "it stops")
    impatient.interrupt()
    assert await impatient.end() == 130
    assert "Traceback" not in impatient.err.read_text()
    await nothing_is_left(data)

    await start_until_all_is_right(Demo(tmp_path / "next", data))


async def seconds_from_lock_to_indexed(demo: Demo, data: Path) -> float:
    await demo.start(*START)
    await demo.holds(data / "demo" / "lock")
    began = time.monotonic()
    await demo.until(lambda: "\nindexed " in demo.err.read_text(), "everything is indexed")
    span = time.monotonic() - began
    demo.interrupt()
    assert await demo.end() == 0
    return span


async def interrupt_after(seconds: float, demo: Demo, data: Path) -> None:
    await demo.start(*START)
    await demo.holds(data / "demo" / "lock")
    await asyncio.sleep(seconds)  # the moment itself
    demo.interrupt()
    assert await demo.end() == (0 if demo.address else 130), demo.err.read_text()
    said = demo.err.read_text()
    assert said.splitlines().count("stopping…") == 1, said
    assert "Traceback" not in said
    expect_nothing_left(data)
    strays = [*demo.scratch.iterdir(), *(data / "demo").glob("*.new"), *(data / "demo").glob("tmp")]
    assert not strays


async def start_until_all_is_right(demo: Demo) -> None:
    docs = await asyncio.to_thread(stdlib_docs, MODULES)
    await demo.start(*START)
    url = await demo.serving()

    async def is_complete() -> bool:
        return (await index_facts(url)).get("documents") == len(docs)

    await demo.until(is_complete, "every document is there")
    for doc in docs:
        found = [result.id for result in (await ask(url, f"{doc.id} {doc.text[:200]}")).results]
        assert doc.id in found
        assert len(found) == len(set(found))
    assert len(docs) == (await index_facts(url))["documents"]
    demo.interrupt()
    assert await demo.end() == 0


async def expect_that_a_start_embeds_nothing(demo: Demo, data: Path) -> None:
    await demo.start(*START)
    await demo.until(lambda: "\nready:" in demo.err.read_text(), "the worker is ready")
    docs = await asyncio.to_thread(stdlib_docs, MODULES)
    assert (await index_facts(await demo.serving()))["documents"] == len(docs)
    metrics = await worker_metrics(data)
    assert "embedding_cache_misses_total 0.0" in metrics
    assert "freshet_embedding_tokens_total{" not in metrics
    demo.interrupt()
    assert await demo.end() == 0


async def nothing_is_left(data: Path) -> None:
    """The system needs a moment to kill the children of who was killed."""

    def check() -> bool:
        expect_nothing_left(data)
        return True

    await wait_until(check, "nothing runs any more")
