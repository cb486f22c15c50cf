"""From a batch's bytes to events by document, bad ones set apart with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from freshet.schemas.again import Why
from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.events import Event
from freshet.schemas.topics import Topics
from freshet.streams.again import unwrap
from freshet.streams.batch import Batch

Earlier = Callable[[Record], bool]


def nothing_earlier(_record: Record) -> bool:
    """Of a version that was not built beside another one: all that was asked for concerns it."""
    return False


def decode_batch(batch: Batch, rules: Rules, topics: Topics, earlier: Earlier = nothing_earlier) -> None:
    """Fill in the batch's events and its dead letters; records of `documents.again` go to their origins.

    `earlier` tells of such a record whether it was there before the build of the version began.
    """
    batch.records = tuple(_at_their_origins(batch, topics, earlier))
    for record in batch.records:
        try:
            event = decode(record, rules)
        except BadEvent as error:
            batch.bury(record, error)
        else:
            _put(batch, event)


def _put(batch: Batch, event: Event) -> None:
    again = event.again
    if again is not None and again.displaces is not None:
        batch.displacing.setdefault(event.key, []).append(event)
    if again is None or again.why is not Why.REMOVED:
        batch.events.setdefault(event.key, []).append(event)


def _at_their_origins(batch: Batch, topics: Topics, earlier: Earlier) -> Iterator[Record]:
    for record in batch.records:
        if record.topic != topics.again:
            yield record
            continue
        try:
            original = unwrap(record, topics.documents)
        except BadEvent:
            batch.ignored += 1
        else:
            yield _marked(original) if earlier(record) else original


def _marked(original: Record) -> Record:
    again = original.again
    return original if again is None else replace(original, again=replace(again, earlier=True))
