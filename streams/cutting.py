"""Cutting what was fetched into batches: large enough to keep the model busy, small enough to end in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from freshet.schemas.decoding import Record
from freshet.streams.plan import NewPassage


def cut(records: Iterable[Record], *, max_bytes: int, max_events: int | None = None) -> Iterator[tuple[Record, ...]]:
    """Pieces of at most `max_bytes` of values and `max_events` records, in the given order.

    A record that is larger is a piece of its own.
    """
    piece: list[Record] = []
    size = 0
    for record in records:
        length = len(record.value or b"")
        if piece and (size + length > max_bytes or len(piece) == max_events):
            yield tuple(piece)
            piece, size = [], 0
        piece.append(record)
        size += length
    if piece:
        yield tuple(piece)


def cut_by_tokens(passages: Iterable[NewPassage], max_tokens: int) -> Iterator[list[NewPassage]]:
    """Pieces of at most `max_tokens` tokens, in the given order; a passage that has more is a piece of its own."""
    piece: list[NewPassage] = []
    size = 0
    for passage in passages:
        if piece and size + passage.piece.tokens > max_tokens:
            yield piece
            piece, size = [], 0
        piece.append(passage)
        size += passage.piece.tokens
    if piece:
        yield piece


def ends(records: Sequence[Record], topic: str) -> dict[int, int]:
    """Per partition of a topic, the offset after its last record: what to commit when all of them are done."""
    of_topic = (each for each in records if each.topic == topic)
    return {each.partition: each.offset + 1 for each in sorted(of_topic, key=lambda each: each.offset)}
