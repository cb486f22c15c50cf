"""`freshet promote`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli import kept
from freshet.cli.exits import REFUSED
from freshet.cli.output import print_json, print_line, warn
from freshet.cli.progress import progress_bar
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.gate.verdict import Check, Limits
    from freshet.settings import Settings
    from freshet.wiring.promote import Promotion

QUERIES = 200


def promote(
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION",
            help="Its name or fingerprint, or a beginning; without --force it must be the one of the settings.",
        ),
    ] = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Without any check; with VERSION also without a model.")
    ] = False,
    queries: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Ask these queries, one a line."),
    ] = None,
    queries_count: Annotated[
        int, typer.Option(min=1, max=10_000, help="Ask so many queries: the last ones, or the first of FILE.")
    ] = QUERIES,
    min_overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the first 10 documents that both versions find.")
    ] = 0.5,
    max_ndcg_loss: Annotated[
        float, typer.Option(min=0, max=1, help="What nDCG@10 may be below that of the live version.")
    ] = 0.02,
    max_slowdown: Annotated[
        float, typer.Option(min=1, help="How many times as long the 95th percentile of searches may take.")
    ] = 1.5,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put the version that the settings describe live, if it is as good as the one that is.

    It must have caught up, equal the log, find much the same documents for the last queries, rank those that people
    judged no worse, and be about as fast. Where a check refuses, the exit code is 3 and nothing has changed. The switch
    is one step, and freshet rollback takes it back. Where the live version has another model, name that in
    FRESHET_SEARCH__OTHER_MODELS.
    """
    from freshet.gate.verdict import Limits

    limits = Limits(overlap=min_overlap, ndcg_loss=max_ndcg_loss, slowdown=max_slowdown)
    given = settings()
    done = _forced(given, version) if force else _examined(given, version, limits, queries_count, queries, json=json)
    if json:
        print_json(_as_json(done))
    else:
        _tell(done)
    if done.refused:
        raise typer.Exit(REFUSED)


def _forced(given: Settings, version: str | None) -> Promotion:
    from freshet.wiring.parts import fetch_model
    from freshet.wiring.promote import force

    if version is None:
        fetch_model(given)
    return run_quietly(force(given, version))


def _examined(
    given: Settings, version: str | None, limits: Limits, count: int, file: Path | None, *, json: bool
) -> Promotion:
    from freshet.wiring import promote as wiring
    from freshet.wiring.parts import fetch_model

    def tell(check: Check) -> None:
        if not json:
            _print_check(check)

    fetch_model(given)
    examination = wiring.Examination(limits, count, file, progress_bar, warn, tell)
    return run_quietly(wiring.promote(given, version, examination))


def _print_check(check: Check) -> None:
    mark = {True: "passed", False: "REFUSED", None: "-"}[check.passed]
    print_line(f"{mark:8} {check.name}: {check.figure}; limit: {check.limit}")


def _tell(done: Promotion) -> None:
    if done.refused:
        names = ", ".join(check.name for check in done.checks if check.passed is False)
        print_line(f"{done.version} stays as it is, for {names} refused it; live is still {done.left or 'none'}")
    elif done.was_live:
        print_line(f"{done.version} is live already; to put another one live, give the settings that it was built with")
    else:
        print_line(f"live: {done.version}; before: {done.left or 'none'}")
        if done.kept is not None:
            kept.tell(done.kept)
        _tell_next(done)


def _tell_next(done: Promotion) -> None:
    print_line(
        "start workers with the settings of this version, beside the others, and give them to search services, too"
    )
    if done.left is not None:
        print_line(f"{done.left} is kept true to the log as long as its workers run; back to it: freshet rollback")
        print_line(f"once it is not needed any more: freshet versions drop --force {done.left}")


def _as_json(done: Promotion) -> dict[str, object]:
    return {
        "version": done.version,
        "live": done.left if done.refused else done.version,
        "left": None if done.was_live else done.left,
        "promoted": not done.refused and not done.was_live,
        "checks": [asdict(check) for check in done.checks],
        **({} if done.kept is None else kept.as_json(done.kept)),
    }
