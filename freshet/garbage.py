"""How often Python looks for garbage in a process that runs for weeks."""

from __future__ import annotations

import gc
from typing import Final

# New objects before the youngest are looked at, and how many such looks before the older ones are. A batch makes tens
# of thousands of objects and is gone a moment later; at Python's 700 most of them grow old first, and each time a
# quarter more has grown old, all of them are looked at. More seldom than this the large answers of Qdrant, which hold
# vectors and refer to themselves, fill hundreds of MiB before anybody comes to them.
_THRESHOLDS: Final = (10_000, 5, 2)


def spare_what_stays() -> None:
    """Look no more at what is there now (modules, clients, settings: it stays to the end), and seldom at the rest.

    Called once, by a process that is ready; it took a quarter of the worker's time before (docs/speed.md).
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
