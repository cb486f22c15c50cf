"""What `freshet dev` keeps in its folder: the lock, what runs, what is kept over restarts, why it ended."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from freshet.local.processes import LOOPBACK

T = TypeVar("T")

_POLL_SECONDS: Final = 0.02
_SIGNING_SECONDS: Final = 10.0  # at most, between taking the lock and writing the number of the process into it


@dataclass(frozen=True, slots=True)
class Running:
    """What runs: the supervisor's process, where the parts answer, and the engine's key."""

    pid: int
    kafka_port: int
    qdrant_port: int
    api_key: str

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.kafka_port}"

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.qdrant_port}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the next start takes again, so that variables which somebody exported stay right."""

    kafka_port: int
    qdrant_port: int
    api_key: str


class DevFolder:
    """The files in the folder. Those that hold the key can be read by their owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kafka, self.qdrant = path / "kafka", path / "qdrant"
        self.supervisor_log = self.log("dev")
        self._lock = path / "lock"
        self._running, self._kept, self._reason = path / "running.json", path / "kept.json", path / "ended"

    def log(self, part: str) -> Path:
        return self.path / "logs" / f"{part}.log"

    def lock(self) -> int | None:
        """Take the lock and answer its file descriptor, which a child may inherit; None where somebody has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.truncate(descriptor, 0)  # the number of one that was killed must not be taken for its successor's
        return descriptor

    def sign(self, pid: int) -> None:
        """Say who has the lock."""
        self._lock.write_text(str(pid))

    def is_locked(self) -> bool:
        """Whether somebody has the lock, which the system opens when its holder ends, however that comes."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def holder(self) -> int | None:
        """The process that has the lock now; None where nobody has it."""
        deadline = time.monotonic() + _SIGNING_SECONDS
        while self.is_locked() and time.monotonic() < deadline:
            if (number := self._lock.read_text().strip()) and self.is_locked():
                return int(number)
            time.sleep(_POLL_SECONDS)
        return None

    def running(self) -> Running | None:
        """What runs and answers; None while it starts, and when nothing runs."""
        running = _read(self._running, Running)
        ours = running is not None and self.is_locked() and self._lock.read_text() == str(running.pid)
        return running if ours else None

    def left_behind(self) -> Running | None:
        """What ran when the supervisor was killed; for who has the lock."""
        return _read(self._running, Running)

    def announce(self, running: Running) -> None:
        """Say that everything answers."""
        _write(self._running, asdict(running))

    def withdraw(self) -> None:
        self._running.unlink(missing_ok=True)

    def kept(self) -> Kept | None:
        return _read(self._kept, Kept)

    def keep(self, kept: Kept) -> None:
        _write(self._kept, asdict(kept))

    def why_it_ended(self) -> str | None:
        """Why the last run ended by itself; None where it was told to."""
        try:
            return self._reason.read_text()
        except FileNotFoundError:
            return None

    def say_why(self, reason: str | None) -> None:
        if reason is None:
            self._reason.unlink(missing_ok=True)
        else:
            self._reason.write_text(reason)


def _read(file: Path, kind: type[T]) -> T | None:
    """A file of ours; one that is missing or was spoilt counts for nothing."""
    try:
        return kind(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(file: Path, value: dict[str, Any]) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump(value, opened)
    os.replace(fresh, file)  # noqa: PTH105
