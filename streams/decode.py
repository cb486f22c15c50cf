"""From a batch's bytes to events by document, bad ones set apart with their reasons."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.topics import Topics
from freshet.streams.again import unwrap
from freshet.streams.batch import Batch


def decode_batch(batch: Batch, rules: Rules, topics: Topics) -> None:
    """Fill in the batch's events and its dead letters; records of `documents.again` go to their origins."""
    batch.records = tuple(_at_their_origins(batch, topics))
    for record in batch.records:
        try:
            event = decode(record, rules)
        except BadEvent as error:
            batch.bury(record, error)
        else:
            batch.events.setdefault(event.key, []).append(event)


def _at_their_origins(batch: Batch, topics: Topics) -> Iterator[Record]:
    for record in batch.records:
        if record.topic != topics.again:
            yield record
            continue
        try:
            yield unwrap(record, topics.documents)
        except BadEvent:
            batch.ignored += 1
