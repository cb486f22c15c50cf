"""Where downloads and the data of local parts are kept, by the customs of the system."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CACHE_VARIABLE: Final = "FRESHET_CACHE_DIR"
DATA_VARIABLE: Final = "FRESHET_DATA_DIR"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """What can be fetched again: `FRESHET_CACHE_DIR`, else the user's cache folder."""
    return _folder(environ, ours=CACHE_VARIABLE, xdg="XDG_CACHE_HOME", macos="Library/Caches", other=".cache")


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """What the local parts must not lose: `FRESHET_DATA_DIR`, else the user's data folder."""
    macos = "Library/Application Support"
    return _folder(environ, ours=DATA_VARIABLE, xdg="XDG_DATA_HOME", macos=macos, other=".local/share")


def _folder(environ: Mapping[str, str], *, ours: str, xdg: str, macos: str, other: str) -> Path:
    if given := environ.get(ours):
        return Path(given).expanduser().absolute()
    if (base := environ.get(xdg)) and Path(base).is_absolute():  # the XDG specification ignores relative ones
        return Path(base) / "freshet"
    return Path.home() / (macos if sys.platform == "darwin" else other) / "freshet"
