"""From a query's vector to documents: nearest passages, checked against the state that their documents are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from freshet.search.index.base import IndexReader
from freshet.search.index.records import Hit, LedgerRecord, StoredPassage, Vector

PASSAGES: Final = 100  # the length of a list, whatever the page that is asked for
_LISTS: Final = 4  # how often a list is asked for, each time longer, before a shorter one is taken
_LOOKS: Final = 5  # how often a document that keeps changing is read again


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document in one of its states: all of its parts belong to `record`.

    `passages` are those of its passages that the list holds, best first.
    """

    record: LedgerRecord
    passages: tuple[Hit, ...]

    @property
    def key(self) -> str:
        return self.record.key

    @property
    def text(self) -> str:
        """The passage that counts: the best one."""
        return self.passages[0].text

    @property
    def score(self) -> float:
        return self.passages[0].score


async def retrieve(reader: IndexReader, vector: Vector, *, limit: int, tenant: str | None = None) -> list[Candidate]:
    """The documents of the `PASSAGES` passages nearest to `vector` (dimension,), of unit length; best first.

    Equal scores are ordered by document key. At most `limit` documents. What the ledger does not list is not shown; a
    document that changed meanwhile is shown in its newer state, if that one belongs in the list. Raises what the reader
    raises.
    """
    length = PASSAGES
    for _ in range(_LISTS):
        hits = await reader.nearest(vector, limit=length, tenant=tenant)
        states, shown = await _check(reader, vector, hits)
        if len(hits) == length:
            # What lies below a full list is unknown, so nothing from there may be put before it.
            shown = [hit for hit in shown if hit.score >= hits[-1].score]
        if len(hits) < length or len(shown) >= PASSAGES:
            break
        # Always from the top: in a list that is continued, what moves up meanwhile would be skipped.
        length += 2 * (PASSAGES - len(shown))
    return _grouped(states, sorted(shown, key=_order)[:PASSAGES])[:limit]


async def _check(reader: IndexReader, vector: Vector, hits: list[Hit]) -> tuple[dict[str, LedgerRecord], list[Hit]]:
    """The states that the hits' documents are in, and those of their passages that may be shown.

    Passages that a state does not list are what a write in progress or a crash left behind. They may also mean that the
    document changed after the search, which then knew nothing of its new passages: those are read by their ids.
    """
    states = _alive(await reader.ledger({hit.key for hit in hits}))
    listed = {key: set(record.passages) for key, record in states.items()}
    doubtful = {hit.key for hit in hits if hit.key in states and hit.id not in listed[hit.key]}
    shown = [hit for hit in hits if hit.key in states and hit.key not in doubtful]
    if doubtful:
        found = await _look_again(reader, {key: states.pop(key) for key in doubtful})
        for record, passages in found:
            states[record.key] = record
            shown.extend(_scored(passage, vector) for passage in passages)
    return states, shown


async def _look_again(
    reader: IndexReader, states: Mapping[str, LedgerRecord]
) -> list[tuple[LedgerRecord, list[StoredPassage]]]:
    """Each document's state with all of its passages; a document that ended meanwhile is left out.

    A listed passage that does not exist was displaced between the two reads, so the next state is read. One that keeps
    changing is shown at last with what was found of its latest state.
    """
    found = []
    for look in range(_LOOKS):
        stored = await reader.passages({id_ for record in states.values() for id_ in record.passages}, vectors=True)
        changed = set()
        for key, record in states.items():
            passages = [stored[id_] for id_ in record.passages if id_ in stored]
            if len(passages) == len(record.passages) or look == _LOOKS - 1:
                found.append((record, passages))
            else:
                changed.add(key)
        if not changed:
            break
        states = _alive(await reader.ledger(changed))
    return found


def _alive(records: Mapping[str, LedgerRecord]) -> dict[str, LedgerRecord]:
    return {key: record for key, record in records.items() if not record.deleted}


def _scored(passage: StoredPassage, vector: Vector) -> Hit:
    score = 0.0 if passage.vector is None else float(vector @ passage.vector)
    return Hit(passage.id, passage.key, passage.text, score, passage.rank)


def _grouped(states: Mapping[str, LedgerRecord], hits: Iterable[Hit]) -> list[Candidate]:
    """Documents in the order of their best passages."""
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.key, []).append(hit)
    return [Candidate(states[key], tuple(passages)) for key, passages in groups.items()]


def _order(hit: Hit) -> tuple[float, str, str]:
    return -hit.score, hit.key, hit.id
