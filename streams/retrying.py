"""What is done about dead letters: they are put where the worker reads them again, or marked as dropped.

First the record of the `again` topic, then the mark. Between the two a letter is open and retried already, and a second
retry says the same again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record
from freshet.schemas.errors import DeniedError, PermanentError
from freshet.schemas.positions import Place
from freshet.schemas.topics import Topics
from freshet.streams.again import wrap
from freshet.streams.announcing import Sink
from freshet.streams.letters import Letter, State, mark, original
from freshet.streams.messages import Message

CUT: Final = "not all of its bytes were kept; publish the event again"
GONE: Final = "it is not in the topic any more"
WINDOW: Final = 500  # marks on their way at once

Spans = Mapping[int, range]
Advance = Callable[[int], object]


def _nobody(_count: int) -> None:
    """Nobody looks on."""


class Source(Protocol):
    """Where dead letters lie."""

    def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        """The records at these offsets of each partition, as far as there are any, a few MB at a time.

        In order per partition. Raises TransientError.
        """
        ...


@dataclass(slots=True)
class Done:
    """What became of the chosen letters; `refused` says of the others why."""

    letters: list[Letter] = field(default_factory=list)
    refused: list[tuple[Letter, str]] = field(default_factory=list)


def inspect(letters: Iterable[Letter], topics: Topics, partitions: int) -> Done:
    """Which letters can be retried and why the others never can, as far as one can tell without their bytes.

    `partitions` is how many the `again` topic has.
    """
    done = Done()
    for letter in letters:
        if letter.cut:
            done.refused.append((letter, CUT))
        elif letter.origin.topic != topics.documents:
            done.refused.append((letter, f"it does not come from {topics.documents}"))
        elif letter.origin.partition >= partitions:
            done.refused.append((letter, f"{topics.again} has only {partitions} partitions"))
        else:
            done.letters.append(letter)
    return done


async def retry(
    letters: Iterable[Letter],
    *,
    source: Source,
    sink: Sink,
    topics: Topics,
    partitions: int,
    clock: Callable[[], float],
    advance: Advance = _nobody,
) -> Done:
    """Put the events of these letters into the `again` topic, and mark the letters.

    `partitions` is how many that topic has. Raises what `source` and `sink` raise; what was done until then stays done,
    and a repeat is harmless.
    """
    possible = inspect(letters, topics, partitions)
    done = Done(refused=possible.refused)
    waiting = {letter.place: letter for letter in possible.letters}
    async for records in source.read(spans_of(waiting)):
        found = _paired(waiting, records)
        refusals = await asyncio.gather(*(_put(letter, record, sink, topics) for letter, record in found))
        good = [letter for (letter, _), why in zip(found, refusals, strict=True) if why is None]
        await sink.send_all(_marks(good, State.RETRIED, topics, clock()))
        done.letters += good
        done.refused += [(letter, why) for (letter, _), why in zip(found, refusals, strict=True) if why is not None]
        advance(len(found))
    done.refused += [(letter, GONE) for letter in waiting.values()]
    return done


async def drop(
    letters: Sequence[Letter], *, sink: Sink, topics: Topics, clock: Callable[[], float], advance: Advance = _nobody
) -> Done:
    """Mark these letters as dropped. Raises what `sink` raises; a repeat is harmless."""
    for start in range(0, len(letters), WINDOW):
        window = letters[start : start + WINDOW]
        await sink.send_all(_marks(window, State.DROPPED, topics, clock()))
        advance(len(window))
    return Done(list(letters))


def spans_of(places: Iterable[Place]) -> Spans:
    """From the first to the last place of each partition."""
    offsets: dict[int, list[int]] = {}
    for partition, offset in places:
        offsets.setdefault(partition, []).append(offset)
    return {partition: range(min(each), max(each) + 1) for partition, each in offsets.items()}


def _paired(waiting: dict[Place, Letter], records: Iterable[Record]) -> list[tuple[Letter, Record]]:
    """The letters that wait for one of these records, which they have now."""
    at = [(waiting.pop(Place(record.partition, record.offset), None), record) for record in records]
    return [(letter, record) for letter, record in at if letter is not None]


async def _put(letter: Letter, record: Record, sink: Sink, topics: Topics) -> str | None:
    """Why Kafka never takes the event, or None when it has it."""
    message = wrap(original(letter, record), Again(Why.RETRIED, letter.attempts), topics.again)
    try:
        await sink.send_all([message])
    except DeniedError:
        raise
    except PermanentError as error:
        return str(error)
    return None


def _marks(letters: Iterable[Letter], state: State, topics: Topics, now: float) -> list[Message]:
    return [mark(letter, state, topic=topics.dead_letters, now=now) for letter in letters]
