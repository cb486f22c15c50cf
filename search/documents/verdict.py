"""What became of a document's newest event: a pure function from the ledger record and what the log has.

The facts must have been read before the record: what is below `next` is then in the record, or was refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.events import Event
from freshet.schemas.keys import content_digests
from freshet.schemas.positions import Order, Rank
from freshet.schemas.words import Word
from freshet.search.documents.facts import Letter, LogFacts
from freshet.search.index.records import LedgerRecord


class State(Word):
    """What searches find of a document now."""

    SEARCHABLE = "searchable", "searches find it"
    DELETED = "deleted", "its end is indexed"
    ABSENT = "absent", "the index has no record of it"


class News(Word):
    """What became of an event that is newer than what the index holds."""

    WAITING = "waiting", "no worker has come to it yet"
    AGAIN = "again", "it is to be processed again, and no worker has come to it yet"
    DEAD = "dead", "it can never be indexed, and lies in the dead letters"
    STALE = "stale", "it was refused: what the index holds is newer"
    UNCHANGED = "unchanged", "it says what the index holds already"
    FORGOTTEN = "forgotten", "it ended the document, so long ago that the index has forgotten it"
    DIFFERS = "differs", "a worker has passed it, and yet neither the index nor the dead letters have it"
    UNTOLD = "untold", "a worker has passed it, and it may be a dead letter, which could not be told"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state, and what became of a newer event, where there is one.

    `record` is that event's, where the log has it; `letter` is its dead letter. `ahead` counts the offsets before it in
    its partition that no worker has done. `problem` says why it can never be indexed, where it has no letter any more.
    """

    state: State
    news: News | None = None
    record: Record | None = None
    letter: Letter | None = None
    ahead: int | None = None
    problem: str = ""


def judge(held: LedgerRecord | None, facts: LogFacts, rules: Rules) -> Verdict:
    """What is known of the document. `held` is its ledger record, read after the facts."""
    state = _state(held)
    newest = facts.newest if facts.newest is not None and _is_behind(facts.newest, held) else None
    if newest is None:
        return _without_newest(state, held, facts)
    ahead = newest.offset - facts.next.get(newest.partition, 0)
    if newest.partition in facts.next and ahead >= 0:
        return Verdict(state, News.WAITING, newest, ahead=ahead)
    if newest.partition not in facts.next:
        return Verdict(state, News.UNTOLD, newest)
    if facts.again is not None and facts.again.offset >= newest.offset:
        return Verdict(state, News.AGAIN, facts.again)
    letter = _letter_of(newest, facts)
    if letter is not None and letter.state != "retried":
        return Verdict(state, News.DEAD, newest, letter)
    return _passed(state, newest, held, facts, rules)


def _without_newest(state: State, held: LedgerRecord | None, facts: LogFacts) -> Verdict:
    """Where the log has nothing newer, as far as it was looked through."""
    if facts.again is not None:
        return Verdict(state, News.AGAIN, facts.again)
    dead = [each for each in facts.letters if each.state == "open" and not _is_done(each, held)]
    if dead:
        return Verdict(state, News.DEAD, letter=max(dead, key=lambda letter: letter.time))
    return Verdict(state)


def _passed(state: State, newest: Record, held: LedgerRecord | None, facts: LogFacts, rules: Rules) -> Verdict:
    """Of an event that a worker has come to."""
    try:
        event = decode(newest, rules)
    except BadEvent as error:
        return Verdict(state, News.DEAD, newest, problem=str(error))
    if held is None:
        news = News.FORGOTTEN if event.upsert is None else _lost(facts)
        return Verdict(State.DELETED if news is News.FORGOTTEN else state, news, newest)
    if rules.order is Order.VERSION and event.version is not None and Rank(event.version, event.offset) < held.rank:
        return Verdict(state, News.STALE, newest)
    if _says_the_same(event, held):
        return Verdict(state, News.UNCHANGED, newest)
    if held.refused >= newest.offset:
        return Verdict(state, News.DEAD, newest)
    return Verdict(state, _lost(facts), newest)


def _lost(facts: LogFacts) -> News:
    return News.DIFFERS if facts.has_letters else News.UNTOLD


def _state(held: LedgerRecord | None) -> State:
    if held is None:
        return State.ABSENT
    return State.DELETED if held.deleted else State.SEARCHABLE


def _is_behind(record: Record, held: LedgerRecord | None) -> bool:
    """Whether a record of the log lies behind what the index holds."""
    return held is None or record.partition != held.partition or record.offset > held.offset


def _is_done(letter: Letter, held: LedgerRecord | None) -> bool:
    """Whether the index holds what came behind a dead letter."""
    return held is not None and letter.origin.partition == held.partition and letter.origin.offset <= held.offset


def _letter_of(record: Record, facts: LogFacts) -> Letter | None:
    place, moments = (record.partition, record.offset), (None, round(record.timestamp * 1_000))
    return next((each for each in facts.letters if each.origin[1:] == place and each.moment in moments), None)


def _says_the_same(event: Event, held: LedgerRecord) -> bool:
    body = event.upsert
    if body is None or held.deleted:
        return body is None and held.deleted
    digests = content_digests(body.title, body.text, body.metadata)
    return digests == (held.content_digest, held.metadata_digest)
