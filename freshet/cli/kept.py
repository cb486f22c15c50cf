"""What is told of a version that was put live without a check."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from freshet.cli.output import print_line, warn

if TYPE_CHECKING:
    from freshet.wiring.kept import Kept


def tell(kept: Kept) -> None:
    """How far it is behind, and what is to be done about that."""
    if kept.built is False:
        warn("freshet: it was never built to the end; searches lack what its workers have yet to do: freshet worker")
    if kept.untold is not None:
        warn(f"freshet: how far it is behind the log is not known: {kept.untold}")
        return
    if kept.lag is None:
        warn("freshet: the topic that it follows is gone, so it will not change any more")
        return
    print_line(f"it is behind the log by: {kept.lag}" if kept.lag.events else "it has caught up with the log")
    if not kept.members:
        warn("freshet: nobody follows it: start workers with the settings that it was made with: freshet worker")


def as_json(kept: Kept) -> dict[str, Any]:
    """The same for programs."""
    return asdict(kept)
