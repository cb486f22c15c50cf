"""What is left of a document, until when, and what can be done about it: pure functions of what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from freshet.schemas.decoding import Record
from freshet.schemas.erasure import RemainFacts
from freshet.schemas.positions import FreshnessToken
from freshet.schemas.topics import DELETE_RETENTION, RETENTION, UNLIMITED, Topics, TopicState
from freshet.search.index.records import LedgerRecord, Passage
from freshet.streams.sweep import is_older

MOST_TOLD: Final = 1_000  # places of one kind
_NEVER: Final = 2**63 - 1  # how Kafka writes that there is no limit to a compaction lag
_MS: Final = 1_000
_LATER: Final = "a segment goes as a whole, so up to segment.ms ({}) later"
_ALTER: Final = "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} --add-config {}"
_UNLISTED: Final = "passages that no record lists: no search shows them"
_REMOVE: Final = "freshet verify --heal removes them now"
_NULL: Final = "publish a null under its key, which ends it for the log too"


def remains(
    found: Mapping[str, Sequence[Record]], states: Mapping[str, TopicState], topics: Topics, *, server: str
) -> list[RemainFacts]:
    """What is left by topic; `found` are a document's records of each, in their order, `states` how topics are set.

    `server` is one of Kafka's, for commands.
    """
    letters, feed = found.get(topics.dead_letters, ()), found.get(topics.indexed, ())
    return [
        *_in_documents(found.get(topics.documents, ()), states.get(topics.documents), server),
        *_in_again(found.get(topics.again, ())),
        *_kept_for_a_time(letters, states, server, "dead letters, with the bytes of its events"),
        *_kept_for_a_time(feed, states, server, "records of the change feed, without its texts"),
    ]


def moment(seconds: float) -> str:
    """A time, in seconds since the epoch, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def unlisted(version: str, record: LedgerRecord | None, passages: Sequence[Passage]) -> Iterator[RemainFacts]:
    """What is left of a document in an index version beside what its record lists.

    What is of a state before the recorded one is swept; anything else might be of an event that is just being written.
    """
    listed = frozenset(record.passages) if record is not None else frozenset()
    swept, others = list[str](), list[str]()
    for each in passages:
        if each.id not in listed:
            (swept if is_older(each, record) else others).append(each.id)
    told = ((swept, "when a worker gets their partition, such as at its start"), (others, "never by themselves"))
    for points, until in told:
        if points:
            yield RemainFacts(place=version, what=_UNLISTED, where=points, until=until, todo=_REMOVE)


def _in_documents(records: Sequence[Record], state: TopicState | None, server: str) -> Iterator[RemainFacts]:
    """By partition, for each is compacted by itself."""
    for partition in sorted({record.partition for record in records}):
        *older, newest = [record for record in records if record.partition == partition]
        if older:
            held = ", with its text" if any(_holds_text(record) for record in older) else ""
            sooner = _sooner(newest.topic, state, server)
            yield _remain(older, f"older events{held}", _compacted(older, state), sooner)
        yield _newest(newest, state)


def _newest(newest: Record, state: TopicState | None) -> RemainFacts:
    if newest.value is None:
        kept = _setting(state, DELETE_RETENTION)
        return _remain([newest], "its end, a null: the key alone", f"{_span(kept)} after the log was compacted")
    if _holds_text(newest):
        return _remain([newest], "its newest event, with its text", "never: it is not deleted", "delete it first")
    return _remain([newest], "its end: key, id and version", "never: compaction keeps a key's last record", _NULL)


def _compacted(older: Sequence[Record], state: TopicState | None) -> str:
    last = max(record.timestamp for record in older)
    least, most = _setting(state, "min.compaction.lag.ms"), _setting(state, "max.compaction.lag.ms")
    when = "when the log is compacted" + (f", not before {_after(last, least)}" if least else "")
    if most is not None and most < _NEVER:
        return f"{when}, and soon after {_after(last, most)}"
    return f"{when} and their segment is full or {_span(_setting(state, 'segment.ms'))} old: no sooner limit is set"


def _sooner(topic: str, state: TopicState | None, server: str) -> str:
    most = _setting(state, "max.compaction.lag.ms")
    return "" if most is not None and most < _NEVER else _ALTER.format(server, topic, "max.compaction.lag.ms=86400000")


def _in_again(records: Sequence[Record]) -> list[RemainFacts]:
    left = {record.key: record for record in records}  # a null takes what lies under its key
    kept = [record for record in left.values() if record.value is not None]
    if not kept:
        return []
    keys = ", ".join(json.dumps((record.key or b"").decode("utf-8", "replace")) for record in kept[:MOST_TOLD])
    todo = f"publish a null under each of these keys, into the partition where it lies: {keys}"
    return [
        _remain(kept, "events that were processed again, with their text", "never: each has a key of its own", todo)
    ]


def _kept_for_a_time(
    records: Sequence[Record], states: Mapping[str, TopicState], server: str, what: str
) -> list[RemainFacts]:
    if not records:
        return []
    state = states.get(records[0].topic)
    kept = _setting(state, RETENTION)
    if kept == UNLIMITED:
        hint = _ALTER.format(server, records[0].topic, f"{RETENTION}=2592000000")
        return [_remain(records, what, "never: the topic keeps everything", hint)]
    last = max(record.timestamp for record in records)
    later = _LATER.format(_span(_setting(state, "segment.ms")))
    return [_remain(records, what, f"after {_after(last, kept)}; {later}" if kept is not None else "unknown")]


def _remain(records: Sequence[Record], what: str, until: str, todo: str = "") -> RemainFacts:
    places = [str(FreshnessToken(each.topic, each.partition, each.offset)) for each in records[:MOST_TOLD]]
    return RemainFacts(place=records[0].topic, what=what, where=places, until=until, todo=todo)


def _holds_text(record: Record) -> bool:
    """Whether there is more in it than the end of a document; what cannot be read may hold anything."""
    if record.value is None:
        return False
    try:
        event = json.loads(record.value)
    except ValueError:
        return True
    return not (isinstance(event, dict) and event.get("type") == "delete")


def _setting(state: TopicState | None, name: str) -> int | None:
    value = state.configs.get(name, "") if state is not None else ""
    return int(value) if value.removeprefix("-").isdigit() else None


def _after(seconds: float, milliseconds: int | None) -> str:
    return moment(seconds + (milliseconds or 0) / _MS)


def _span(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "an unknown time"
    hours = milliseconds / _MS / 3_600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
