"""How much memory Python takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable


def most_bytes(work: Callable[[], object]) -> int:
    """What Python's objects take at most while it works, without what libraries allocate by themselves."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
