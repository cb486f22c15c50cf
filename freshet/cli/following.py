"""A folder as what the demo searches: its text files, followed as people edit them."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from freshet.background import in_background
from freshet.cli.mirroring import FolderGoneError, FolderMirror, Say, Tell
from freshet.cli.sources import first_heading, is_text, text_files
from freshet.schemas.errors import TransientError

if TYPE_CHECKING:
    from freshet.streams.publisher import Publisher

# A saved file is a handful of events within some milliseconds; a checkout of a branch is thousands within a second.
DEBOUNCE_MS: Final = 300
STEP_MS: Final = 50
LOOK_MS: Final = 1_000  # how long until a watcher notices that its folder was replaced
# What no event told of (a network drive, an overflowing queue) is found by looking again.
FIRST_LOOK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
LOOKING_SHARE: Final = 0.02  # of the time, at most, in folders so large that looking takes long
EXAMPLES: Final = 3
SAMPLE: Final = 60
SAMPLE_CHARACTERS: Final = 20_000
LONGEST_EXAMPLE: Final = 60


def data_name(folder: Path) -> str:
    """The name of a folder's data: each has its own."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-.")[:40] or "folder"
    return f"demo-{name}-{hashlib.sha256(bytes(folder)).hexdigest()[:8]}"


class FollowedFolder:
    """The text files of a folder, published as they are, and again whenever they change."""

    def __init__(self, folder: Path, *, file: Path, say: Say) -> None:
        self.name = str(folder)
        self._folder = folder
        self._say = say
        self._mirror = FolderMirror(folder, file=file, say=say)

    async def read(self) -> None:
        """Nothing: files are read when they are published."""

    async def publish(self, publisher: Publisher, *, expect: Tell, advance: Tell) -> int:
        """Publish what changed since the last time; how many events that took. Raises FolderGoneError."""
        return await self._mirror.sync(publisher, expect=expect, advance=advance)

    def examples(self) -> Sequence[str]:
        """Headings found in the files: what is certainly there to be found."""
        with suppress(OSError):
            return headings(self._folder)
        return ()

    async def follow(self, publisher: Publisher) -> None:
        """Publish each change moments after it was saved, until cancelled."""
        stirred = asyncio.Event()
        watching = asyncio.create_task(_watch(self._folder, stirred.set, self._say))
        patience, is_there = FIRST_LOOK_SECONDS, True
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await stirred.wait()
                stirred.clear()
                began = time.monotonic()
                is_there = await self._sync(publisher, was_there=is_there)
                patience = max(LOOK_SECONDS, (time.monotonic() - began) / LOOKING_SHARE)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _sync(self, publisher: Publisher, *, was_there: bool) -> bool:
        """Whether the folder is there. While it is not, the index stays: nobody deletes a drive by unplugging it."""
        try:
            await self._mirror.sync(publisher)
        except FolderGoneError as error:
            if was_there:
                self._say(f"{error}; the index stays as it is until the folder is back")
            return False
        except TransientError as error:  # what was not published is published when it is looked again
            self._say(f"{error}; trying again")
        if not was_there:
            self._say(f"{self._folder} is back")
        return True


def headings(folder: Path) -> list[str]:
    """A few first headings, each of another file, spread over the folder."""
    names = text_files(folder)
    sample = names[:: max(1, len(names) // SAMPLE)]
    found = dict.fromkeys(heading for name in sample if (heading := _heading(folder / name)))
    return list(found)[:: max(1, len(found) // EXAMPLES)][:EXAMPLES]


def _heading(file: Path) -> str | None:
    try:
        with file.open(encoding="utf-8-sig") as opened:
            heading = first_heading(opened.read(SAMPLE_CHARACTERS))
    except (OSError, UnicodeDecodeError):
        return None
    is_query = heading is not None and heading.isprintable() and len(heading) <= LONGEST_EXAMPLE
    return heading if is_query and file.suffix.lower() != ".txt" else None


async def _watch(folder: Path, stir: Callable[[], None], say: Say) -> None:
    """Call `stir` whenever something of ours may have changed."""
    while True:
        try:
            await _watch_this(folder, stir)
        except FileNotFoundError:
            pass
        except OSError as error:  # the system watches only so many folders
            say(f"cannot watch {folder} ({error.strerror or error}): looking every {LOOK_SECONDS:g} s instead")
            return
        stir()
        await asyncio.sleep(LOOK_MS / 1000)


async def _watch_this(folder: Path, stir: Callable[[], None]) -> None:
    """Until the folder of that name is another one, or none."""
    import watchfiles

    inode = await in_background(partial(_inode, folder))
    changes = watchfiles.awatch(
        folder,
        watch_filter=partial(_may_concern, folder),
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
    )
    async for found in changes:
        if found:
            stir()
        if await in_background(partial(_inode, folder)) != inode:
            return


def _inode(folder: Path) -> int:
    return folder.stat().st_ino


def _may_concern(folder: Path, _change: Any, path: str) -> bool:
    """Text files, and folders: one that is moved takes its files along without a word about them."""
    parts = Path(path).relative_to(folder).parts if Path(path).is_relative_to(folder) else ()
    if any(part.startswith(".") for part in parts):
        return False
    return not parts or is_text(parts[-1]) or "." not in parts[-1] or Path(path).is_dir()
