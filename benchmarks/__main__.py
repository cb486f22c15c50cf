"""`python -m benchmarks [NAME…]`: runs benchmarks, prints their figures and keeps them in benchmarks/latest.json."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks import caching, changes, freshness, growth, indexing, quality, rebuild, searching, start
from benchmarks.corpus import read_corpus
from benchmarks.figures import Figure, merge, significant
from benchmarks.stack import Given, scratch
from freshet.cli.output import print_table, warn
from freshet.schemas.errors import FreshetError
from freshet.streams.kafka.logs import silence_client_logs

BENCHMARKS: Final[Mapping[str, Callable[[Given], Coroutine[Any, Any, list[Figure]]]]] = {
    "indexing": indexing.run,
    "changes": changes.run,
    "freshness": freshness.run,
    "searching": searching.run,
    "caching": caching.run,
    "rebuild": rebuild.run,
    "growth": growth.run,
    "quality": quality.run,
    "start": start.run,
}
JUDGED: Final = {"quality"}  # what needs queries whose answers people have judged
LATEST: Final = Path(__file__).with_name("latest.json")
DOCUMENTS: Final = 4_000
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help=f"Of {', '.join(BENCHMARKS)}; all but quality when none is given."),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A corpus in the format of BEIR, not the default; quality needs one."),
    ] = None,
    documents: Annotated[int, typer.Option(min=1, help="How many documents to index.")] = DOCUMENTS,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the latest figures are kept.")] = LATEST,
) -> None:
    """Measure Freshet on this machine: Kafka, the index, worker and search as processes of their own."""
    chosen = names or [name for name in BENCHMARKS if name not in JUDGED]
    if unknown := sorted(set(chosen) - set(BENCHMARKS)):
        raise typer.BadParameter(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if corpus is None and JUDGED & set(chosen):
        raise typer.BadParameter("quality needs a folder with queries and judgements", param_hint="--corpus")
    silence_client_logs()
    try:
        _run(chosen, corpus, documents, out)
    except FreshetError as error:
        warn(f"benchmarks: {error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _run(names: Sequence[str], corpus: Path | None, documents: int, out: Path) -> None:
    from freshet.local.artifacts import Artifacts
    from freshet.local.folders import cache_folder

    artifacts = Artifacts(cache_folder())
    jars = artifacts.kafka_jars()
    artifacts.model_folder()
    events = read_corpus(corpus)
    for name in names:
        warn(f"== {name}")
        with scratch() as folder:
            figures = asyncio.run(BENCHMARKS[name](Given(jars, folder, events, documents, corpus)))
        merge(out, figures[0].benchmark, [_rounded(each) for each in figures])
        _print(figures)


def _rounded(figure: Figure) -> Figure:
    baseline = None if figure.baseline is None else significant(figure.baseline)
    return Figure(figure.name, significant(figure.value), figure.unit, figure.goal, baseline)


def _print(figures: Sequence[Figure]) -> None:
    marks = {True: "reached", False: "missed", None: ""}
    rows = [
        (each.name, f"{each.value:,.2f}", each.unit, _text(each.baseline), each.goal or "", marks[each.reached])
        for each in figures
    ]
    print_table(("figure", "value", "unit", "baseline", "goal", ""), rows, right=("value", "baseline"))
    sys.stdout.flush()


def _text(baseline: float | None) -> str:
    return "" if baseline is None else f"{baseline:,.2f}"


if __name__ == "__main__":
    app()
