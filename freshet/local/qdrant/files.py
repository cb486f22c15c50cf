"""Small JSON files that are there whole or not at all, whenever the process or the machine dies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pydantic_core


def write_json(path: Path, value: Any) -> None:
    """Written beside, synced, renamed over; the folder is synced so that the rename itself lasts."""
    unfinished = path.with_name(path.name + ".new")
    with unfinished.open("wb") as file:
        file.write(pydantic_core.to_json(value))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def read_json(path: Path) -> Any:
    return pydantic_core.from_json(path.read_bytes())


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
