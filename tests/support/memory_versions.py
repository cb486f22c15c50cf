"""Versions of an index in memory, which may be interrupted before any change."""

from collections.abc import Mapping
from dataclasses import replace

from freshet.schemas.errors import PermanentError, TransientError
from freshet.search.index.base import VersionInfo


class MemoryVersions:
    """`IndexVersions`; the `fail_at`th change from now on raises, once, and is not made."""

    def __init__(self, *names: str, live: str | None = None) -> None:
        self.infos = {name: VersionInfo(name, 8, {}) for name in names}
        self.alias = live
        self.fail_at: int | None = None

    def facts(self, name: str) -> Mapping[str, object]:
        return self.infos[name].metadata

    async def live(self) -> str | None:
        return self.alias

    async def describe(self, version: str) -> VersionInfo | None:
        return self.infos.get(version)

    async def create(self, info: VersionInfo) -> None:
        self._change()
        self.infos.setdefault(info.name, info)

    async def record(self, version: str, facts: Mapping[str, object]) -> None:
        self._change()
        merged = {**self.infos[version].metadata, **facts}
        self.infos[version] = replace(self.infos[version], metadata={k: v for k, v in merged.items() if v is not None})

    async def names(self) -> list[str]:
        return sorted(self.infos)

    async def drop(self, version: str) -> None:
        if version == self.alias:
            raise PermanentError("drop", "it is live")
        self._change()
        self.infos.pop(version, None)

    async def make_live(self, version: str) -> None:
        self._change()
        self.alias = version

    def _change(self) -> None:
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                self.fail_at = None
                raise TransientError("change", "interrupted")
