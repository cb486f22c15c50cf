"""Downloading pinned jars with jgo: several at once, checked, retried, with progress."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue

from freshet.local.pins import Pin, sha256_of
from freshet.local.processes import LocalPartError

# Called with the bytes done and the bytes of all, from several threads but never at the same time.
Progress = Callable[[int, int], None]

WORKERS = 4
TRIES = 3
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 20  # to connect, and between two pieces
STOP_SECONDS = 1.0  # what the threads get to clean up after a failure or an interrupt


class DownloadError(LocalPartError):
    """A file could not be downloaded, or came with a wrong checksum."""


def no_progress(done: int, total: int) -> None:
    pass


def download_all(
    pins: Sequence[Pin], folder: Path, scratch: Path, progress: Progress, repositories: Mapping[str, str] | None
) -> None:
    """Download `pins` into `folder`, by way of temporary folders in `scratch` (on the same file system).

    What was finished stays when another file fails. Raises `DownloadError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counter = _Counter(sum(pin.size for pin in pins), progress)
    fetch = _Fetch(folder, scratch, counter, repositories)
    waiting, ended = iter(pins), SimpleQueue[BaseException | None]()

    def work() -> None:
        try:
            while (pin := next(waiting, None)) and not counter.stop.is_set():
                fetch.with_retries(pin)
        except BaseException as error:  # noqa: BLE001 (it is raised below)
            ended.put(error)
        else:
            ended.put(None)

    # Daemons: one that hangs in a dead connection must not hold up whoever pressed Ctrl-C.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(WORKERS, len(pins)))]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            if error := ended.get():
                raise error
    finally:
        counter.stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))


class _Stopped(Exception):  # noqa: N818 (nothing went wrong in this thread)
    """Another download failed, or the user interrupted."""


class _Counter:
    """Adds up the bytes of all threads, and is where they learn that they should stop."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._done = 0
        self._total = total
        self._progress = progress

    @contextlib.contextmanager
    def file(self, _filename: str, _size: int) -> Iterator[Callable[[int], None]]:
        """What jgo calls for each file: yields what it calls for each piece. A file that failed is taken back."""
        here = 0

        def add(count: int) -> None:
            nonlocal here
            if self.stop.is_set():
                raise _Stopped
            here += count
            self._add(count)

        try:
            yield add
        except BaseException:
            self._add(-here)
            raise

    def _add(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)


class _Fetch:
    def __init__(self, folder: Path, scratch: Path, counter: _Counter, repositories: Mapping[str, str] | None) -> None:
        self._folder = folder
        self._scratch = scratch
        self._counter = counter
        self._repositories = None if repositories is None else dict(repositories)

    def with_retries(self, pin: Pin) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                return self._once(pin)
            except (OSError, RuntimeError) as error:  # what `requests` and jgo raise
                if attempt == TRIES:
                    raise self._failed(pin, error) from error
                if self._counter.stop.wait(PAUSE_SECONDS * attempt):
                    raise _Stopped from error
        return None

    def _once(self, pin: Pin) -> None:
        with tempfile.TemporaryDirectory(prefix="partial-", dir=self._scratch) as partial:
            file = self._download(pin, Path(partial))
            found = sha256_of(file)
            if found != pin.sha256:
                raise DownloadError(
                    f"{pin.filename} came with a wrong checksum and was deleted: expected SHA-256 {pin.sha256}, "
                    f"found {found}. Try again; if it stays so, something between here and Maven Central changes files."
                )
            file.replace(self._folder / pin.filename)

    def _download(self, pin: Pin, partial: Path) -> Path:
        from jgo.maven import MavenContext, PythonResolver  # pure Python: neither Java nor Maven is needed

        context = MavenContext(
            resolver=PythonResolver(progress_callback=self._counter.file),
            repo_cache=partial,
            remote_repos=self._repositories,
            timeout=TIMEOUT_SECONDS,
        )
        component = context.project(pin.group, pin.name).at_version(pin.version)
        return component.artifact(classifier=pin.classifier).resolve()

    def _failed(self, pin: Pin, error: Exception) -> DownloadError:
        return DownloadError(
            f"{pin.filename} could not be downloaded from Maven Central ({type(error).__name__}, {TRIES} tries). "
            "The network is needed once: connect (behind a proxy set HTTPS_PROXY) and try again, "
            f"or copy the folder {self._scratch} from a machine that has it."
        )
