"""Answers that are computed each time."""

from __future__ import annotations

from collections.abc import Mapping

from freshet.search.asking import Asked
from freshet.search.feed.base import Following
from freshet.search.feed.mark import Mark
from freshet.search.live import LiveVersion
from freshet.search.results.base import Answered, Compute, Resolve

NOWHERE = Mark({}, {})


class Uncached:
    """Answers, each with how far the index had come when it was begun, where somebody follows the feed."""

    def __init__(self, following: Following | None = None) -> None:
        self._following = following

    async def answer(
        self,
        asked: Asked,  # noqa: ARG002
        resolve: Resolve,  # noqa: ARG002
        compute: Compute,
        *,
        at_least: Mapping[int, int],  # noqa: ARG002
    ) -> Answered:
        """Raises what `compute` raises."""
        mark = NOWHERE

        def begin(live: LiveVersion) -> None:
            nonlocal mark
            if self._following is not None:
                mark = self._following.mark(live.told)

        computed = await compute(begin)
        return Answered(computed.content, mark)

    def keeps(self, live: LiveVersion) -> bool:  # noqa: ARG002
        """As `Answers.keeps`: never."""
        return False
