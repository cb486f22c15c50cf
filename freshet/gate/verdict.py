"""From figures to a verdict: each check with its figure and its limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from freshet.gate.measures import ndcg, overlap
from freshet.gate.questions import Question
from freshet.search.recent import quantile

MIN_JUDGED: Final = 10  # queries that must have been judged, or one opinion would decide
NOISE_SECONDS: Final = 0.01  # what a search may take longer whatever the factor: of a few milliseconds most is chance
_P95: Final = 0.95


@dataclass(frozen=True, slots=True)
class Limits:
    """What a candidate must keep. Why they stand where they stand: docs/decisions/promotion-gate.md."""

    overlap: float = 0.5
    ndcg_loss: float = 0.02
    slowdown: float = 1.5
    lag_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `figure` and `limit` for people, `value` and `bound` for programs.

    `passed` is None where it could not be measured, which refuses nothing; `figure` says why then.
    """

    name: str
    passed: bool | None
    figure: str
    limit: str
    value: float | None = None
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version finds for a question: document ids, best first, and the seconds that it took."""

    found: Sequence[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what both versions answer."""

    question: Question
    live: Answer
    candidate: Answer


def refused(checks: Sequence[Check]) -> bool:
    """Whether one of them refuses the candidate."""
    return any(check.passed is False for check in checks)


def caught_up(events: int, seconds: float, *, built: bool, limits: Limits) -> Check:
    """Whether the candidate has been built, and follows the log closely."""
    figure = f"{seconds:.1f} s ({events:,} events) behind the log" + ("" if built else ", and not built yet")
    limit = f"at most {limits.lag_seconds:g} s, and built"
    return Check("caught up", built and seconds <= limits.lag_seconds, figure, limit, seconds, limits.lag_seconds)


def true_to_the_log(differing: int, *, documents: int, vectors: int) -> Check:
    """Whether the candidate is the fold of the log."""
    figure = f"{differing:,} differences ({documents:,} documents, {vectors:,} vectors compared)"
    return Check("true to the log", differing == 0, figure, "0", differing, 0)


def agrees(asked: Sequence[Asked], limits: Limits) -> Check:
    """Whether the candidate finds much of what the live version finds; where nothing finds anything nobody knows."""
    name, limit = "overlap", f"at least {limits.overlap:.2f}"
    if not asked:
        return Check(name, None, "not measured: the live version holds nothing to ask for", limit, None, limits.overlap)
    shares = [share for each in asked if (share := overlap(each.live.found, each.candidate.found)) is not None]
    if not shares:
        return Check(name, False, "no query finds anything in either version", limit, None, limits.overlap)
    mean = fmean(shares)
    figure = f"{mean:.2f} of the first 10 documents ({len(shares):,} queries)"
    return Check(name, mean >= limits.overlap, figure, limit, mean, limits.overlap)


def judged_well(asked: Sequence[Asked], limits: Limits) -> Check:
    """Whether the candidate puts what people liked as high as the live version does."""
    name, limit = "nDCG@10", f"at most {limits.ndcg_loss:g} below the live version's"
    pairs = [
        (live, candidate)
        for each in asked
        if (live := ndcg(each.live.found, each.question.judgements)) is not None
        and (candidate := ndcg(each.candidate.found, each.question.judgements)) is not None
    ]
    if len(pairs) < MIN_JUDGED:
        figure = f"not measured: {len(pairs)} queries have judgements, {MIN_JUDGED} are needed"
        return Check(name, None, figure, limit, None, limits.ndcg_loss)
    live, candidate = (fmean(each) for each in zip(*pairs, strict=True))
    figure = f"{candidate:.3f}, the live version {live:.3f} ({len(pairs):,} judged queries)"
    # Rounded, or a loss of just what is allowed would be refused for its last digit.
    return Check(
        name, round(live - candidate, 9) <= limits.ndcg_loss, figure, limit, live - candidate, limits.ndcg_loss
    )


def fast(asked: Sequence[Asked], limits: Limits) -> Check:
    """Whether searches take much longer on the candidate: the 95th percentile, without embedding and reranking."""
    name, limit = "p95 latency", f"at most {limits.slowdown:g} times the live version's"
    if not asked:
        return Check(name, None, "not measured: there are no queries", limit, None, limits.slowdown)
    live, candidate = (quantile([each.seconds for each in both], _P95) for both in _both(asked))
    figure = f"{candidate * 1_000:.1f} ms, the live version {live * 1_000:.1f} ms"
    passed = candidate <= max(live * limits.slowdown, live + NOISE_SECONDS)
    return Check(name, passed, figure, limit, candidate / live if live else None, limits.slowdown)


def _both(asked: Sequence[Asked]) -> tuple[list[Answer], list[Answer]]:
    return [each.live for each in asked], [each.candidate for each in asked]
