"""No more searches than there are places, first come, first served, and no answer that comes too late."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from freshet.search.load import Admission, Shed, ShedError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Seen:
    """What the admission tells."""

    def __init__(self) -> None:
        self.inside = 0
        self.waits: list[float] = []

    def entered(self, waited: float) -> None:
        self.inside += 1
        self.waits.append(waited)

    def left(self) -> None:
        self.inside -= 1


class House:
    """An admission, and guests that stay until they are told to go; `order` is that in which they came in."""

    def __init__(self, *, places: int = 1, seconds: float = 60) -> None:
        self.clock, self.seen, self.order = Clock(), Seen(), list[int]()
        self.admission = Admission(places=places, seconds=seconds, observer=self.seen, clock=self.clock)
        self.doors: dict[int, asyncio.Event] = {}

    def arrive(self, number: int, **given: Any) -> asyncio.Task[None]:
        self.doors[number] = asyncio.Event()
        return asyncio.get_running_loop().create_task(self._stay(number, given))

    async def _stay(self, number: int, given: dict[str, Any]) -> None:
        async with self.admission.enter(**given):
            self.order.append(number)
            await self.doors[number].wait()

    async def stays(self, seconds: float) -> None:
        """Let one stay so long, so that it is known how long one stays."""
        guest = self.arrive(-1)
        await turns()
        self.clock.now += seconds
        self.doors[-1].set()
        await guest
        self.order.remove(-1)


async def turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def send_away(*guests: asyncio.Task[None]) -> None:
    for guest in guests:
        guest.cancel()
    await asyncio.gather(*guests, return_exceptions=True)


async def test_whoever_finds_a_place_does_not_wait_and_others_come_in_as_they_came():
    house = House(places=2)
    guests = [house.arrive(number) for number in range(4)]
    await turns()
    assert (house.order, house.admission.working, house.admission.waiting) == ([0, 1], 2, 2)
    house.clock.now += 3
    house.doors[1].set()
    await turns()
    assert house.order == [0, 1, 2]
    assert house.seen.waits == [0, 0, 3]
    for door in house.doors.values():
        door.set()
    await asyncio.gather(*guests)
    assert (house.order, house.admission.working, house.seen.inside) == ([0, 1, 2, 3], 0, 0)


async def test_who_gives_up_waiting_frees_the_place_in_the_queue_at_once():
    house = House()
    guests = [house.arrive(number) for number in range(3)]
    await turns()
    guests[1].cancel()
    await turns()
    assert house.admission.waiting == 1
    house.doors[0].set()
    await turns()
    assert house.order == [0, 2]
    guests[2].cancel()
    await turns()
    assert house.admission.working == 0


async def test_a_place_that_is_handed_to_one_who_gives_up_in_that_moment_goes_to_the_next():
    house = House()
    guests = [house.arrive(number) for number in range(3)]
    await turns()
    guests[0].cancel()
    await asyncio.sleep(0)
    assert not guests[1].done()
    guests[1].cancel()
    await turns()
    assert house.order == [0, 2]
    guests[2].cancel()
    await turns()
    assert house.admission.working == 0


async def test_who_would_wait_too_long_is_sent_away_at_once_with_the_time_after_which_it_will_work():
    house = House(seconds=5)
    await house.stays(2)
    guests = [house.arrive(number) for number in range(3)]
    await turns()
    with pytest.raises(ShedError) as caught:
        await house.arrive(3)
    assert caught.value.reason is Shed.NO_CHANCE
    assert caught.value.retry_after == 6
    assert house.admission.waiting == 2
    await send_away(*guests)


async def test_who_could_not_be_answered_before_its_own_deadline_is_sent_away():
    house = House(seconds=60)
    await house.stays(2)
    first = house.arrive(0)
    await turns()
    with pytest.raises(ShedError) as caught:
        await house.arrive(1, seconds_left=3.9)
    assert caught.value.reason is Shed.NO_CHANCE
    second = house.arrive(2, seconds_left=4.1)
    await turns()
    assert house.admission.waiting == 1
    await send_away(first, second)


async def test_while_nothing_is_known_of_how_long_searches_take_the_queue_has_an_end():
    house = House(places=2)
    guests = [house.arrive(number) for number in range(2 + 8)]
    await turns()
    with pytest.raises(ShedError) as caught:
        await house.arrive(10)
    assert caught.value.reason is Shed.QUEUE_FULL
    await send_away(*guests)


async def test_whose_turn_does_not_come_in_time_is_sent_away():
    house = House(seconds=0.01)
    first = house.arrive(0)
    await turns()
    with pytest.raises(ShedError) as caught:
        await house.arrive(1)
    assert caught.value.reason is Shed.TOO_LATE
    assert (house.admission.working, house.admission.waiting) == (1, 0)
    house.doors[0].set()
    await first
    assert house.admission.working == 0


async def test_a_search_that_fails_gives_its_place_back():
    house = House()
    with pytest.raises(RuntimeError):
        async with house.admission.enter():
            raise RuntimeError
    assert (house.admission.working, house.seen.inside) == (0, 0)


async def test_after_slow_times_it_takes_in_as_many_as_before():
    house = House(seconds=5)
    await house.stays(100)
    for _ in range(60):
        await house.stays(0.1)
    guests = [house.arrive(number) for number in range(4)]
    await turns()
    assert house.admission.waiting == 3
    await send_away(*guests)


class Coming(RuleBasedStateMachine):
    """Guests come, go, give up and wait in any order; of the queue a list is kept that must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.places = 3
        self.house = House(places=self.places, seconds=1e6)
        self.guests: dict[int, asyncio.Task[None]] = {}
        self.inside: list[int] = []
        self.queue: deque[int] = deque()
        self.number = 0

    def run(self, *steps: Any, settle: bool = True) -> None:
        async def go() -> None:
            for step in steps:
                step()
            if settle:
                await turns()

        self.loop.run_until_complete(go())

    def take_in(self) -> None:
        while self.queue and len(self.inside) < self.places:
            self.inside.append(self.queue.popleft())

    @rule()
    def arrive(self) -> None:
        self.number += 1
        full = len(self.inside) == self.places
        if full and len(self.queue) == 4 * self.places:
            self.run(self.come)
            guest = self.guests.pop(self.number)
            assert isinstance(guest.exception(), ShedError)
            return
        self.run(self.come)
        (self.queue if full else self.inside).append(self.number)

    def come(self) -> None:
        self.guests[self.number] = self.house.arrive(self.number)

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.inside))
        self.run(self.house.doors[number].set)
        self.inside.remove(number)
        self.take_in()

    @precondition(lambda self: self.inside or self.queue)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([*self.inside, *self.queue]))
        self.run(self.guests[number].cancel)
        (self.inside if number in self.inside else self.queue).remove(number)
        self.take_in()

    @precondition(lambda self: self.inside and self.queue)
    @rule(data=st.data())
    def leave_while_the_next_gives_up(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.inside))
        following = self.queue.popleft()
        steps = [self.house.doors[number].set, self.guests[following].cancel]
        self.run(*data.draw(st.permutations(steps)))
        self.inside.remove(number)
        self.take_in()

    @precondition(lambda self: self.inside)
    @rule(turn=st.integers(1, 3))
    def the_next_gives_up_some_turns_after_a_place_came_free(self, turn: int) -> None:
        number, following = self.inside[0], next(iter(self.queue), None)

        async def go() -> None:
            self.house.doors[number].set()
            for _ in range(turn):
                await asyncio.sleep(0)
            if following is not None:
                self.guests[following].cancel()
            await turns()

        self.loop.run_until_complete(go())
        self.inside.remove(number)
        if following is not None:
            self.queue.popleft()
        self.take_in()

    @rule(seconds=st.floats(0, 3))
    def time_passes(self, seconds: float) -> None:
        self.house.clock.now += seconds

    @invariant()
    def agrees(self) -> None:
        admission = self.house.admission
        assert admission.working == self.house.seen.inside == len(self.inside) <= self.places
        assert admission.waiting == len(self.queue)
        assert not self.queue or len(self.inside) == self.places, "nobody waits while a place is free"
        assert self.house.order == sorted(self.house.order), "first come, first served"

    def teardown(self) -> None:
        self.run(*(door.set for door in self.house.doors.values()))
        self.inside.clear()
        for _ in range(30):
            self.run()
        assert (self.house.admission.working, self.house.admission.waiting) == (0, 0), "nobody is forgotten"
        assert all(guest.done() for guest in self.guests.values())
        self.loop.close()


TestComing = Coming.TestCase
TestComing.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)
