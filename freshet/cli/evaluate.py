"""`freshet evaluate`"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.exits import INTERRUPTED
from freshet.cli.interrupts import Interrupts
from freshet.cli.output import counted, print_json, print_line, print_table, warn
from freshet.cli.progress import progress_bar
from freshet.cli.running import run_quietly, settings
from freshet.schemas.errors import FreshetError

if TYPE_CHECKING:
    from freshet.evaluation.beir import Judged
    from freshet.evaluation.comparing import Change
    from freshet.evaluation.results import Evaluation
    from freshet.evaluation.runs import Run
    from freshet.settings import Settings

EXTRA: Final = ("pytrec_eval", "scipy")


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="corpus.jsonl, queries.jsonl and qrels/test.tsv, in the format of BEIR."),
    ],
    *,
    modes: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Of sparse, dense, hybrid and reranked; else all that the settings allow."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Compare with a result that was saved, or one of --json.")
    ] = None,
    save: Annotated[str | None, typer.Option(metavar="NAME", help="Keep the result, for --against.")] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="The judgements: qrels/NAME.tsv.")] = "test",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the collection, and use the one that was kept of the same corpus.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the scores of each query.")] = False,
) -> None:
    """Measure how good searches are, on documents and queries whose answers people have judged.

    The corpus is indexed into a collection of its own by what the worker consists of, and every query is answered by
    what the search service consists of, with the same settings: models, languages, fusion. Searches of others see
    nothing of it, and Kafka is not needed. Where no Qdrant is set and none runs here, the local engine is used.
    """
    _check_packages()
    from freshet.evaluation.results import kept, load
    from freshet.evaluation.results import save as keep_result
    from freshet.evaluation.runs import choose

    results = _results_folder()
    given = settings()
    runs = choose(modes, reranks=given.rerank.provider != "off")
    if save is not None:
        kept(save, results)
    judged = _read(folder, split, given)
    earlier = None if against is None else load(against, results)
    if earlier is not None:
        from freshet.evaluation.comparing import demand_comparable

        demand_comparable(earlier, judged.queries_digest, [run.name for run in runs])
    _fetch_model(given)
    try:
        found = run_quietly(Interrupts().run(_evaluate(given, judged, runs, keep=keep)))
    except asyncio.CancelledError:
        raise typer.Exit(INTERRUPTED) from None
    file = None if save is None else keep_result(found, save, results)
    _print(found, earlier, json=json)
    if file is not None:
        warn(f"kept as {save}: {file}")


def _check_packages() -> None:
    from freshet.cli.preflight import missing_packages

    if told := missing_packages(EXTRA, "evaluate"):
        raise FreshetError(told)


def _results_folder() -> Path:
    from freshet.local.folders import data_folder

    return data_folder() / "evaluations"


def _read(folder: Path, split: str, given: Settings) -> Judged:
    from freshet.evaluation.beir import read_folder
    from freshet.evaluation.evaluating import rules

    judged = read_folder(folder, split=split, rules=rules(given))
    if judged.unknown:
        warn(f"{counted(judged.unknown, 'judgement')} of documents that the corpus does not have: they count as missed")
    return judged


def _fetch_model(given: Settings) -> None:
    from freshet.local.folders import cache_folder
    from freshet.wiring.parts import fetch_model, is_model_missing

    if is_model_missing(given):
        warn(f"downloading the embedding model, once, to {cache_folder()}")
        fetch_model(given)


async def _evaluate(given: Settings, judged: Judged, runs: Sequence[Run], *, keep: bool) -> Evaluation:
    from freshet.evaluation.evaluating import evaluate as evaluate_with
    from freshet.evaluation.opening import open_parts

    async with open_parts(given, bar=progress_bar, say=warn, keep=keep) as parts:
        return await evaluate_with(judged, runs, parts, keep=keep)


def _print(found: Evaluation, earlier: Evaluation | None, *, json: bool) -> None:
    from freshet.evaluation.comparing import compare

    changes = [] if earlier is None else compare(earlier, found)
    if json:
        compared = {} if earlier is None else {"changes": [_as_json(each) for each in changes]}
        print_json({**found.model_dump(mode="json"), **compared})
        return
    corpus, setup = found.corpus, found.setup
    print_line(
        f"{corpus.name}: {counted(corpus.documents, 'document')}, {counted(corpus.passages, 'passage')}, "
        f"{corpus.queries:,} judged queries ({corpus.split}); {setup.model}, {setup.fusion}"
    )
    _print_runs(found)
    if earlier is not None:
        _print_changes(changes, earlier, found)
    sys.stdout.flush()


def _print_runs(found: Evaluation) -> None:
    from freshet.evaluation.measuring import MEASURES

    rows = [
        (
            run.name,
            *(f"{run.measures[name]:.3f}" for name in MEASURES),
            f"{run.latency_ms.p50:.1f} ms",
            f"{run.latency_ms.p95:.1f} ms",
        )
        for run in found.runs
    ]
    numbers = (*MEASURES, "p50", "p95")
    print_table(("search", *numbers), rows, right=numbers)
    for run in found.runs:
        if run.degraded:
            warn(f"{run.name}: {counted(run.degraded, 'answer')} of {len(run.queries):,} had to do without something")


def _print_changes(changes: Sequence[Change], earlier: Evaluation, found: Evaluation) -> None:
    if earlier.corpus.digest != found.corpus.digest:
        warn("the documents are not the same as then")
    columns = ("search", "measure", "before", "now", "delta", "p", "better", "worse")
    rows = [
        (
            *(each.run, each.measure, f"{each.before:.3f}", f"{each.after:.3f}"),
            *(f"{each.delta:+.3f}", f"{each.p:.4f}", each.wins, each.losses),
        )
        for each in changes
    ]
    print_table(columns, rows, right=columns[2:])


def _as_json(change: Change) -> dict[str, Any]:
    return {**asdict(change), "delta": change.delta}
