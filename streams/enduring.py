"""Looking again and again in the background, where nobody would hear of a look that ended it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Enduring:
    """`with enduring():` around each look: one that fails as nobody foresaw is told in the log, once, and passes."""

    def __init__(self, what: str, logger: logging.Logger) -> None:
        """`what` fails, in words that follow "cannot"."""
        self._what = what
        self._logger = logger
        self._failing = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if not self._failing:
                self._logger.exception("cannot %s, and goes on trying", self._what)
            self._failing = True
        else:
            self._failing = False
