"""The ways of asking that are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.errors import SettingsError
from freshet.schemas.http import MAX_LIMIT, Mode, SearchRequest

RERANKED: Final = "reranked"
FIRST_PAGE: Final = 10


@dataclass(frozen=True, slots=True)
class Run:
    """A way of asking: the name of its row, and the requests for a query.

    The first one is timed, and its documents come first; the others tell what follows them.
    """

    name: str
    requests: Callable[[str], Sequence[SearchRequest]]


def _in_mode(mode: Mode) -> Run:
    return Run(mode, lambda text: [SearchRequest(query=text, mode=mode, limit=MAX_LIMIT, rerank=False)])


def _reranked(text: str) -> list[SearchRequest]:
    """A page as people ask for it, for the limit decides how many are reranked; then the rest as it was fused."""
    return [
        SearchRequest(query=text, limit=FIRST_PAGE, rerank=True),
        SearchRequest(query=text, limit=MAX_LIMIT, rerank=False),
    ]


RUNS: Final = (_in_mode("sparse"), _in_mode("dense"), _in_mode("hybrid"), Run(RERANKED, _reranked))


def choose(names: str | None, *, reranks: bool) -> Sequence[Run]:
    """The runs of names with commas between, in their own order; of None, all that can be done.

    Raises SettingsError, also where reranking is asked for and the settings name no reranker.
    """
    if names is None:
        return [run for run in RUNS if reranks or run.name != RERANKED]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {run.name for run in RUNS}
    if unknown := [name for name in wanted if name not in known]:
        raise SettingsError(f"--modes: there is no {unknown[0]!r}; there are {', '.join(run.name for run in RUNS)}")
    if not wanted:
        raise SettingsError("--modes: names nothing")
    if RERANKED in wanted and not reranks:
        raise SettingsError(f"--modes: {RERANKED} needs a reranker, which FRESHET_RERANK__PROVIDER names")
    return [run for run in RUNS if run.name in wanted]
