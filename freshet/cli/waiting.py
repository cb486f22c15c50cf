"""`--wait` of commands that publish: until searches find what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.output import print_line
from freshet.schemas.errors import FreshetError

if TYPE_CHECKING:
    from freshet.schemas.positions import FreshnessToken
    from freshet.streams.publisher import Publisher

WAIT_SECONDS: Final = 30.0
Wait = Annotated[bool, typer.Option("--wait", help="Wait until searches find it, and tell how long that took.")]
WaitSeconds = Annotated[float, typer.Option("--timeout", help="How many seconds to wait at most.", min=0.1)]


@dataclass(frozen=True, slots=True)
class Searchable:
    """After how many seconds searches found what was published, or why that is not known; nothing if nobody waited."""

    seconds: float | None = None
    error: FreshetError | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """For programs; null where it was not searchable in time."""
        waited = self.seconds is not None or self.error is not None
        return {"searchable_seconds": None if self.seconds is None else round(self.seconds, 3)} if waited else {}

    def tell(self) -> None:
        if self.seconds is not None:
            print_line(f"searchable {self.seconds:.1f} s after it was published")

    def demand(self) -> None:
        """Raise what kept it from being searchable, once all else is told."""
        if self.error is not None:
            raise self.error


async def searchable(target: Publisher, tokens: Sequence[FreshnessToken], timeout: float) -> Searchable:
    """Wait for what was just published; there is nothing to wait for without tokens."""
    try:
        return Searchable(await target.wait_searchable(*tokens, timeout=timeout)) if tokens else Searchable()
    except FreshetError as error:
        return Searchable(error=error)
