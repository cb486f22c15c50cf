"""`freshet replay`: building an index version from the log beside the live one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freshet.cli import processes, replay_plan
from freshet.cli.exits import INTERRUPTED
from freshet.cli.output import print_line
from freshet.cli.replay_view import View, keep_showing, open_view
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.cli.processes import Signals
    from freshet.settings import Settings

Version = Annotated[
    str | None,
    typer.Argument(
        metavar="VERSION",
        help="Its name or fingerprint, or a beginning that no other one has; else the only one that is not live.",
    ),
]

app = typer.Typer(
    help="Build a new version of the index from the log, beside the one that searches use.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("plan")(replay_plan.plan)


@app.command("run")
def run(
    *,
    events_per_second: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="N",
            help="Limit of all processes together; kept until: freshet replay limit none.",
        ),
    ] = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End then, instead of following the log.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for all that happens.")] = False,
) -> None:
    """Build the version that the settings describe, and keep it true to the log until it is promoted or dropped.

    Ctrl-C ends it in order, and the next run goes on; with --until-caught-up the exit code is 130 then. Several share
    the work by partitions.
    """
    with open_view(json=json) as view:
        processes.run(partial(run_replay, limit=events_per_second, until_caught_up=until_caught_up, view=view))
        is_done = view.end()
    if until_caught_up and not is_done:
        raise typer.Exit(INTERRUPTED)


async def run_replay(
    given: Settings,
    signals: Signals,
    *,
    view: View,
    limit: float | None = None,
    until_caught_up: bool = False,
    **options: Any,
) -> None:
    """A build until it is told to stop, or its version is dropped; `options` are those of its wiring."""
    import asyncio

    from freshet.garbage import spare_what_stays
    from freshet.schemas.errors import DroppedError
    from freshet.wiring.replay import replay_process

    async def stop_when_caught_up() -> None:
        await replay.build.caught_up.wait()
        signals.stop.set()

    try:
        async with replay_process(given, limit=limit, **options) as replay:
            signals.ready.set()
            spare_what_stays()
            tasks = [asyncio.create_task(keep_showing(view, replay.build))]
            if until_caught_up:
                tasks.append(asyncio.create_task(stop_when_caught_up()))
            try:
                await replay.worker.run(signals.stop)
            finally:
                for task in tasks:
                    task.cancel()
                if (seen := replay.build.seen) is not None:
                    view.show(seen)
    except DroppedError as error:
        view.dropped(str(error))


@app.command("pause")
def pause(version: Version = None) -> None:
    """Hold the build of a version: its processes stay, and do nothing until `freshet replay resume`."""
    from freshet.search.index.facts import PAUSED

    name = _order(version, {PAUSED: True})
    print_line(f"{name} is paused; go on with: freshet replay resume {name}")


@app.command("resume")
def resume(version: Version = None) -> None:
    """Go on with a build that was paused."""
    from freshet.search.index.facts import PAUSED

    print_line(f"{_order(version, {PAUSED: False})} is being built again")


@app.command("limit")
def limit(
    events: Annotated[str, typer.Argument(metavar="N|none", help="Events per second, of all processes together.")],
    version: Version = None,
) -> None:
    """Limit how fast a version is built."""
    from freshet.search.index.facts import LIMIT

    most = _number(events)
    name = _order(version, {LIMIT: most})
    print_line(f"{name} is built as fast as it goes" if most is None else f"{name} takes {most:g} events per second")


def _number(given: str) -> float | None:
    if given == "none":
        return None
    try:
        number = float(given)
    except ValueError:
        number = 0.0
    if not 0.001 <= number < float("inf"):
        raise typer.BadParameter(f"{given!r} is neither a number of events per second nor none")
    return number


def _order(version: str | None, facts: dict[str, Any]) -> str:
    from freshet.wiring.replay import order

    return run_quietly(order(settings(), version, facts))
