from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from freshet.schemas.errors import DeniedError, PermanentError, TransientError
from freshet.search.index.records import LedgerRecord
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.watching import LOOK_SECONDS, Facts, IndexWatch
from tests.support.waiting import wait_until
from tests.unit.search.http.world import VERSION, MemoryReader, Versions, WordEmbedder


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Time:
    """A clock that moves when a test says so. `sleepers` are those who sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleepers: list[asyncio.Future[None]] = []

    async def sleep(self, seconds: float) -> None:
        assert seconds == LOOK_SECONDS
        sleeper = asyncio.get_running_loop().create_future()
        self.sleepers.append(sleeper)
        try:
            await sleeper
        except asyncio.CancelledError:
            self.sleepers.remove(sleeper)
            raise

    async def pass_to_next_look(self) -> None:
        await wait_until(lambda: self.sleepers, "somebody waits for the next look")
        self.now += LOOK_SECONDS
        awake, self.sleepers = self.sleepers, []
        for sleeper in awake:
            sleeper.set_result(None)


class CountingReader(MemoryReader):
    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        self.looks += 1
        return await super().newest(tenant=tenant)


class Watched:
    """An index of one document, a watch over it, and their time."""

    def __init__(self) -> None:
        self.time, self.reader, self.versions = Time(), CountingReader(), Versions()
        self.reader.put("a", "text", searchable_at=10.5, event_time=10.0)
        live = LiveIndex(
            versions=self.versions, open_version=lambda info: LiveVersion.of(info, self.reader, WordEmbedder())
        )
        self.watch = IndexWatch(name="documents", index=live, clock=lambda: self.time.now, sleep=self.time.sleep)

    def wait(
        self, after: float | None = 10.5, *, seconds: float = 60, tenant: str | None = None
    ) -> asyncio.Task[Facts]:
        given = None if after is None else moment(after)
        return asyncio.create_task(self.watch.facts(after=given, seconds=seconds, tenant=tenant))

    async def waiting(self, count: int, after: float = 10.5) -> list[asyncio.Task[Facts]]:
        """So many who wait, each after its own first look."""
        before = self.reader.looks
        tasks = [self.wait(after) for _ in range(count)]
        await wait_until(lambda: self.reader.looks == before + count and self.time.sleepers, "all wait")
        return tasks


async def answer(waiting: asyncio.Task[Facts]) -> Facts:
    return await asyncio.wait_for(waiting, 30)


@pytest.fixture
def watched() -> Watched:
    return Watched()


async def test_the_facts_tell_the_index_its_version_its_documents_and_how_fresh_they_are(watched):
    watched.reader.put("b", "text", searchable_at=30.25, event_time=20.0)
    assert await watched.watch.facts() == Facts("documents", VERSION, 2, moment(20.0), moment(30.25))


async def test_the_end_of_a_document_is_the_newest_state_too_and_no_document(watched):
    watched.reader.put("a", searchable_at=12.0, event_time=11.0, deleted=True)
    assert await watched.watch.facts() == Facts("documents", VERSION, 0, moment(11.0), moment(12.0))


async def test_an_empty_index_has_no_times(watched):
    watched.reader.records.clear()
    assert await watched.watch.facts() == Facts("documents", VERSION, 0, None, None)


async def test_an_event_of_a_time_that_no_calendar_has_does_not_hide_the_index(watched):
    watched.reader.put("b", "text", searchable_at=11.0, event_time=1e15)
    assert await watched.watch.facts() == Facts("documents", VERSION, 2, None, moment(11.0))


async def test_who_does_not_wait_is_answered_at_once(watched):
    assert (await watched.watch.facts(after=moment(10.5))).changed_at == moment(10.5)
    assert watched.reader.looks == 1


@pytest.mark.parametrize("after", [None, 10.499999, 11.0])
async def test_who_knows_another_state_is_answered_at_once(watched, after):
    assert (await watched.wait(after)).changed_at == moment(10.5)
    assert not watched.time.sleepers


async def test_who_waits_is_answered_when_the_index_changes_and_not_before(watched):
    [waiting] = await watched.waiting(1)
    await watched.time.pass_to_next_look()
    await wait_until(lambda: watched.reader.looks == 2 and watched.time.sleepers, "it goes on waiting")
    watched.reader.put("b", "text", searchable_at=20.0)
    await watched.time.pass_to_next_look()
    facts = await answer(waiting)
    assert (facts.documents, facts.changed_at) == (2, moment(20.0))


async def test_who_looks_at_an_empty_index_can_wait_for_the_first_document(watched):
    watched.reader.records.clear()
    waiting = watched.wait(None)
    await wait_until(lambda: watched.time.sleepers, "it waits")
    watched.reader.put("first", "text", searchable_at=1.0)
    await watched.time.pass_to_next_look()
    assert (await answer(waiting)).documents == 1


async def test_when_the_time_is_up_the_facts_are_as_they_were(watched):
    waiting = watched.wait(seconds=3 * LOOK_SECONDS)
    for _ in range(3):
        assert not waiting.done()
        await watched.time.pass_to_next_look()
    assert (await answer(waiting)).changed_at == moment(10.5)
    assert watched.time.now == pytest.approx(3 * LOOK_SECONDS)


async def test_however_many_wait_the_index_is_looked_at_once_a_round(watched):
    tasks = await watched.waiting(100)
    for _ in range(2):
        looks = watched.reader.looks
        await watched.time.pass_to_next_look()
        await wait_until(lambda: watched.time.sleepers, "all go on waiting")
        assert (len(watched.time.sleepers), watched.reader.looks) == (1, looks + 1)
    watched.reader.put("b", "text", searchable_at=20.0)
    await watched.time.pass_to_next_look()
    assert {facts.changed_at for facts in await asyncio.gather(*tasks)} == {moment(20.0)}
    assert watched.reader.looks == 103


async def test_a_change_between_the_first_look_of_one_and_of_another_is_missed_by_neither(watched):
    [early] = await watched.waiting(1)
    watched.reader.put("b", "text", searchable_at=20.0)
    [late] = await watched.waiting(1, after=20.0)
    await watched.time.pass_to_next_look()
    assert (await answer(early)).changed_at == moment(20.0)
    watched.reader.put("c", "text", searchable_at=30.0)
    await watched.time.pass_to_next_look()
    assert (await answer(late)).changed_at == moment(30.0)


async def test_another_live_version_is_a_change_even_with_the_same_newest_state(watched):
    [waiting] = await watched.waiting(1)
    await watched.versions.make_live("documents__next")
    await watched.time.pass_to_next_look()
    facts = await answer(waiting)
    assert (facts.version, facts.changed_at) == ("documents__next", moment(10.5))


async def test_nobody_looks_once_all_have_gone(watched):
    tasks = await watched.waiting(3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await wait_until(lambda: not watched.time.sleepers, "the look is called off")
    assert watched.reader.looks == 3
    [again] = await watched.waiting(1)
    watched.reader.put("b", "text", searchable_at=20.0)
    await watched.time.pass_to_next_look()
    assert (await answer(again)).changed_at == moment(20.0)


async def test_who_goes_does_not_disturb_who_stays(watched):
    leaving, staying = await watched.waiting(2)
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    watched.reader.put("b", "text", searchable_at=20.0)
    await watched.time.pass_to_next_look()
    assert (await answer(staying)).changed_at == moment(20.0)


async def test_who_comes_as_the_last_one_goes_is_answered(watched):
    [leaving] = await watched.waiting(1)
    leaving.cancel()
    coming = watched.wait()
    await wait_until(lambda: watched.reader.looks == 2 and leaving.done() and watched.time.sleepers, "it waits")
    watched.reader.put("b", "text", searchable_at=20.0)
    await watched.time.pass_to_next_look()
    assert (await answer(coming)).changed_at == moment(20.0)


async def test_an_error_of_the_index_reaches_all_who_wait_and_none_who_come_later(watched):
    tasks = await watched.waiting(3)
    watched.reader.failure = TransientError("read", "the index is away")
    await watched.time.pass_to_next_look()
    for task in tasks:
        with pytest.raises(TransientError, match="away"):
            await task
    watched.reader.failure = None
    [again] = await watched.waiting(1)
    watched.reader.put("b", "text", searchable_at=20.0)
    await watched.time.pass_to_next_look()
    assert (await answer(again)).changed_at == moment(20.0)


async def test_a_version_that_cannot_tell_its_newest_state_still_tells_its_documents(watched):
    watched.reader.failure = PermanentError("read the newest ledger record", "no range index")
    assert await watched.watch.facts() == Facts("documents", VERSION, 1, None, None)


async def test_a_missing_right_is_told_and_not_taken_for_an_empty_index(watched):
    watched.reader.failure = DeniedError("read the newest ledger record", "401")
    with pytest.raises(DeniedError):
        await watched.watch.facts()


async def test_at_the_end_of_the_service_nobody_goes_on_waiting(watched):
    tasks = await watched.waiting(2)
    watched.watch.end()
    await watched.time.pass_to_next_look()
    assert {facts.changed_at for facts in await asyncio.gather(*tasks)} == {moment(10.5)}
    assert (await watched.wait()).changed_at == moment(10.5)


async def test_a_tenant_is_told_of_its_own_documents_alone(watched):
    watched.reader.put("b", "text", tenant="acme", searchable_at=20.0, event_time=19.0)
    watched.reader.put("c", "text", tenant="globex", searchable_at=30.0, event_time=29.0)
    assert await watched.watch.facts(tenant="acme") == Facts("documents", VERSION, 1, moment(19.0), moment(20.0))
    assert await watched.watch.facts(tenant="nosuch") == Facts("documents", VERSION, 0, None, None)


async def test_who_waits_for_a_tenant_goes_on_waiting_while_others_change_and_is_answered_when_it_does(watched):
    watched.reader.put("b", "text", tenant="acme", searchable_at=20.0)
    waiting = watched.wait(20.0, tenant="acme")
    await wait_until(lambda: watched.time.sleepers, "it waits")
    watched.reader.put("c", "text", tenant="globex", searchable_at=30.0)
    await watched.time.pass_to_next_look()
    await wait_until(lambda: watched.time.sleepers, "it goes on waiting")
    watched.reader.put("d", "text", tenant="acme", searchable_at=40.0)
    await watched.time.pass_to_next_look()
    facts = await answer(waiting)
    assert (facts.documents, facts.changed_at) == (2, moment(40.0))


async def test_however_many_tenants_wait_the_index_is_looked_at_once_while_nothing_changes(watched):
    tasks = [watched.wait(None, tenant=f"tenant-{number}") for number in range(20)]
    await wait_until(lambda: watched.reader.looks == 40 and watched.time.sleepers, "all wait")
    for looks in (41, 42):
        await watched.time.pass_to_next_look()
        await wait_until(lambda: watched.time.sleepers, "all wait for the next look")
        assert watched.reader.looks == looks
    watched.versions.name = "documents__def"
    await watched.time.pass_to_next_look()
    assert {(await answer(task)).version for task in tasks} == {"documents__def"}
