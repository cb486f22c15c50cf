"""`freshet demo`"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.exits import INTERRUPTED
from freshet.cli.interrupts import Interrupts
from freshet.cli.output import warn
from freshet.cli.running import run_quietly

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshet.cli.demo_run import Corpus
    from freshet.cli.mirroring import Say

STATE_FILE: Final = "published.json"
FORGETTING: Final = "forgetting"


def demo(
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            resolve_path=True,
            help="Search the .md, .markdown, .rst and .txt files of this folder instead, and follow their edits.",
        ),
    ] = None,
    modules: Annotated[
        str, typer.Option(metavar="NAME,…", help="Index only these modules of the standard library, which is quicker.")
    ] = "",
    query: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Index everything, answer this and end; repeatable.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answers to --query as JSON.")] = False,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the page and the service; else 8080 or a free one.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what was indexed before, and begin anew.")] = False,
) -> None:
    """Search real documents on this machine: Kafka, the index, a worker and the search page, with nothing to install.

    The documents are those of Python's standard library, or with --folder your own. As soon as searches are answered it
    tells the address of the page, what to try, and how to publish a change from another terminal; then it shows how
    fresh the index is, until Ctrl-C. What was indexed is there again at the next start; each folder has data of its
    own. Everything listens on the loopback address only.

    The first start downloads Apache Kafka and the embedding model (130 MB, checked) to the user's cache folder, or
    FRESHET_CACHE_DIR. Data and logs go to the user's data folder, or FRESHET_DATA_DIR.
    """
    if json and not query:
        raise typer.BadParameter("it is for the answers to --query", param_hint="--json")
    if folder and modules:
        raise typer.BadParameter("it is for the standard library, so not with --folder", param_hint="--modules")
    interrupts = Interrupts()
    try:
        code = _demo(interrupts, folder, modules, query or [], port, json=json, fresh=fresh)
    except KeyboardInterrupt:
        warn("stopping…")
        raise
    raise typer.Exit(code)


def _demo(
    interrupts: Interrupts,
    folder: Path | None,
    modules: str,
    queries: list[str],
    port: int | None,
    *,
    json: bool,
    fresh: bool,
) -> int:
    from freshet.cli.preflight import check_packages, check_space, disk_errors
    from freshet.local.folders import DATA_VARIABLE, cache_folder, data_folder
    from freshet.local.stack import locked

    check_packages()
    name, new_corpus = _corpus(folder, modules)
    data = data_folder() / name
    with disk_errors([data, cache_folder()]), locked(data, "the demo"):
        check_space(data, DATA_VARIABLE)
        if fresh or (data / FORGETTING).exists():
            _forget(data)
        port = _port(port)
        jars = _fetch()
        from freshet.cli.demo_run import Demo, run

        given = Demo(data, jars, port, folder, queries, json)
        return run_quietly(_until_stopped(interrupts, run(given, lambda say: new_corpus(data / STATE_FILE, say))))


async def _until_stopped(interrupts: Interrupts, work: Coroutine[Any, Any, int]) -> int:
    try:
        return await interrupts.run(work)
    except asyncio.CancelledError:
        return INTERRUPTED


def _corpus(folder: Path | None, modules: str) -> tuple[str, Callable[[Path, Say], Corpus]]:
    """The name of its data, and what makes it of the file in which it keeps its state."""
    if folder is None:
        from freshet.cli.seeding import StandardLibrary

        names = [name.strip() for name in modules.split(",") if name.strip()]
        return "demo", lambda file, _: StandardLibrary(file, names)
    from freshet.cli.following import FollowedFolder, data_name
    from freshet.cli.sources import SUFFIXES, text_files

    if not text_files(folder):
        suffixes = ", ".join(sorted(SUFFIXES))
        raise typer.BadParameter(f"there are no text files in {folder} ({suffixes})", param_hint="--folder")
    return data_name(folder), lambda file, say: FollowedFolder(folder, file=file, say=say)


def _port(wanted: int | None) -> int:
    from freshet.local.listening import Listener, taken_by
    from freshet.local.processes import LOOPBACK
    from freshet.local.stack import SEARCH_PORT, usual_or_free

    if wanted is None:
        port = usual_or_free(SEARCH_PORT)
        if port != SEARCH_PORT:
            warn(f"port {SEARCH_PORT} is in use; the search service takes {port}")
        return port
    found = taken_by(LOOPBACK, wanted)
    if found is not Listener.NOBODY:
        reason = "may not be taken by this user" if found is Listener.FORBIDDEN else "is in use"
        raise typer.BadParameter(f"port {wanted} {reason}: name another one, or none", param_hint="--port")
    return wanted


def _fetch() -> list[Path]:
    """What the parts need and this machine does not have yet; answers Kafka's class path."""
    from freshet.cli.preflight import check_space
    from freshet.local.artifacts import Artifacts
    from freshet.local.folders import CACHE_VARIABLE, cache_folder

    artifacts = Artifacts(cache_folder())
    if artifacts.has_kafka() and artifacts.has_model():
        return artifacts.kafka_jars()
    cache_folder().mkdir(parents=True, exist_ok=True)
    check_space(cache_folder(), CACHE_VARIABLE)
    if sys.stderr.isatty():
        from rich.console import Console

        from freshet.local.bars import fetch_kafka, fetch_model

        console = Console(stderr=True)
        fetch_model(artifacts, console)
        return fetch_kafka(artifacts, console)
    warn(f"downloading Apache Kafka and the embedding model, once, to {cache_folder()}")
    artifacts.model_folder()
    return artifacts.kafka_jars()


def _forget(data: Path) -> None:
    """Remove the data. What is forgotten in part would be an index that misses documents: the next start goes on."""
    (data / FORGETTING).touch()
    for part in (data / "kafka", data / "qdrant"):
        if part.exists():
            shutil.rmtree(part)
    (data / STATE_FILE).unlink(missing_ok=True)
    (data / FORGETTING).unlink()
