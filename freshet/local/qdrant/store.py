"""The folder of a local engine: its collections, their aliases, the lock, and the engine's version.

engine.json           which qdrant-edge wrote the folder
lock                  held by the process that serves it
aliases.json          alias → collection
collections/NAME/     one folder a collection (collection.py)
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import IO
from urllib.parse import quote

from qdrant_client.http import models as rest

from freshet.local.qdrant import errors
from freshet.local.qdrant.collection import Collection
from freshet.local.qdrant.files import read_json, write_json

log = logging.getLogger(__name__)

ENGINE_VERSION = version("qdrant-edge-py")
_LONGEST_NAME = 255
_FORBIDDEN = frozenset('<>:"/\\|?*\0')


class StoreError(Exception):
    """The folder cannot be served; the message says why and what to do."""


class Store:
    """Raises `StoreError` where another process serves the folder or another version of the engine wrote it.

    The lock comes before anything is loaded: a second load of a shard fails, but only after it has spoiled files of
    the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._aliases_file = folder / "aliases.json"
        self._lock = _locked(folder)
        try:
            self._check_version()
            self._aliases: dict[str, str] = read_json(self._aliases_file) if self._aliases_file.exists() else {}
            self._collections = {collection.name: collection for collection in self._load()}
        except BaseException:
            self._lock.close()
            raise

    def _check_version(self) -> None:
        path = self._folder / "engine.json"
        if not path.exists():
            write_json(path, {"qdrant_edge": ENGINE_VERSION})
        written_by = read_json(path)["qdrant_edge"]
        if written_by != ENGINE_VERSION:
            raise StoreError(
                f"{self._folder} was written by qdrant-edge {written_by}, and this is {ENGINE_VERSION}: "
                "delete the folder and start workers with another FRESHET_GENERATION, which reads the log anew"
            )

    def _load(self) -> list[Collection]:
        (self._folder / "collections").mkdir(exist_ok=True)
        found = []
        for folder in sorted((self._folder / "collections").iterdir()):
            try:
                collection = Collection.load(folder)
            except Exception as error:
                raise StoreError(f"cannot open the collection in {folder}: {error}") from error
            if collection is None:
                shutil.rmtree(folder)
            else:
                found.append(collection)
        return found

    # Collections

    def collection(self, name: str) -> Collection:
        """By its name or an alias. Raises `ApiError` 404."""
        found = self._collections.get(self._aliases.get(name, name))
        if found is None:
            raise errors.missing_collection(name)
        return found

    def names(self) -> list[str]:
        return sorted(self._collections)

    def sizes(self) -> dict[str, int]:
        """Bytes on disk by collection."""
        return {name: collection.size() for name, collection in sorted(self._collections.items())}

    def exists(self, name: str) -> bool:
        return self._aliases.get(name, name) in self._collections

    def create(self, name: str, body: rest.CreateCollection) -> None:
        """Raises `ApiError`: 409 where a collection or an alias has the name, 422 for a name that cannot be."""
        _check_name("collection_name", name)
        if self.exists(name):
            raise errors.collection_exists(name)
        folder = self._folder / "collections" / quote(name, safe="")
        self._collections[name] = Collection.create(name, folder, body)

    def delete(self, name: str) -> bool:
        """False where there is none. Its aliases go with it."""
        if name not in self._collections:
            return False
        self._keep({alias: target for alias, target in self._aliases.items() if target != name})
        self._collections.pop(name).drop()
        return True

    # Aliases

    def aliases(self, collection: str | None = None) -> dict[str, str]:
        return {a: target for a, target in sorted(self._aliases.items()) if collection in (None, target)}

    def create_alias(self, alias: str, collection: str) -> None:
        """Replaces an alias of that name. Raises `ApiError`: 404 without the collection, 409 where one is named so."""
        _check_name("alias_name", alias)
        if collection not in self._collections:
            raise errors.missing_collection(collection)
        if alias in self._collections:
            raise errors.collection_exists(alias)
        self._keep(self._aliases | {alias: collection})

    def delete_alias(self, alias: str) -> None:
        self._keep({a: target for a, target in self._aliases.items() if a != alias})

    def rename_alias(self, old: str, new: str) -> None:
        if old not in self._aliases:
            raise errors.ApiError(404, f"Not found: Alias {old} does not exists!")
        self.create_alias(new, self._aliases[old])
        self.delete_alias(old)

    def _keep(self, aliases: dict[str, str]) -> None:
        if aliases != self._aliases:
            write_json(self._aliases_file, aliases)
            self._aliases = aliases

    # Upkeep

    def flush(self) -> None:
        for collection in self._collections.values():
            try:
                collection.flush()
            except Exception:
                log.exception("cannot flush collection %s", collection.name)

    def unflushed_logs(self) -> list[Path]:
        return [path for collection in self._collections.values() if (path := collection.unflushed_log)]

    def close(self) -> None:
        for collection in self._collections.values():
            collection.close()
        self._lock.close()


def _locked(folder: Path) -> IO[str]:
    handle = (folder / "lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StoreError(f"{folder} is served by another process: end it, or choose another folder") from error
    return handle


def _check_name(field: str, name: str) -> None:
    if not name or len(quote(name, safe="")) > _LONGEST_NAME or name in (".", ".."):
        raise errors.invalid_path(field, f"value {name!r} invalid, must have 1 to {_LONGEST_NAME} characters")
    for character in name:
        if character in _FORBIDDEN:
            raise errors.invalid_path(field, f"collection name cannot contain {character!r} char")
