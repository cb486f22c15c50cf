"""Keeping published what the text files of a folder say."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from freshet.background import in_background
from freshet.cli.sources import read_file, text_files
from freshet.local.processes import LocalPartError
from freshet.schemas.decoding import BadEvent, Reason, Rules
from freshet.schemas.keys import digest
from freshet.streams.publisher import Prepared, prepare

WINDOW: Final = 500  # files that are read and published at once
SETTLED_SECONDS: Final = 2.0

Say = Callable[[str], None]
Tell = Callable[[int], None]


def _nobody(_: int) -> None:
    pass


class Publishes(Protocol):
    """What the mirror needs of a `Publisher`."""

    rules: Rules

    async def send(self, prepared: Iterable[Prepared]) -> Sequence[object]:
        """Return when all are in the log. Raises TransientError; then some may be."""


class Stamp(NamedTuple):
    """What changes when a file does: its size in bytes, and two times in nanoseconds."""

    size: int
    modified: int
    changed: int

    def is_settled(self, now: float) -> bool:
        """Whether another change would show. One within the same tick of the file system's clock would not."""
        return now - max(self.modified, self.changed) / 1e9 > SETTLED_SECONDS


@dataclass(frozen=True, slots=True)
class Known:
    """What of a file is in the log: the digest of its event, and how the file looked.

    The digest is empty while nobody knows whether its event was written, the stamp None while it is not settled.
    """

    digest: str = ""
    stamp: Stamp | None = None


class FolderGoneError(LocalPartError):
    """The folder is not there, or cannot be read."""


class FolderMirror:
    """`sync` publishes what is new or changed in the folder, and the end of what is gone; `file` remembers what was.

    What is about to be published is noted in `file` before, and what was published after it. So a crash between the two
    costs that some events are published again, which changes nothing, and no document is ever forgotten. A file that
    cannot be published (not UTF-8, too large, unreadable) counts as gone, and `say` is told why, once.
    """

    def __init__(self, folder: Path, *, file: Path, say: Say, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._file = file
        self._say = say
        self._clock = clock
        self._known = _load(file)
        self._refused: dict[str, Stamp | None] = {}
        self._told: set[tuple[str, str]] = set()

    async def sync(self, publisher: Publishes, *, expect: Tell = _nobody, advance: Tell = _nobody) -> int:
        """Publish until the log says what the folder says, and answer how many events that took.

        `expect` is told how many files there are to look at, `advance` each time how many were. Raises FolderGoneError,
        and TransientError when Kafka fails.
        """
        found = await in_background(self._scan)
        before, events = dict(self._known), 0
        changed = [name for name, stamp in found.items() if not self._is_known(name, stamp)]
        expect(len(changed))
        for start in range(0, len(changed), WINDOW):
            window = {name: found[name] for name in changed[start : start + WINDOW]}
            read = await in_background(partial(self._read, window, publisher.rules))
            events += await self._upsert(publisher, read, found)
            advance(len(window))
            for name in window.keys() - read.keys():  # refused, or vanished since the scan
                del found[name]
        gone = self._known.keys() - (found.keys() - self._refused.keys())
        events += await self._delete(publisher, sorted(gone))
        if self._known != before:
            self._save()
        return events

    def _scan(self) -> dict[str, Stamp]:
        """The text files that are there."""
        stamps = {}
        for name in text_files(self.folder, unreadable=self._unreadable):
            try:
                found = (self.folder / name).stat()
            except OSError:  # it has just vanished
                continue
            if stat.S_ISREG(found.st_mode):
                stamps[name] = Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if not self.folder.is_dir():
            raise FolderGoneError(f"{self.folder} is not there any more")
        return stamps

    def _unreadable(self, error: OSError) -> None:
        if error.filename == str(self.folder):
            raise FolderGoneError(f"{self.folder} cannot be read: {error.strerror}") from error
        self._tell(os.path.relpath(error.filename, self.folder), f"the folder cannot be read: {error.strerror}")

    def _is_known(self, name: str, stamp: Stamp) -> bool:
        if name in self._refused:
            return self._refused[name] == stamp
        known = self._known.get(name)
        return known is not None and known.stamp == stamp

    def _read(self, window: Mapping[str, Stamp], rules: Rules) -> dict[str, Prepared]:
        """What is to be published of these files; those that cannot be, or have vanished, are left out."""
        read = {}
        for name, stamp in window.items():
            self._refused.pop(name, None)
            try:
                _check_size(stamp.size, rules)
                read[name] = prepare(read_file(self.folder, name), rules)
            except BadEvent as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    self._refused[name] = stamp if stamp.is_settled(self._clock()) else None
                    self._tell(name, str(error))
        return read

    def _tell(self, name: str, why: str) -> None:
        if (name, why) not in self._told:
            self._told.add((name, why))
            self._say(f"left out {name}: {why}")

    async def _upsert(self, publisher: Publishes, read: dict[str, Prepared], found: dict[str, Stamp]) -> int:
        digests = {name: digest((each.value or b"").decode()) for name, each in read.items()}
        news = [name for name in read if self._known.get(name, Known()).digest != digests[name]]
        if news:
            self._known |= dict.fromkeys(news, Known())
            self._save()
            await publisher.send([read[name] for name in news])
        now = self._clock()
        for name, each in digests.items():
            self._known[name] = Known(each, found[name] if found[name].is_settled(now) else None)
        return len(news)

    async def _delete(self, publisher: Publishes, names: Sequence[str]) -> int:
        for start in range(0, len(names), WINDOW):
            window = names[start : start + WINDOW]
            await publisher.send([prepare({"type": "delete", "id": name}, publisher.rules) for name in window])
            for name in window:
                del self._known[name]
        return len(names)

    def _save(self) -> None:
        write_state(self._file, {name: [each.digest, each.stamp] for name, each in self._known.items()})


def _check_size(size: int, rules: Rules) -> None:
    """Refuse what would make an event that is too large before it is read; the event is larger still."""
    if size > rules.max_bytes:
        raise BadEvent(Reason.TOO_LARGE, f"the file has {size:,} bytes, the limit is {rules.max_bytes:,}")


def _load(file: Path) -> dict[str, Known]:
    state = read_state(file)
    return {name: Known(known, None if stamp is None else Stamp(*stamp)) for name, (known, stamp) in state.items()}


def write_state(file: Path, state: Any) -> None:
    """Write what the demo remembers, whole or not at all."""
    fresh = file.with_suffix(".new")
    with fresh.open("w") as opened:
        json.dump(state, opened)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)


def read_state(file: Path) -> dict[str, Any]:
    """What it remembers, or nothing yet. Raises LocalPartError where that cannot be read."""
    try:
        state: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise LocalPartError(f"{file} is damaged: begin anew with --fresh") from error
    return state
