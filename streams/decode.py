"""From a batch's bytes to events by document, bad ones set apart with their reasons."""

from __future__ import annotations

from freshet.schemas.decoding import BadEvent, Rules, decode
from freshet.streams.batch import Batch, DeadLetter


def decode_batch(batch: Batch, rules: Rules) -> None:
    """Fill in the batch's events, in the order of their offsets, and its dead letters."""
    for record in batch.records:
        try:
            event = decode(record, rules)
        except BadEvent as error:
            batch.dead.append(DeadLetter(record, error))
        else:
            batch.events.setdefault(event.key, []).append(event)
