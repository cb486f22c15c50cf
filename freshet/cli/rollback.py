"""`freshet rollback`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli.output import print_json, print_line, warn
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.wiring.rollback import GoneBack


def rollback(*, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Go back to the version that was live before, at once: no check, no model, and Kafka may be away.

    It is as true to the log as its workers have kept it. What was live stays, and can be promoted again.
    """
    from freshet.wiring.rollback import roll_back

    gone = run_quietly(roll_back(settings()))
    if json:
        print_json(_as_json(gone))
        return
    print_line(f"live: {gone.live}; before: {gone.left}")
    if gone.model is not None:
        print_line(f"search services need the model {gone.model}: their own, or in FRESHET_SEARCH__OTHER_MODELS")
    _tell(gone)


def _tell(gone: GoneBack) -> None:
    if gone.untold is not None:
        warn(f"freshet: how far it is behind the log is not known: {gone.untold}")
        return
    if gone.lag is None:
        warn("freshet: the topic that it follows is gone, so it will not change any more")
        return
    print_line(f"it is behind the log by: {gone.lag}" if gone.lag.events else "it has caught up with the log")
    if not gone.members:
        warn("freshet: nobody follows it: start workers with the settings that it was made with: freshet worker")


def _as_json(gone: GoneBack) -> dict[str, object]:
    lag = None if gone.lag is None else {"events": gone.lag.events, "seconds": gone.lag.seconds}
    return {
        "live": gone.live,
        "left": gone.left,
        "lag": lag,
        "members": gone.members,
        "untold": gone.untold,
        "model": gone.model,
    }
