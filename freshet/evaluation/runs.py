"""The ways of asking that are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.errors import SettingsError
from freshet.schemas.http import MAX_LIMIT, Mode, SearchRequest


@dataclass(frozen=True, slots=True)
class Run:
    """A way of asking: the name of its row, and the request for a query, which asks for as much as one may."""

    name: str
    request: Callable[[str], SearchRequest]


def _in_mode(mode: Mode) -> Run:
    return Run(mode, lambda text: SearchRequest(query=text, mode=mode, limit=MAX_LIMIT, rerank=False))


# Another way of asking is another line.
RUNS: Final = (
    _in_mode("sparse"),
    _in_mode("dense"),
    _in_mode("hybrid"),
)


def choose(names: str) -> Sequence[Run]:
    """The runs of names with commas between, in their own order. Raises SettingsError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {run.name for run in RUNS}
    if unknown := [name for name in wanted if name not in known]:
        raise SettingsError(f"--modes: there is no {unknown[0]!r}; there are {', '.join(run.name for run in RUNS)}")
    if not wanted:
        raise SettingsError("--modes: names nothing")
    return [run for run in RUNS if run.name in wanted]
