"""`freshet lag`"""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli.output import print_json, print_line, print_table
from freshet.cli.running import connection, run_quietly, settings

if TYPE_CHECKING:
    from freshet.settings import Settings
    from freshet.streams.kafka.offsets import KafkaOffsets
    from freshet.streams.lag import PartitionLag

COLUMNS = ("topic", "partition", "committed", "end", "events", "seconds")


def lag(
    *,
    group: Annotated[str | None, typer.Option(help="Consumer group; else those of every version of the index.")] = None,
    watch: Annotated[float | None, typer.Option(min=0.2, metavar="SECONDS", help="Repeat so often.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How far the index is behind the log, whether or not a worker runs."""
    run_quietly(_show(settings(), group, watch, json=json))


async def _show(given: Settings, group: str | None, watch: float | None, *, json: bool) -> None:
    import asyncio

    from freshet.streams.kafka.offsets import KafkaOffsets

    async with KafkaOffsets(connection(given)) as offsets:
        while True:
            lags = await _measure(offsets, given, group)
            if json:
                print_json([asdict(each) for each in lags])
            else:
                _print(lags)
            if watch is None:
                return
            await asyncio.sleep(watch)


async def _measure(offsets: KafkaOffsets, given: Settings, group: str | None) -> list[PartitionLag]:
    """The lag of one group, or of all that belong to the index; where there is none yet, of the one to come.

    A version that was made of another topic is measured against that one.
    """
    from freshet.schemas.topics import Topics
    from freshet.search.index.identity import is_group_of
    from freshet.streams.lag import lag_of_group

    groups = [group] if group else [each for each in await offsets.groups() if is_group_of(given.index, each)]
    found = []
    for each in groups or [f"freshet.{given.index}.*"]:
        found += await lag_of_group(offsets, group=each, otherwise=Topics(given.topics.documents))
    return found


def _print(lags: list[PartitionLag]) -> None:
    for group, of_group in groupby(lags, key=lambda each: each.group):
        print_line(group)
        print_table(COLUMNS, map(_row, of_group), right=COLUMNS[1:])
    events, seconds = sum(each.events for each in lags), max((each.seconds for each in lags), default=0.0)
    print_line(f"{events:,} events behind, the oldest for {seconds:.1f} s" if events else "caught up")


def _row(each: PartitionLag) -> tuple[object, ...]:
    return each.topic, each.partition, _or_dash(each.committed), each.end, each.events, f"{each.seconds:.1f}"


def _or_dash(offset: int | None) -> str:
    return "-" if offset is None else str(offset)
