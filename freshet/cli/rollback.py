"""`freshet rollback`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from freshet.cli import kept
from freshet.cli.output import print_json, print_line
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
    kept.tell(gone.kept)


def _as_json(gone: GoneBack) -> dict[str, object]:
    return {"live": gone.live, "left": gone.left, **kept.as_json(gone.kept), "model": gone.model}
