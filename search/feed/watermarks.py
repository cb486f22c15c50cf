"""How far each index version is, by what the feed and the workers' commits say of it."""

from __future__ import annotations

from collections.abc import Mapping


class Watermarks:
    """By version and partition of the documents topic, the highest offset that was told.

    A worker that was replaced and does not know it yet may tell lower ones; what was true once stays true.

    What workers have committed counts from a place in the feed on: they commit after they have announced, so who reads
    the commits first and the feed's ends then has, at those ends, seen every change below what was committed. Before
    that a change could still lie ahead, and a mark must not say more than its positions do.
    """

    def __init__(self) -> None:
        self._told: dict[str, dict[int, int]] = {}
        self._pending: dict[str, tuple[Mapping[int, int], Mapping[int, int]]] = {}
        self._risen = False

    def of(self, version: str) -> dict[int, int]:
        """By partition; a partition of which nothing is known is left out."""
        return dict(self._told.get(version, {}))

    def have(self, version: str, wanted: Mapping[int, int]) -> bool:
        """Whether they are at `wanted`, by partition, or above."""
        told = self._told.get(version, {})
        return all(told.get(partition, 0) >= offset for partition, offset in wanted.items())

    def raise_to(self, version: str, partition: int, offset: int) -> None:
        """Take a watermark record that has been seen."""
        told = self._told.setdefault(version, {})
        if offset > told.get(partition, -1):
            told[partition] = offset
            self._risen = True

    def committed(self, version: str, offsets: Mapping[int, int], *, from_: Mapping[int, int]) -> None:
        """Take committed offsets, which count once the feed was seen up to `from_`: its ends, read after them.

        Changes of a partition lie in that of the same number; of one that is not followed nothing is known.
        """
        self._pending[version] = ({each: offset for each, offset in offsets.items() if each in from_}, from_)

    def seen(self, positions: Mapping[int, int]) -> None:
        """Let those committed offsets count whose place the feed has been seen to."""
        for version in [name for name, (_, from_) in self._pending.items() if passed(positions, from_)]:
            offsets, _ = self._pending.pop(version)
            for partition, offset in offsets.items():
                self.raise_to(version, partition, offset)

    def take_risen(self) -> bool:
        """Whether any has risen since this was asked last."""
        risen, self._risen = self._risen, False
        return risen

    def forget(self) -> None:
        """Know nothing any more: the documents topic may be another one."""
        self._told.clear()
        self._pending.clear()


def passed(positions: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    """Whether positions are at `wanted`, by partition, or beyond."""
    return all(positions.get(partition, 0) >= offset for partition, offset in wanted.items())
