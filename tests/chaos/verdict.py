"""What a run found, as one line."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.compare import Difference, explain
from tests.chaos.fold import Fold


@dataclass
class Verdict:
    """Counts of differences by what they are: of the index, of the answers, and of the index rebuilt after compaction.

    `late_writes` are those of zombies, by what they do; `troubled` counts the answers of each server that bad weather
    befell. `first` explains the first of them all; `died` are the last words of workers that ended by themselves.
    """

    seed: int
    order: str
    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    late_writes: dict[str, int] = field(default_factory=dict)
    troubled: dict[str, int] = field(default_factory=dict)
    searches: int = 0
    refused_searches: int = 0
    index: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    rebuild: Counter[str] = field(default_factory=Counter)
    died: list[str] = field(default_factory=list)
    first: str = ""
    seconds: float = 0.0

    def take(self, found: list[Difference], fold: Fold, into: Counter[str]) -> None:
        """Count differences, and keep the first of the run to be shown."""
        if found and not self.first:
            self.first = explain(found[0], fold)
        into.update(each.what for each in found)

    @property
    def clean(self) -> bool:
        return not (self.index or self.answers or self.rebuild or self.died)

    @property
    def line(self) -> str:
        """One JSON object."""
        all_of_them = self.index + self.answers + self.rebuild
        named = {what: all_of_them[what] for what in ("lost", "resurrected", "mixed", "stale")}
        told = {name: value for name, value in vars(self).items() if name not in ("first", "died")}
        return json.dumps({**told, "differences": all_of_them.total(), **named, "died": len(self.died)})
