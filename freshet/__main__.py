"""The `freshet` command."""

from __future__ import annotations

import sys

from freshet.cli.app import run


def main() -> None:
    """Run the command line and end the process: 0 done, 1 failed, 2 usage, 3 a gate refused."""
    sys.exit(run())


if __name__ == "__main__":
    main()
