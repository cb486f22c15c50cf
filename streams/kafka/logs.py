"""aiokafka's complaints, told once.

While a broker is away its clients log dozens of lines a second for each process. The first is shown; those that follow
it are counted until there was silence for a while, and the end says how many there were.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

QUIET_SECONDS: Final = 10.0

log = logging.getLogger(__name__)


class OnceAtATime(logging.Handler):
    """Hands a burst's first warning or error on to the root logger and counts the rest.

    Clients of several threads and loops log here, so a timer thread watches for the end of a burst.
    """

    def __init__(self, quiet_seconds: float = QUIET_SECONDS) -> None:
        super().__init__()
        self._quiet = quiet_seconds
        self._count = 0
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and not self._first_of_burst():
            return
        logging.getLogger().handle(record)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().close()

    def _first_of_burst(self) -> bool:
        """Count a complaint, and tell whether it begins a burst. Runs under the handler's lock."""
        self._last = time.monotonic()
        self._count += 1
        if self._timer is None:
            self._watch(self._quiet)
        return self._count == 1

    def _watch(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        self.acquire()
        try:
            left = self._last + self._quiet - time.monotonic()
            if left > 0:
                self._watch(left)
                return
            hidden, self._count, self._timer = self._count - 1, 0, None
        finally:
            self.release()
        if hidden:
            log.warning("the Kafka client has been quiet for %g s; %d more lines were not shown", self._quiet, hidden)


def limit_client_logs(quiet_seconds: float = QUIET_SECONDS) -> OnceAtATime:
    """Put aiokafka's loggers behind one OnceAtATime; to be called once, at the start of a process."""
    handler = OnceAtATime(quiet_seconds)
    logger = logging.getLogger("aiokafka")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.propagate = False
    return handler


def silence_client_logs() -> None:
    """Show nothing of aiokafka's; for commands, whose errors reach the user as exceptions."""
    logger = logging.getLogger("aiokafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
