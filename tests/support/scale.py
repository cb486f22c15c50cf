"""How much a test does: a twentieth of what `make soak` does, with the same code."""

import os

SOAK = bool(os.environ.get("FRESHET_TEST_SOAK"))


def count(full: int) -> int:
    """`full` in a soak, a twentieth of it otherwise."""
    return full if SOAK else max(1, full // 20)


def outage_seconds() -> float:
    """How long a server is away: a minute in a soak."""
    return 60 if SOAK else 6
