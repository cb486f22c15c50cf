"""What was found of one document, put together as an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.explain import (
    MOST_LETTERS,
    DocumentFacts,
    EventFacts,
    IndexedFacts,
    LetterFacts,
    LookedFacts,
    NewerFacts,
    StageTimes,
    VectorFacts,
)
from freshet.schemas.http import IndexState
from freshet.schemas.positions import FreshnessToken
from freshet.search.documents.facts import Letter, LogFacts
from freshet.search.documents.telling import sentences
from freshet.search.documents.verdict import News, Verdict, judge
from freshet.search.index.base import VersionInfo
from freshet.search.index.records import LedgerRecord

PER_MILLION: Final = 1_000_000
# What CloudEvents, Debezium and careful producers say of themselves; other headers are nobody's business here.
_PRODUCER: Final = re.compile(r"(ce_|__).*|(producer|source|application|service|client)([_-]?(id|name))?|traceparent")
_MOST_HEADERS: Final = 16
_MOST_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a document: its ledger record in a version, and what the log knew just before that was read.

    `index` is how far the version was before that. `texts` are those of its passages, None where nobody asked for them.
    """

    id: str
    tenant: str | None
    version: VersionInfo
    index: IndexState
    record: LedgerRecord | None
    facts: LogFacts
    texts: list[str] | None = None


class Composer:
    """Makes answers. `price` tells what a million tokens of a model cost in US dollars, where that is known."""

    def __init__(self, *, rules: Rules, price: Callable[[str], float | None]) -> None:
        self._rules = rules
        self._price = price

    def answer(self, found: Found) -> DocumentFacts:
        """The facts, and what they mean in sentences."""
        facts = found.facts
        verdict = judge(found.record, facts, self._rules)
        letters = sorted(facts.letters, key=lambda letter: -letter.time)[:MOST_LETTERS]
        answer = DocumentFacts(
            id=found.id,
            tenant=found.tenant,
            state=verdict.state.value,
            told=[],
            indexed=self._indexed(found),
            newer=self._newer(verdict, found),
            dead_letters=[_letter(each) for each in letters],
            looked=[LookedFacts(topic=topic, offsets=each.offsets, of=each.of) for topic, each in facts.looked.items()],
            untold=facts.untold,
            index=found.index,
        )
        return answer.model_copy(update={"told": sentences(answer)})

    def _indexed(self, found: Found) -> IndexedFacts | None:
        record, held = found.record, found.facts.held
        if record is None:
            return None
        model = str(found.version.metadata.get("model", ""))
        return IndexedFacts(
            index_version=found.version.name,
            model=model,
            event=EventFacts(
                event=_place(found, record),
                at=moment(record.event_time),
                written_at=None if held is None else moment(held.timestamp),
                version=record.version,
                producer={} if held is None else producer(held.headers),
            ),
            since=moment(record.searchable_at),
            again=record.again,
            title=record.title,
            passages=len(record.passages),
            tokens=record.tokens,
            cost_usd=self._cost(model, record),
            vectors=_vectors(record),
            stages=_stages(record),
            texts=found.texts,
        )

    def _cost(self, model: str, record: LedgerRecord) -> float | None:
        price = self._price(model)
        return None if price is None or record.work is None else record.work.tokens * price / PER_MILLION

    def _newer(self, verdict: Verdict, found: Found) -> NewerFacts | None:
        if verdict.news is None:
            return None
        stale = verdict.news is News.STALE and found.record is not None
        return NewerFacts(
            outcome=verdict.news.value,
            event=None if verdict.record is None else self._event(found, verdict.record),
            ahead=verdict.ahead,
            eta_seconds=_eta(verdict, found.facts),
            letter=None if verdict.letter is None else _letter(verdict.letter),
            problem=verdict.problem or None,
            won=_place(found, found.record) if stale and found.record is not None else None,
        )

    def _event(self, found: Found, record: Record) -> EventFacts:
        try:
            event = decode(record, self._rules)
        except BadEvent:
            at, version = record.timestamp, None
        else:
            at, version = event.time, event.version
        return EventFacts(
            event=_place(found, record),
            at=moment(at),
            written_at=moment(record.timestamp),
            version=version,
            producer=producer(record.headers),
        )


def _place(found: Found, of: LedgerRecord | Record) -> str:
    """Where it lies in the topic that the version follows."""
    return str(FreshnessToken(str(found.version.metadata.get("topic", "")), of.partition, of.offset))


def moment(seconds: float) -> datetime | None:
    """A time of day; None where no calendar has it, for an event may name any."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def producer(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Those headers that say who produced a record, cut to a length fit to read."""
    told = [(name, value or b"") for name, value in headers if _PRODUCER.fullmatch(name.lower())]
    return {
        name[:_MOST_CHARACTERS]: value.decode("utf-8", "backslashreplace")[:_MOST_CHARACTERS]
        for name, value in told[:_MOST_HEADERS]
    }


def _vectors(record: LedgerRecord) -> VectorFacts | None:
    work = record.work
    if work is None:
        return None
    kept = len(record.passages) - work.embedded - work.cached - work.taken_over
    return VectorFacts(
        embedded=work.embedded,
        cached=work.cached,
        taken_over=work.taken_over,
        kept=max(kept, 0),
        tokens=work.tokens,
    )


def _stages(record: LedgerRecord) -> StageTimes | None:
    work = record.work
    if work is None:
        return None
    write = record.searchable_at - work.fetched_at - work.decode - work.plan - work.embed
    times = {
        "queued": work.fetched_at - record.event_time,
        "decode": work.decode,
        "plan": work.plan,
        "embed": work.embed,
        "write": write,
    }
    told = {name: max(round(seconds, 6), 0.0) for name, seconds in times.items()}
    return StageTimes(**(told | {"queued": None} if record.again else told))


def _eta(verdict: Verdict, facts: LogFacts) -> float | None:
    if verdict.ahead is None or facts.pace is None or facts.pace.per_second is None:
        return None
    return round((verdict.ahead + 1) / facts.pace.per_second, 3)


def _letter(letter: Letter) -> LetterFacts:
    return LetterFacts(
        event=str(letter.origin),
        reason=letter.reason,
        message=letter.message,
        attempts=letter.attempts,
        at=moment(letter.time),
        state=letter.state,
    )
