"""A verdict in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from freshet.schemas.decoding import RETRIABLE
from freshet.schemas.explain import DocumentFacts, EventFacts, IndexedFacts, LetterFacts, NewerFacts
from freshet.search.documents.verdict import News, State

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_DONE: Final = {
    "retried": "; it was retried since",
    "dropped": "; somebody decided that nothing has to be done about it",
}
_RETRY: Final = "Where the event was right, and what it failed on is mended: freshet dead-letters retry {}"
_DROP: Final = "A retry would be refused again. Have a good event published, and then: freshet dead-letters drop {}"


def sentences(facts: DocumentFacts) -> list[str]:
    """What is known of the document, the most important first."""
    return [*_state(facts), *_newer(facts.newer), *_old_letters(facts), *_unsure(facts)]


def with_pending(facts: DocumentFacts, pending: list[str]) -> DocumentFacts:
    """The facts, which may not show the events of these freshness tokens."""
    if not pending:
        return facts
    told = f"This may not show yet: {', '.join(pending)}."
    return facts.model_copy(update={"pending": pending, "told": [*facts.told, told]})


def _state(facts: DocumentFacts) -> Iterator[str]:
    indexed = facts.indexed
    if facts.state == State.SEARCHABLE and indexed is not None:
        yield f"It is searchable{_since(indexed)}, as of the event {_event(indexed.event)}{_again(indexed)}."
    elif facts.state == State.DELETED and indexed is not None:
        yield f"It is deleted{_since(indexed)}, by the event {_event(indexed.event)}{_again(indexed)}."
    elif facts.state == State.DELETED:
        yield "It is deleted, so long ago that the index has forgotten it."
    else:
        yield "It is not searchable: the index holds nothing of it."


def _since(indexed: IndexedFacts) -> str:
    return "" if indexed.again else f" since {moment(indexed.since)}"


def _again(indexed: IndexedFacts) -> str:
    """Since when searches know such a state nobody can say: it may have been there before."""
    return f", which was written again at {moment(indexed.since)}" if indexed.again else ""


def _newer(newer: NewerFacts | None) -> Iterator[str]:
    if newer is None:
        return
    event = f" ({_event(newer.event)})" if newer.event is not None else ""
    match newer.outcome:
        case News.WAITING:
            yield f"A newer event{event} waits: {_ahead(newer)}."
        case News.AGAIN:
            yield f"An event of it{event} is to be processed again; no worker has come to it yet."
        case News.DEAD:
            yield f"A newer event{event} cannot be indexed{_why(newer)}."
            yield from _advice(newer.letter)
        case News.STALE:
            yield f"A later event{event} was refused as stale: {newer.won} is newer by its version."
        case News.UNCHANGED:
            yield f"A later event{event} says the same, so nothing was written for it."
        case News.FORGOTTEN:
            yield f"Its last event{event} is its end."
        case News.DIFFERS:
            yield f"A newer event{event} was passed by a worker, and neither the index nor the dead letters have it."
            yield "To mend what differs from the log: freshet verify --heal"
        case News.UNTOLD:
            yield f"There is a newer event{event}; what became of it could not be told."


def _ahead(newer: NewerFacts) -> str:
    before = "none is" if not newer.ahead else f"{newer.ahead:,} {'is' if newer.ahead == 1 else 'are'}"
    when = f"about {span(newer.eta_seconds)} at the rate of the last minute" if newer.eta_seconds is not None else ""
    return f"{before} before it in its partition" + (f", {when}" if when else "; nothing was indexed there lately")


def _why(newer: NewerFacts) -> str:
    letter = newer.letter
    if letter is None:
        return f": {newer.problem}" if newer.problem else "; its dead letter is not in the topic any more"
    tried = "" if letter.attempts == 1 else f", tried {letter.attempts} times"
    return f": {letter.reason}: {letter.message} (since {moment(letter.at)}{tried}{_DONE.get(letter.state, '')})"


def _advice(letter: LetterFacts | None) -> Iterator[str]:
    """A sentence of its own, which ends with the command."""
    if letter is not None and letter.state == "open":
        yield (_RETRY if letter.reason in RETRIABLE else _DROP).format(letter.event)


def _old_letters(facts: DocumentFacts) -> Iterator[str]:
    told = facts.newer.letter if facts.newer is not None else None
    others = [each for each in facts.dead_letters if each != told and each.state == "open"]
    if others:
        reasons = ", ".join(f"{each.event} ({each.reason})" for each in others)
        yield f"Other events of it are dead letters: {reasons}."


def _unsure(facts: DocumentFacts) -> Iterator[str]:
    for each in facts.looked:
        if each.offsets < each.of:
            yield f"Of {each.topic} only the newest {each.offsets:,} of {each.of:,} offsets were looked through."
    for text in facts.untold:
        yield f"This could not be told: {text}."


def _event(event: EventFacts) -> str:
    return f"{event.event} of {moment(event.at)}"


def moment(at: datetime | None) -> str:
    """A time to the second, in UTC."""
    return "an unknown time" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def span(seconds: float) -> str:
    """A length of time, in the unit that suits it."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
