"""Whether one evaluation is better than another, or only happens to look so.

A paired randomisation test (Smucker, Allan and Carterette 2007): were both the same, each query's difference might as
well have the other sign. p is twice the share of such worlds whose mean difference goes at least as far to its side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from freshet.evaluation.measuring import MEASURES
from freshet.evaluation.results import Evaluation, RunResult
from freshet.schemas.errors import SettingsError

WORLDS: Final = 10_000
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Change:
    """How one measure of one run has changed, and on how many queries it rose and fell."""

    run: str
    measure: str
    before: float
    after: float
    p: float
    wins: int
    losses: int

    @property
    def delta(self) -> float:
        return self.after - self.before


def demand_comparable(earlier: Evaluation, queries_digest: str, runs: Collection[str]) -> None:
    """Raise SettingsError unless the same was asked there and judged in the same way, in one of these runs at least."""
    if earlier.corpus.queries_digest != queries_digest:
        there = f"{earlier.corpus.name}, {earlier.corpus.split}: {earlier.corpus.queries:,} queries"
        raise SettingsError(f"--against: other queries or other judgements were used there ({there})")
    names = [run.name for run in earlier.runs]
    if not set(names) & set(runs):
        raise SettingsError(f"--against: there is only {', '.join(names) or 'nothing'} to compare with")


def compare(before: Evaluation, after: Evaluation) -> list[Change]:
    """Each measure of the runs that both have. Raises SettingsError where they cannot be compared."""
    demand_comparable(before, after.corpus.queries_digest, [run.name for run in after.runs])
    earlier = {run.name: run for run in before.runs}
    return [change for run in after.runs if run.name in earlier for change in _changes(earlier[run.name], run)]


def p_value(differences: Sequence[float]) -> float:
    """That differences of this mean come by chance, two-sided."""
    if len(differences) < 2 or not any(differences):
        return 1.0
    from scipy.stats import permutation_test

    def mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], axis: int) -> object:
        return np.mean(values, axis=axis)

    tested = permutation_test(
        (np.asarray(differences, np.float64),),
        mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=WORLDS,
        rng=np.random.default_rng(SEED),
    )
    return float(tested.pvalue)


def _changes(old: RunResult, new: RunResult) -> Iterator[Change]:
    if old.queries.keys() != new.queries.keys():
        raise SettingsError(f"--against: its run {old.name!r} has the scores of other queries")
    for name in MEASURES:
        try:
            pairs = [(old.queries[query][name], scores[name]) for query, scores in new.queries.items()]
        except KeyError as error:
            raise SettingsError(f"--against: its run {old.name!r} lacks {name} of some queries") from error
        differences = [later - earlier for earlier, later in pairs]
        before, after = (sum(each) / len(pairs) for each in zip(*pairs, strict=True))
        wins, losses = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
        yield Change(new.name, name, before, after, p_value(differences), wins, losses)
