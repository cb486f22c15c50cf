"""`freshet demo`"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn
from urllib.parse import quote_plus

import typer

from freshet.cli.output import print_json, print_line, warn
from freshet.cli.running import run_quietly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshet.cli.seeding import Seed
    from freshet.local.stack import LocalStack

EXAMPLE: Final = "how do I parse json"
SEED_FILE: Final = "published.json"
INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Demo:
    """What was asked for. Without queries, people type them, or programs ask the service."""

    folder: Path
    jars: Sequence[Path]
    port: int
    modules: Sequence[str]
    queries: Sequence[str]
    json: bool


def demo(
    *,
    query: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Answer this and end; repeatable.")] = None,
    modules: Annotated[str, typer.Option(metavar="NAME,…", help="Index these modules only, which is quicker.")] = "",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the service; else 8080 or a free one.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with an empty index.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
) -> None:
    """Kafka, the index, a worker and a search service on this machine, with Python's documentation to search."""
    if json and not query:
        raise typer.BadParameter("it is for the answers to --query", param_hint="--json")
    from freshet.local.folders import data_folder
    from freshet.local.stack import locked

    signal.signal(signal.SIGTERM, _interrupt)
    folder = data_folder() / "demo"
    with _disk_errors(), locked(folder, "the demo"):
        if fresh:
            _forget(folder)
        jars = _fetch()
        names = [name.strip() for name in modules.split(",") if name.strip()]
        given = Demo(folder, jars, _port(port), names, query or [], json)
        code = run_quietly(_until_stopped(_run(given)))
    raise typer.Exit(code)


async def _until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """The work's exit code; SIGTERM and Ctrl-C cancel it, once, and what it started is ended in peace."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
    stopping.cancel()
    try:
        return await working
    except asyncio.CancelledError:
        return INTERRUPTED


async def _run(given: Demo) -> int:
    from freshet.cli.seeding import Seed
    from freshet.local.stack import LocalStack

    seed = Seed(given.folder / SEED_FILE, given.modules)
    async with LocalStack(folder=given.folder, jars=given.jars, port=given.port) as stack:
        await _start(stack, seed)
        await stack.guard(_fill(stack, seed))
        if given.queries:
            await stack.guard(_answer(stack.url, given.queries, json=given.json))
        else:
            with suppress(asyncio.CancelledError):  # to be told to stop is how this ends
                await stack.guard(_serve(stack.url))
    return 0


async def _start(stack: LocalStack, seed: Seed) -> None:
    from freshet.local.stack import together

    warn("starting Kafka and the engine of the index")
    if seed.is_published:
        await stack.start_servers()
    else:
        await together(stack.start_servers(), seed.read())
    warn("starting the worker and the search service")
    await stack.guard(stack.start_processes())


async def _fill(stack: LocalStack, seed: Seed) -> None:
    """Publish what is not in the log yet, and wait until everything in it is indexed."""
    from freshet.cli.seeding import wait_until_indexed
    from freshet.schemas.topics import Topics
    from freshet.streams.kafka.connection import KafkaConnection
    from freshet.streams.kafka.offsets import KafkaOffsets
    from freshet.streams.publisher import Publisher

    if not seed.is_published:
        async with Publisher(stack.kafka.bootstrap) as publisher:
            await seed.publish(publisher)
    async with KafkaOffsets(KafkaConnection(stack.kafka.bootstrap, client_id="freshet-demo")) as offsets:
        topic = Topics().documents
        [group, *_] = [each for each in await offsets.groups() if each.startswith(f"freshet.{topic}.")]
        await wait_until_indexed(offsets, topic=topic, group=group, say=warn)


async def _answer(url: str, queries: Sequence[str], *, json: bool) -> None:
    from freshet.cli.answers import print_answer
    from freshet.local.asking import ask

    answers = [(query, await ask(url, query)) for query in queries]
    if json:
        print_json([{"query": query, **answer.model_dump(mode="json")} for query, answer in answers])
        return
    for query, answer in answers:
        print_answer(query, answer)


async def _serve(url: str) -> None:
    """Answer what people type, or let programs ask, until told to stop."""
    from freshet.cli.answers import answer_prompt

    print_line(f"searches are answered at {url}, for example:")
    print_line(f"  curl -s '{url}/search?q={quote_plus(EXAMPLE)}'")
    sys.stdout.flush()
    if sys.stdin.isatty() and sys.stdout.isatty():
        print_line("type a query, or Ctrl-D to end")
        await answer_prompt(url)
    else:
        await asyncio.Event().wait()


def _port(wanted: int | None) -> int:
    from freshet.local.stack import SEARCH_PORT, is_free, search_port

    if wanted is None:
        port = search_port()
        if port != SEARCH_PORT:
            warn(f"port {SEARCH_PORT} is in use; the search service takes {port}")
        return port
    if not is_free(wanted):
        raise typer.BadParameter(f"port {wanted} is in use", param_hint="--port")
    return wanted


def _fetch() -> list[Path]:
    """What the parts need and this machine does not have yet; answers Kafka's class path."""
    from rich.console import Console

    from freshet.local.artifacts import Artifacts
    from freshet.local.bars import fetch_kafka, fetch_model
    from freshet.local.folders import cache_folder

    artifacts, console = Artifacts(cache_folder()), Console(stderr=True)
    at_terminal = sys.stderr.isatty()
    if not at_terminal and not (artifacts.has_kafka() and artifacts.has_model()):
        warn(f"downloading Apache Kafka and the embedding model, once, to {cache_folder()}")
    if at_terminal:
        fetch_model(artifacts, console)
        return fetch_kafka(artifacts, console)
    artifacts.model_folder()
    return artifacts.kafka_jars()


def _forget(folder: Path) -> None:
    for part in ("kafka", "qdrant"):
        shutil.rmtree(folder / part, ignore_errors=True)
    (folder / SEED_FILE).unlink(missing_ok=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """A full disk, or a folder that is not ours, in one line."""
    from freshet.local.processes import LocalPartError

    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise LocalPartError(f"{error.strerror or error}{where}") from error


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Before the event loop runs, SIGTERM ends a download as Ctrl-C does."""
    raise KeyboardInterrupt
