"""Term statistics: in how many passages each term is, as numbered snapshots.

Searches weigh terms by a snapshot and not by what the index holds at the moment, so scores do not shift with every
write and are the same on every shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class TermStatistics:
    """A snapshot: of `sampled` passages, `counts[i]` hold the term `terms[i]`; `terms` ascend.

    `passages` is how many the index held when the snapshot was made, of which the sampled ones are some or all.
    """

    number: int
    passages: int
    sampled: int
    terms: NDArray[np.uint32]
    counts: NDArray[np.uint32]

    def idf(self, terms: Sequence[int]) -> list[float]:
        """The inverse document frequency of terms, as Lucene has it: ln(1 + (n - df + ½) / (df + ½)), above 0."""
        asked = np.asarray(terms, np.uint32)
        places = np.minimum(np.searchsorted(self.terms, asked), max(len(self.terms) - 1, 0))
        found = self.terms[places] == asked if len(self.terms) else np.zeros(len(asked), bool)
        frequencies = np.where(found, self.counts[places], 0) if len(self.terms) else np.zeros(len(asked))
        return [float(weight) for weight in np.log1p((self.sampled - frequencies + 0.5) / (frequencies + 0.5))]
