"""`freshet topics copy`"""

from __future__ import annotations

from typing import Annotated

import typer

from freshet.cli.output import counted, print_json, print_line, warn
from freshet.cli.progress import progress_bar
from freshet.cli.running import run_quietly, settings


def copy(
    target: Annotated[str, typer.Argument(metavar="TOPIC", help="The documents topic to copy into.")],
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is published, until Ctrl-C.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a copy was broken off: nobody else writes to TOPIC yet.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy the documents into another topic: under another name, or with another number of partitions.

    Of each document the newest event is copied, ends too, then what is published meanwhile. Publishers must not write
    to TOPIC before the copy has ended, or an older event would come after theirs.
    """
    from freshet.wiring.copying import copy_topic

    def told(records: int) -> None:
        if records:
            warn(f"{counted(records, 'record')} more")

    copied = run_quietly(
        copy_topic(settings(), target, resume=resume, bar=progress_bar, following=told if follow else None)
    )
    if json:
        print_json(copied._asdict())
    else:
        since = f", and {counted(copied.since, 'record')} that came meanwhile" if copied.since else ""
        print_line(f"copied {counted(copied.documents, 'document')} to {target}{since}")
