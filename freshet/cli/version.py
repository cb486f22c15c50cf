"""`freshet version`"""

from __future__ import annotations

import typer

from freshet.cli.output import print_line


def version() -> None:
    """Show the version."""
    import freshet

    print_line(f"freshet {freshet.__version__}")


def print_and_exit(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit
