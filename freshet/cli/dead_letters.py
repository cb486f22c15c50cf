"""`freshet dead-letters`"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from freshet.cli.choosing import Ids, Reasons, Since, Until, choose, demand_choice, demand_found
from freshet.cli.exits import FAILED
from freshet.cli.letter_text import as_json, print_letters, print_whole, whole_as_json
from freshet.cli.output import counted, print_json, print_line, warn
from freshet.cli.progress import progress_bar
from freshet.cli.running import connection, run_quietly, settings

if TYPE_CHECKING:
    from freshet.cli.choosing import Choice
    from freshet.schemas.decoding import Record
    from freshet.schemas.topics import Topics
    from freshet.settings import Settings
    from freshet.streams.kafka.reader import KafkaReader
    from freshet.streams.letters import Letter
    from freshet.streams.retrying import Done

TOLD: Final = 20  # refusals told one by one

app = typer.Typer(help="Events that could not be indexed: list, show, retry, drop.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Origins = Annotated[
    list[str] | None, typer.Argument(metavar="ORIGIN…", help="Where the events lay: topic/partition@offset.")
]
All = Annotated[bool, typer.Option("--all", help="Every open one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell which ones it would be.")]


@app.command("list")
def list_(
    *,
    state: Annotated[str, typer.Option(metavar="STATE", help="open, retried, dropped or all.")] = "open",
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many, the newest.")] = None,
    json: Json = False,
) -> None:
    """List dead letters, the newest last."""
    given = settings()
    choice = choose(state=state, reasons=reason, since=since, until=until, ids=ids, tenants=given.tenants)
    found = choice.of(run_quietly(_list(given)))
    shown = found[-limit:] if limit else found
    if json:
        print_json([as_json(letter) for letter in shown])
        return
    if shown:
        print_letters(shown)
    rest = f", the newest {len(shown):,} of them shown" if len(shown) < len(found) else ""
    print_line(counted(len(found), "dead letter" if state == "all" else f"{state} dead letter") + rest)


@app.command()
def show(
    origin: Annotated[str, typer.Argument(metavar="ORIGIN", help="Where the event lay: topic/partition@offset.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Write the bytes of the value and nothing else.")] = False,
    json: Json = False,
) -> None:
    """Show one dead letter: what is known of it, its key and its value."""
    if raw and json:
        raise typer.BadParameter("take one of --raw and --json")
    given = settings()
    choice = choose(state="all", origins=[origin], tenants=given.tenants)
    letter, record = run_quietly(_find(given, choice))
    if raw:
        sys.stdout.buffer.write(record.value or b"")
    elif json:
        print_json(whole_as_json(letter, record))
    else:
        print_whole(letter, record)


@app.command()
def retry(
    origins: Origins = None,
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    everything: All = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Have workers try events again, once what they failed on is mended.

    An event keeps its place in the order of events, so a newer one of its document stays. One that is refused again is
    an open dead letter again. Letters that are named are retried whatever their state, else open ones are chosen.
    """
    given = settings()
    choice = choose(
        state="open", origins=origins, reasons=reason, since=since, until=until, ids=ids, tenants=given.tenants
    )
    demand_choice(choice, everything=everything)
    topics = _topics(given)
    done = run_quietly(_retry(given, topics, choice, dry_run=dry_run))
    _report(done, "retried", f"workers read the events in {topics.again}", dry_run=dry_run, json=json)


@app.command()
def drop(
    origins: Origins = None,
    *,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    everything: All = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Note that nothing has to be done about dead letters, so that they are no longer listed as open.

    Nothing is deleted: the bytes stay in the topic until its retention ends, and what is named can still be retried.
    """
    given = settings()
    choice = choose(
        state="open", origins=origins, reasons=reason, since=since, until=until, ids=ids, tenants=given.tenants
    )
    demand_choice(choice, everything=everything)
    topics = _topics(given)
    done = run_quietly(_drop(given, topics, choice, dry_run=dry_run))
    kept = f"the bytes stay in {topics.dead_letters} until its retention ends"
    _report(done, "dropped", kept, dry_run=dry_run, json=json)


def _topics(given: Settings) -> Topics:
    from freshet.schemas.topics import Topics

    return Topics(given.topics.documents)


async def _list(given: Settings) -> list[Letter]:
    async with _opened(given) as (_, letters):
        return letters


async def _find(given: Settings, choice: Choice) -> tuple[Letter, Record]:
    from freshet.schemas.errors import FreshetError
    from freshet.streams.retrying import GONE, spans_of

    async with _opened(given) as (reader, letters):
        found = choice.of(letters)
        demand_found(choice, found)
        letter = found[-1]
        async for records in reader.read(spans_of([letter.place])):
            for record in records:
                return letter, record
    raise FreshetError(f"{letter.origin}: {GONE}")


async def _retry(given: Settings, topics: Topics, choice: Choice, *, dry_run: bool) -> Done:
    from freshet.streams.kafka.admin import count_partitions
    from freshet.streams.kafka.producer import KafkaProducer
    from freshet.streams.retrying import inspect, retry

    async with _opened(given) as (reader, letters):
        chosen = choice.of(letters)
        demand_found(choice, chosen)
        partitions = await count_partitions(connection(given), topics.again)
        if dry_run or not chosen:
            return inspect(chosen, topics, partitions)
        async with KafkaProducer(connection(given)) as sink:
            with progress_bar("retrying", len(chosen)) as advance:
                return await retry(
                    chosen,
                    source=reader,
                    sink=sink,
                    topics=topics,
                    partitions=partitions,
                    clock=time.time,
                    advance=advance,
                )


async def _drop(given: Settings, topics: Topics, choice: Choice, *, dry_run: bool) -> Done:
    from freshet.streams.kafka.producer import KafkaProducer
    from freshet.streams.retrying import Done, drop

    async with _opened(given) as (_, letters):
        chosen = choice.of(letters)
    demand_found(choice, chosen)
    if dry_run or not chosen:
        return Done(chosen)
    async with KafkaProducer(connection(given)) as sink:
        with progress_bar("dropping", len(chosen)) as advance:
            return await drop(chosen, sink=sink, topics=topics, clock=time.time, advance=advance)


@asynccontextmanager
async def _opened(given: Settings) -> AsyncIterator[tuple[KafkaReader, list[Letter]]]:
    """The topic, and the letters that it holds now."""
    from freshet.streams.kafka.reader import KafkaReader
    from freshet.streams.letters import Fold

    async with KafkaReader(connection(given), _topics(given).dead_letters) as reader:
        fold, spans = Fold(), await reader.spans()
        with progress_bar("reading", sum(len(span) for span in spans.values())) as advance:
            async for records in reader.read(spans):
                for record in records:
                    fold.add(record)
                advance(len(records))
        if fold.strange:
            warn(f"{counted(fold.strange, 'record')} of the topic left out: no dead letters of Freshet's")
        yield reader, fold.letters()


def _report(done: Done, verb: str, what_now: str, *, dry_run: bool, json: bool) -> None:
    if json:
        refused = [{"origin": str(letter.origin), "why": why} for letter, why in done.refused]
        origins = [str(letter.origin) for letter in done.letters]
        print_json({verb: origins, "refused": refused, "dry_run": dry_run})
    else:
        _print_report(done, verb, what_now, dry_run=dry_run)
    if done.refused and not done.letters:
        raise typer.Exit(FAILED)


def _print_report(done: Done, verb: str, what_now: str, *, dry_run: bool) -> None:
    for letter, why in done.refused[:TOLD]:
        warn(f"{letter.origin} cannot be {verb}: {why}")
    if done.refused:
        more = f", {TOLD} of them told above" if len(done.refused) > TOLD else ""
        warn(f"{counted(len(done.refused), 'letter')} cannot be {verb}{more}")
    if not done.letters:
        print_line(f"nothing was {verb}" if done.refused else f"no open dead letter is of that choice: nothing {verb}")
    elif dry_run:
        print_letters(done.letters)
        print_line(f"{counted(len(done.letters), 'letter')} would be {verb}")
    else:
        print_line(f"{verb} {counted(len(done.letters), 'letter')}: {what_now}")
