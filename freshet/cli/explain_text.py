"""Where a document is, as people read it. What strangers sent commands no terminal.

No line is cut here: terminals do that themselves, and a command that is copied stays whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from freshet.cli.output import print_line, printable

if TYPE_CHECKING:
    from freshet.schemas.erasure import ErasureFacts
    from freshet.schemas.explain import DocumentFacts, EventFacts, IndexedFacts, StageTimes, VectorFacts

MOST_PLACES: Final = 20
_MILLISECOND: Final = 1e-3


def print_facts(facts: DocumentFacts) -> None:
    """The verdict in sentences, then what it is made of."""
    named = facts.id if facts.tenant is None else f"{facts.id} of {facts.tenant}"
    title = facts.indexed.title if facts.indexed is not None else ""
    print_line(printable(f"{named}: {title}" if title else named))
    for sentence in facts.told:
        print_line(printable(sentence))
    rows = [*_indexed(facts.indexed), *_newer(facts)]
    if rows:
        print_line("")
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print_line(f"{name:<{width}}  {printable(value)}")
    for number, text in enumerate((facts.indexed.texts if facts.indexed is not None else None) or ()):
        print_line(f"\npassage {number}\n{printable(text, kept=chr(10) + chr(9))}")


def print_remains(facts: ErasureFacts) -> None:
    """What is left of a document, place by place."""
    if not facts.is_deleted:
        print_line("It is not deleted: delete it first, for what follows is of a document that searches find.")
    for each in facts.remains:
        print_line(f"{each.place}: {printable(each.what)}")
        for where in each.where[:MOST_PLACES]:
            print_line(f"  {printable(where)}")
        if len(each.where) > MOST_PLACES:
            print_line(f"  … and {len(each.where) - MOST_PLACES:,} more; --json tells all")
        print_line(f"  gone {printable(each.until)}")
        if each.todo:
            print_line(f"  to do: {printable(each.todo)}")
    if not facts.remains:
        print_line("nothing is left of it where it was looked for")
    for looked in facts.looked:
        if looked.offsets < looked.of:
            part = f"the newest {looked.offsets:,} of {looked.of:,}"
            print_line(f"of {looked.topic} only {part} offsets were looked through: raise --look-back")
    for text in facts.untold:
        print_line(f"this could not be told: {printable(text)}")


def _indexed(indexed: IndexedFacts | None) -> Iterator[tuple[str, str]]:
    if indexed is None:
        return
    yield from _event("event", indexed.event)
    yield "index version", f"{indexed.index_version}, made with {indexed.model}"
    yield "passages", f"{indexed.passages:,}{_vectors(indexed.vectors)}"
    yield "embedded", _paid(indexed)
    if indexed.stages is not None:
        yield "time", _times(indexed.stages)


def _newer(facts: DocumentFacts) -> Iterator[tuple[str, str]]:
    if facts.newer is not None and facts.newer.event is not None:
        yield from _event("newer event", facts.newer.event)


def _event(name: str, event: EventFacts) -> Iterator[tuple[str, str]]:
    version = "" if event.version is None else f", version {event.version}"
    written = "" if event.written_at is None else f"; in the log since {event.written_at.isoformat()}"
    at = "an unknown time" if event.at is None else event.at.isoformat()
    yield name, f"{event.event}, of {at}{version}{written}"
    for header, value in event.producer.items():
        yield f"  {printable(header)}", value


def _vectors(vectors: VectorFacts | None) -> str:
    if vectors is None:
        return ""
    ways = {
        "embedded": vectors.embedded,
        "from the cache": vectors.cached,
        "with the vector that it had": vectors.taken_over,
        "unchanged": vectors.kept,
    }
    told = ", ".join(f"{count:,} {way}" for way, count in ways.items() if count)
    return f": {told}" if told else ""


def _paid(indexed: IndexedFacts) -> str:
    if indexed.vectors is None:
        return f"{indexed.tokens:,} tokens at most"
    cost = "at an unknown price" if indexed.cost_usd is None else f"for ${indexed.cost_usd:.6f}"
    return f"{indexed.vectors.tokens:,} tokens {cost}"


def _times(stages: StageTimes) -> str:
    told: dict[str, float] = stages.model_dump(exclude_none=True)
    in_all = "" if stages.queued is None else f"; in all {_seconds(sum(told.values()))}"
    return ", ".join(f"{name} {_seconds(seconds)}" for name, seconds in told.items()) + in_all


def _seconds(seconds: float) -> str:
    return f"{seconds / _MILLISECOND:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
