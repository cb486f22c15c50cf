"""A topic of dead letters for tests, which keeps what is written to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import count

from freshet.schemas.decoding import Record
from freshet.schemas.positions import FreshnessToken
from freshet.streams.letters import Fold, Letter, State
from freshet.streams.messages import Headers, Message
from freshet.streams.retrying import Spans

LETTERS = "documents.dead-letters"


def letter_headers(
    origin: FreshnessToken,
    *,
    moment: int | None = 1_000,
    attempts: int = 1,
    state: State = State.OPEN,
    reason: str = "too_large",
) -> tuple[tuple[str, bytes], ...]:
    headers = {"origin": str(origin), "reason": reason, "message": "no", "attempts": str(attempts)}
    if moment is not None:
        headers["timestamp"] = str(moment)
    if state is not State.OPEN:
        headers["state"] = state.value
    return tuple((name, value.encode()) for name, value in headers.items())


def records_of(letters: Iterable[Letter]) -> Iterator[Record]:
    """A topic that comes to these letters: each one, with its mark behind it where something was done about it."""
    offsets = count()
    for each in letters:
        for state in {State.OPEN, each.state}:
            headers = letter_headers(
                each.origin, moment=each.moment, attempts=each.attempts, state=state, reason=each.reason
            )
            yield Record(LETTERS, each.place.partition, next(offsets), each.time, each.key, b"{}", headers)


class Topic:
    """Where letters lie (`Source`), and where marks and events to try again go (`Sink`), by topic."""

    def __init__(self, records: Iterable[Record] = (), *, at_once: int = 2) -> None:
        self.records = list(records)
        self.others: list[Message] = []
        self._at_once = at_once

    async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
        self.write(records)
        return []

    def write(self, messages: Iterable[Message]) -> None:
        for each in messages:
            if each.topic != LETTERS:
                self.others.append(each)
            else:
                self._append(each.partition or 0, each.key, each.value, each.headers)

    def letters(self) -> list[Letter]:
        fold = Fold()
        for record in self.records:
            fold.add(record)
        return fold.letters()

    async def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        found = [each for each in self.records if each.offset in spans.get(each.partition, range(0))]
        for start in range(0, len(found), self._at_once):
            yield found[start : start + self._at_once]

    def _append(self, partition: int, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        offset = 1 + max((each.offset for each in self.records if each.partition == partition), default=-1)
        now = 1_000.0 + len(self.records)
        self.records.append(Record(LETTERS, partition, offset, now, key, value, tuple(headers)))
