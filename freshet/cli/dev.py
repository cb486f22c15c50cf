"""`freshet dev`"""

from __future__ import annotations

import shlex
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from freshet.cli.output import print_json, print_line, print_table, warn

if TYPE_CHECKING:
    from types import FrameType

    from freshet.local.dev.files import DevFolder, Running
    from freshet.local.dev.look import PartState

app = typer.Typer(
    help="Kafka and the index engine in the background, to develop against.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

COLUMNS: Final = ("part", "state", "address", "data", "log")


@app.command()
def up(*, json: Json = False) -> None:
    """Start Kafka and the index engine in the background; print the settings to export: eval "$(freshet dev up)"."""
    from freshet.cli.preflight import check_packages, disk_errors
    from freshet.local.dev.control import start

    signal.signal(signal.SIGTERM, _interrupt)
    check_packages()
    folder = _folder()
    with disk_errors([folder.path]):
        _fetch()
        if folder.running() is None:
            warn("starting Kafka and the engine of the index")
        running, new = start(folder, lambda: warn("another command is starting or ending them; waiting"))
    if json:
        facts = {"started": new, "pid": running.pid, "folder": str(folder.path), "environment": _environment(running)}
        print_json(facts)
        return
    for name, value in _environment(running).items():
        print_line(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()
    _tell(folder, running, new=new)


@app.command()
def down() -> None:
    """End them; their data stay."""
    from freshet.local.dev.control import stop

    folder = _folder()
    print_line(f"{'ended' if stop(folder) else 'nothing runs'}; the data stay in {folder.path}")


@app.command()
def status(*, json: Json = False) -> None:
    """Whether they answer, and where; exit code 1 when one does not."""
    from freshet.cli.running import run_quietly
    from freshet.local.dev.look import look

    folder = _folder()
    states = run_quietly(look(folder))
    ended = folder.why_it_ended()
    if json:
        print_json({"folder": str(folder.path), "ended": ended, "parts": [_as_json(each) for each in states]})
    else:
        print_table(COLUMNS, [_row(each) for each in states], right=["data"])
        if ended is not None:
            warn(f"the last run ended by itself: {ended}")
        elif folder.is_locked() and folder.running() is None:
            warn("they are being started or ended")
    if not all(each.up for each in states):
        raise typer.Exit(1)


def _folder() -> DevFolder:
    from freshet.local.dev.files import DevFolder
    from freshet.local.folders import data_folder

    return DevFolder(data_folder() / "dev")


def _environment(running: Running) -> dict[str, str]:
    """The settings with which every command and process finds the parts."""
    return {
        "FRESHET_KAFKA__BOOTSTRAP_SERVERS": running.bootstrap,
        "FRESHET_QDRANT__URL": running.url,
        "FRESHET_QDRANT__API_KEY": running.api_key,
    }


def _tell(folder: DevFolder, running: Running, *, new: bool) -> None:
    """For people, beside what the shell takes."""
    from freshet.local.dev.ports import KAFKA_PORT, QDRANT_PORT

    warn(f"Kafka answers at {running.bootstrap}, the engine at {running.url}" + ("" if new else ", as before"))
    usual = {"Kafka": (KAFKA_PORT, running.kafka_port), "the engine": (QDRANT_PORT, running.qdrant_port)}
    for part, (port, taken) in usual.items():
        if taken != port:
            warn(f"port {port} was in use, so {part} took {taken}")
    warn(f"data and logs are in {folder.path}")
    if sys.stdout.isatty():
        warn('in this shell: eval "$(freshet dev up)"')
    warn("then: freshet worker, freshet search; to end: freshet dev down")


def _fetch() -> None:
    """Kafka's jars, where this machine does not have them yet."""
    from rich.console import Console

    from freshet.local.artifacts import Artifacts
    from freshet.local.bars import fetch_kafka
    from freshet.local.folders import cache_folder

    artifacts = Artifacts(cache_folder())
    if sys.stderr.isatty():
        fetch_kafka(artifacts, Console(stderr=True))
    elif not artifacts.has_kafka():
        warn(f"downloading Apache Kafka, once, to {cache_folder()}")
        artifacts.kafka_jars()


def _row(state: PartState) -> tuple[object, ...]:
    size = f"{state.data_bytes / 1e6:,.1f} MB"
    return (state.part, "up" if state.up else "down", state.address or "-", size, state.log)


def _as_json(state: PartState) -> dict[str, object]:
    return {
        "part": state.part,
        "up": state.up,
        "address": state.address,
        "data_bytes": state.data_bytes,
        "log": str(state.log),
    }


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends a start as Ctrl-C does, with whatever was started."""
    raise KeyboardInterrupt
