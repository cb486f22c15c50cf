"""`freshet warm`"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from freshet.cli.exits import FAILED
from freshet.cli.output import counted, print_json, print_line, printable, shortened, warn
from freshet.cli.progress import Advance, progress_bar
from freshet.cli.running import connection, run_quietly, settings
from freshet.schemas.errors import DeniedError, OutsideError, SettingsError

if TYPE_CHECKING:
    from freshet.schemas.http import SearchRequest
    from freshet.search.client import SearchClient
    from freshet.settings import Settings

STDIN: Final = "-"
PATIENCE_SECONDS: Final = 120.0  # for which a service may have too much to do for any one query
GIVE_UP: Final = 5  # queries that fail one after the other
SHOWN: Final = 10  # failures told one by one
LOOK_BACK: Final = 20_000  # records of each partition of search.queries


@dataclass
class Summary:
    """What became of the queries. An answer that had to do without something is computed, and not kept."""

    computed: int = 0
    cached: int = 0
    not_kept: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)

    def fail(self, what: str, message: str) -> None:
        if len(self.failed) < SHOWN:
            warn(f"{printable(shortened(what, 80))}: {message}")
        self.failed.append({"query": what, "message": message})


def warm(
    source: Annotated[
        str | None, typer.Argument(metavar="FILE | -", help="Searches, one a line: a text, or JSON as POST /search.")
    ] = None,
    *,
    from_queries: Annotated[
        bool, typer.Option("--from-queries", help="The most frequent of search.queries, where recorded with text.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="So many of those.")] = 100,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The search service; else the one of the settings, here.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Holds the API key, where one is asked for."),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, max=32, help="Most searches at once.")] = 4,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send searches to a running search service, so that their answers are kept for whoever asks next.

    They wait while the service has much to do, are not recorded, and are no searches in its metrics. Where services
    share a Redis, all have the answers. The exit code is 0 when all were answered.
    """
    if (source is None) != from_queries:
        raise typer.BadParameter("give either FILE or --from-queries")
    given, summary = settings(), Summary()
    requests = _recorded(given, top) if source is None else _read(source, summary)
    address = url or f"http://127.0.0.1:{given.search.port}"
    with progress_bar("warming", len(requests)) as advance:
        run_quietly(_warm(requests, summary, advance, url=address, key=_key(key_file), at_once=at_once))
    _report(summary, json=json)
    if summary.failed:
        raise typer.Exit(FAILED)


def _key(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise SettingsError(f"--key-file: {file} is not UTF-8") from error


def _recorded(given: Settings, top: int) -> list[SearchRequest]:
    from freshet.schemas.topics import Topics
    from freshet.search.results.popular import Popular
    from freshet.streams.recorded_requests import count_recorded

    counts = Popular(room=20_000, half_life=float("inf"))
    topics = Topics(given.topics.documents)
    run_quietly(count_recorded(connection(given), topics, counts, index=given.index, look_back=LOOK_BACK))
    found = counts.top(top)
    if not found:
        warn(f"{topics.queries} holds no query of {given.index} in words: FRESHET_SEARCH__RECORD_QUERIES=text")
    return found


def _read(source: str, summary: Summary) -> list[SearchRequest]:
    """The searches of a file, each once; bad lines are failures."""
    if source == STDIN:
        return list(requests_of(sys.stdin.buffer, summary))
    try:
        with Path(source).open("rb") as file:
            return list(requests_of(file, summary))
    except OSError as error:
        raise typer.BadParameter(f"cannot read {source}: {error.strerror}") from error


def requests_of(lines: Iterable[bytes], summary: Summary) -> Iterator[SearchRequest]:
    """A search a line, each once; empty lines are passed over, and `summary` hears of bad ones."""
    from pydantic import ValidationError

    seen: set[bytes] = set()
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text in seen:
            continue
        seen.add(text)
        try:
            yield _request(text)
        except UnicodeDecodeError as error:
            summary.fail(f"line {number}", f"is not UTF-8 (byte {error.start})")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            summary.fail(f"line {number}", f"{where}: {first['msg']}" if where else first["msg"])


def _request(text: bytes) -> SearchRequest:
    from freshet.schemas.http import SearchRequest

    if text.startswith(b"{"):
        return SearchRequest.model_validate_json(text)
    return SearchRequest(query=text.decode())


async def _warm(
    requests: Sequence[SearchRequest], summary: Summary, advance: Advance, *, url: str, key: str | None, at_once: int
) -> None:
    from freshet.search.client import SearchClient

    waiting = iter(requests)
    async with SearchClient(url, api_key=key, retry_seconds=PATIENCE_SECONDS) as client:
        asking = [asyncio.create_task(_ask_all(client, waiting, summary, advance)) for _ in range(at_once)]
        try:
            await asyncio.gather(*asking)
        finally:
            for each in asking:
                each.cancel()
            await asyncio.wait(asking)


async def _ask_all(client: SearchClient, waiting: Iterator[SearchRequest], summary: Summary, advance: Advance) -> None:
    """Ask one after the other, of those that others have not taken; give up where the service is not there."""
    failed = 0
    for request in waiting:
        try:
            answer = await client.warm(**request.model_dump(mode="json", by_alias=True, exclude_unset=True))
        except DeniedError:
            raise
        except OutsideError as error:
            summary.fail(request.query, str(error))
            failed += 1
            if failed == GIVE_UP:
                raise
        else:
            failed = 0
            summary.cached += answer.cached
            summary.not_kept += bool(answer.degraded)
            summary.computed += not answer.cached
        advance(1)


def _report(summary: Summary, *, json: bool) -> None:
    if json:
        print_json(asdict(summary))
        return
    failed = len(summary.failed)
    print_line(f"{counted(summary.computed, 'answer')} computed, {summary.cached:,} already kept, {failed:,} failed")
    if summary.not_kept:
        warn(f"{counted(summary.not_kept, 'answer')} had to do without something, and are not kept")
