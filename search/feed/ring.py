"""The recent changes of the index, in arrays that whole answers can be held against at once."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from freshet.schemas.feed import Fields
from freshet.search.feed.changes import FeedChange, Scored

_ROWS: Final = 1_024  # passages of a block, and changes; at 384 dimensions it takes 2 MB
_BLOCKS: Final = 8  # so many at least share the memory: the oldest goes as a whole
_TERMS: Final = 64  # of a passage, at first
_TERM_BYTES: Final = 12
_CHANGE_BYTES: Final = 1_400  # a change without passages and metadata, measured with tracemalloc
_JSON_FACTOR: Final = 12  # bytes of Python's objects for one of JSON, at most, also measured


@dataclass(frozen=True, slots=True)
class Seen:
    """A change of a document, with what filters see of it; its passages lie in the arrays of its `Stretch`.

    `alike` is True where the states before and after are known to be the same to every filter.
    """

    key: str
    tenant: str | None
    before: Fields | None
    after: Fields | None
    alike: bool


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Successive changes. Passage i has `vectors[i]` (n, dimension), off by `errors[i]` in any inner product at most.

    Term j, `terms[j]` with `weights[j]`, is of the passage `places[j]`. `untold` are the changes whose passages are not
    known; all others have theirs in the arrays.
    """

    changes: Sequence[Seen]
    keys: Collection[str]
    untold: Sequence[Seen]
    vectors: NDArray[np.float32]
    errors: NDArray[np.float32]
    terms: NDArray[np.uint32]
    weights: NDArray[np.float32]
    places: NDArray[np.int32]
    owners: NDArray[np.int32]

    def of(self, passages: NDArray[np.intp]) -> list[Seen]:
        """The changes that these passages belong to, each once."""
        return [self.changes[number] for number in np.unique(self.owners[passages])]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """All that an index version went through after some place in the feed, and perhaps a little before it."""

    stretches: Sequence[Stretch] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(each.changes) for each in self.stretches)

    @property
    def size(self) -> int:
        """How many changes and passages there are to be looked at."""
        return self.count + sum(len(each.vectors) for each in self.stretches)


class Ring:
    """The changes that were told last, by index version, up to `max_bytes` in all; the oldest make room.

    Is told of them as a `ChangeSink`. For one event loop; what `since` gave may be read in a thread, for arrays are
    only added to.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._begun: dict[int, int] = {}
        self._versions: dict[str, _Version] = {}
        self._blocks: deque[tuple[_Version, _Block]] = deque()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What it takes, about."""
        return self._bytes

    def begin(self, positions: Mapping[int, int]) -> None:
        """As `ChangeSink.begin`: what was known is forgotten."""
        self._begun = dict(positions)
        self._versions.clear()
        self._blocks.clear()
        self._bytes = 0

    def add(self, change: FeedChange) -> None:
        """As `ChangeSink.add`."""
        self._begun.setdefault(change.partition, change.offset)
        version = self._versions.setdefault(change.version, _Version())
        scored = version.fitting(change.scored)
        block = version.blocks[-1] if version.blocks else None
        if block is None or not block.has_room(scored):
            block = self._open(version, scored)
        before = block.bytes
        block.add(change, scored)
        version.last[change.partition] = change.offset
        self._bytes += block.bytes - before
        while self._bytes > self._max_bytes and self._blocks:
            self._drop_oldest()

    def since(self, version: str, positions: Mapping[int, int]) -> Changes | None:
        """The version's changes at `positions` and above, by partition of the feed.

        None where some of them may be unknown: not all partitions are named, or the ring begins later. There may be
        changes among them that lie below: where partitions were read in another order than by who noted `positions`.
        To hold those against an answer costs time, and may void it without need, and does no other harm.
        """
        if positions.keys() != self._begun.keys() or _is_behind(positions, self._begun):
            return None
        known = self._versions.get(version)
        if known is None:
            return Changes()
        return None if _is_behind(positions, known.floors) else Changes(known.since(positions))

    def _open(self, version: _Version, scored: Scored | None) -> _Block:
        passages, share = 0 if scored is None else len(scored), self._max_bytes // _BLOCKS
        rows = min(_ROWS, share // (4 * version.dimension + _TERMS * _TERM_BYTES)) if version.dimension else 0
        block = _Block(max(passages, rows), version.dimension, dict(version.last), most_bytes=share)
        version.blocks.append(block)
        self._blocks.append((version, block))
        self._bytes += block.bytes
        return block

    def _drop_oldest(self) -> None:
        version, block = self._blocks.popleft()
        version.blocks.popleft()
        version.floors |= {partition: offsets[-1] + 1 for partition, (offsets, _) in block.index.items()}
        self._bytes -= block.bytes


@dataclass(slots=True, eq=False)
class _Version:
    """What is known of one index version: below `floors` nothing; `last` is by partition the offset seen last."""

    blocks: deque[_Block] = field(default_factory=deque)
    floors: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    dimension: int = 0

    def fitting(self, scored: Scored | None) -> Scored | None:
        """What was told of passages, where it can be one of this version's; else it counts as not told."""
        if not scored:
            return scored
        dimension = scored.vectors.shape[1]
        self.dimension = self.dimension or dimension
        return scored if dimension == self.dimension and np.isfinite(scored.vectors).all() else None

    def since(self, positions: Mapping[int, int]) -> list[Stretch]:
        stretches: list[Stretch] = []
        if _lies_below(self.last, positions):
            return stretches
        for block in reversed(self.blocks):
            first = block.first_at(positions)
            if first is not None:
                stretches.append(block.stretch(first))
            if _lies_below(block.before, positions):
                break
        return stretches


class _Block:
    """Successive changes of a version, and room for more; `before` is by partition the last that lies before it.

    Changes without passages find room up to `most_bytes` beside the arrays.
    """

    def __init__(self, rows: int, dimension: int, before: Mapping[int, int], *, most_bytes: int) -> None:
        self.before = before
        self._most_bytes = most_bytes
        self.index: dict[int, tuple[list[int], list[int]]] = {}  # by partition: offsets, and numbers of changes
        self._changes: list[Seen] = []
        self._keys: list[str] = []
        self._untold: list[int] = []
        self._starts: list[tuple[int, int]] = []  # of each change: its first passage, its first term
        self._vectors = np.empty((rows, dimension), np.float32)
        self._errors = np.empty(rows, np.float32)
        self._owners = np.empty(rows, np.int32)
        self._terms = np.empty(rows * _TERMS, np.uint32)
        self._weights = np.empty(rows * _TERMS, np.float32)
        self._places = np.empty(rows * _TERMS, np.int32)
        self._passages = self._used = self._other_bytes = 0

    @property
    def bytes(self) -> int:
        arrays = self._vectors, self._errors, self._owners, self._terms, self._weights, self._places
        return sum(array.nbytes for array in arrays) + self._other_bytes

    def has_room(self, scored: Scored | None) -> bool:
        rows, dimension = self._vectors.shape
        if len(self._changes) >= _ROWS or self._other_bytes >= self._most_bytes:
            return False
        return not scored or (scored.vectors.shape[1] == dimension and self._passages + len(scored) <= rows)

    def first_at(self, positions: Mapping[int, int]) -> int | None:
        """The number of the first change at these positions or above."""
        found = []
        for partition, (offsets, numbers) in self.index.items():
            place = bisect_left(offsets, positions[partition])
            if place < len(offsets):
                found.append(numbers[place])
        return min(found, default=None)

    def stretch(self, first: int) -> Stretch:
        """The changes from the first on, as they are now."""
        passage, term = self._starts[first]
        rows, items = slice(passage, self._passages), slice(term, self._used)
        return Stretch(
            changes=self._changes[first:],
            keys=self._keys[first:],
            untold=[self._changes[number] for number in self._untold[bisect_left(self._untold, first) :]],
            vectors=self._vectors[rows],
            errors=self._errors[rows],
            terms=self._terms[items],
            weights=self._weights[items],
            places=self._places[items] - np.int32(passage),
            owners=self._owners[rows] - np.int32(first),
        )

    def add(self, change: FeedChange, scored: Scored | None) -> None:
        number = len(self._changes)
        offsets, numbers = self.index.setdefault(change.partition, ([], []))
        offsets.append(change.offset)
        numbers.append(number)
        before, after = _text(change.before), _text(change.after)
        alike = before is not None and before == after
        self._changes.append(Seen(change.key, change.tenant, change.before, change.after, alike))
        self._keys.append(change.key)
        self._starts.append((self._passages, self._used))
        texts = len(before or "") + len(after or "")
        self._other_bytes += _CHANGE_BYTES + 2 * len(change.key) + _JSON_FACTOR * texts
        if scored is None:
            self._untold.append(number)
        elif scored:
            self._append(scored, number, change.error)

    def _append(self, scored: Scored, number: int, error: float) -> None:
        first, end = self._passages, self._passages + len(scored)
        self._vectors[first:end] = scored.vectors
        self._errors[first:end] = error
        self._owners[first:end] = number
        counts = [len(each.indices) for each in scored.terms]
        used = self._used + sum(counts)
        if used > len(self._terms):
            self._grow(used)
        items = slice(self._used, used)
        self._terms[items] = np.concatenate([each.indices for each in scored.terms])
        self._weights[items] = np.concatenate([each.values for each in scored.terms])
        self._places[items] = np.repeat(np.arange(first, end, dtype=np.int32), counts)
        self._passages, self._used = end, used

    def _grow(self, used: int) -> None:
        """Other arrays, for who reads the ones that there were."""
        more = max(2 * len(self._terms), used) - len(self._terms)
        self._terms = np.concatenate([self._terms, np.empty(more, np.uint32)])
        self._weights = np.concatenate([self._weights, np.empty(more, np.float32)])
        self._places = np.concatenate([self._places, np.empty(more, np.int32)])


def _is_behind(positions: Mapping[int, int], floors: Mapping[int, int]) -> bool:
    return any(positions[partition] < floor for partition, floor in floors.items())


def _lies_below(last: Mapping[int, int], positions: Mapping[int, int]) -> bool:
    return all(offset < positions[partition] for partition, offset in last.items())


def _text(state: Fields | None) -> str | None:
    """What filters see of a state, as JSON, for to Python 1 and true are equal; None where that is not known."""
    if state is None or (state.present and state.metadata is None):
        return None
    return json.dumps(state.metadata if state.present else None, sort_keys=True)
