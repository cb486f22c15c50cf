"""`freshet reprocess`"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli.choosing import names_of
from freshet.cli.output import counted, print_json, print_line, printable
from freshet.cli.progress import progress_bar
from freshet.cli.running import connection, run_quietly, settings
from freshet.cli.stretch import Stretch, meant, stretch_of

if TYPE_CHECKING:
    from freshet.schemas.decoding import Record
    from freshet.settings import Settings
    from freshet.streams.folded import FoldedLog
    from freshet.streams.kafka.reader import KafkaReader
    from freshet.streams.retrying import Spans


def reprocess(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="TIME|OFFSET|ID…",
            help="All events since a time (ISO 8601, or 2h for ago), those of a partition from an offset on "
            "(topic/partition@offset), or those of documents by their ids.",
        ),
    ],
    *,
    by_id: Annotated[bool, typer.Option("--id", help="Take what is given for ids, whatever it looks like.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell how many documents it would be, and stop.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have workers index documents anew as the log says, also where the index holds the same already.

    The newest event of each document goes through the again topic, while workers run; what is newer in the index stays.
    Texts that the embedding cache knows are not embedded again.
    """
    given = settings()
    stretch = stretch_of(what, topic=given.topics.documents, by_id=by_id)
    documents = run_quietly(_reprocess(given, stretch, dry_run=dry_run))
    if json:
        print_json({"documents": documents, "dry_run": dry_run})
        return
    if not documents:
        print_line("nothing to do: the log holds no good event there")
    elif dry_run:
        print_line(f"{counted(documents, 'document')} would be indexed again")
    else:
        print_line(f"{counted(documents, 'document')}: {run_quietly(_what_now(given))}")


async def _what_now(given: Settings) -> str:
    from freshet.wiring.versions import is_followed

    if await is_followed(given) is False:
        return "nobody follows the live version now; to have that done, start: freshet worker"
    return "workers index them again now"


async def _reprocess(given: Settings, stretch: Stretch, *, dry_run: bool) -> int:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from freshet.schemas.topics import Topics
    from freshet.streams.folded import FoldedLog
    from freshet.streams.kafka.producer import KafkaProducer
    from freshet.streams.kafka.reader import KafkaReader
    from freshet.streams.reprocessing import reprocess

    topics = Topics(given.topics.documents)
    async with KafkaReader(connection(given), topics.documents) as reader:
        spans = await _spans(reader, stretch)
        ends = {number: span.stop for number, span in spans.items()}
        with (
            TemporaryDirectory(prefix="freshet-reprocess-") as folder,
            FoldedLog(Path(folder) / "log", topic=topics.documents, rules=given.rules, ends=ends) as log,
        ):
            await _fold(reader, spans, log, wanted=_filter(stretch.ids, tenants=given.tenants))
            _demand_found(stretch, log, given)
            if dry_run:
                return len(log)
            async with KafkaProducer(connection(given)) as sink:
                with progress_bar("putting", len(log)) as advance:
                    return await reprocess(log, sink=sink, topics=topics, order=given.order, advance=advance)


async def _spans(reader: KafkaReader, stretch: Stretch) -> Spans:
    from freshet.schemas.errors import FreshetError

    if stretch.since is not None:
        return await reader.since(stretch.since)
    spans = await reader.spans()
    if stretch.start is None:
        return spans
    span = spans.get(stretch.start.partition)
    if span is None or stretch.start.offset not in span:
        raise FreshetError(f"there is nothing at {stretch.start}: {_reach(span)}")
    return {stretch.start.partition: range(stretch.start.offset, span.stop)}


def _reach(span: range | None) -> str:
    if span is None:
        return "the topic has no such partition"
    return f"the partition has offsets from {span.start} to {span.stop - 1}" if span else "the partition is empty"


async def _fold(reader: KafkaReader, spans: Spans, log: FoldedLog, *, wanted: Callable[[Record], bool]) -> None:
    with progress_bar("reading", sum(map(len, spans.values()))) as advance:
        async for records in reader.read(spans):
            log.add([record for record in records if wanted(record)])
            advance(len(records))
    log.finish()


def _filter(ids: frozenset[str], *, tenants: bool) -> Callable[[Record], bool]:
    def wanted(record: Record) -> bool:
        return not ids or not ids.isdisjoint(names_of((record.key or b"").decode("utf-8", "replace"), tenants=tenants))

    return wanted


def _demand_found(stretch: Stretch, log: FoldedLog, given: Settings) -> None:
    """Raise FreshetError where the log holds no event of a document that was named."""
    from freshet.schemas.errors import FreshetError

    if not stretch.ids:
        return
    found = {name for page in log.pages() for each in page for name in names_of(each.key, tenants=given.tenants)}
    if missing := sorted(stretch.ids - found):
        hints = ["" if stretch.surely else meant(each, topic=given.topics.documents) for each in missing]
        told = [f"the log holds no event of {printable(each)}{hint}" for each, hint in zip(missing, hints, strict=True)]
        raise FreshetError("\n".join(told))
