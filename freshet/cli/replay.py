"""`freshet replay`"""

from __future__ import annotations

import typer

from freshet.cli import replay_plan

app = typer.Typer(
    help="Build a new version of the index from the log, beside the one that searches use.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("plan")(replay_plan.plan)
