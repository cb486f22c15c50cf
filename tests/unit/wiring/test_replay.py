"""Which version `freshet replay pause`, `resume` and `limit` speak to."""

import pytest

from freshet.schemas.errors import FreshetError, MisfitError
from freshet.search.index.base import VersionInfo
from freshet.wiring.replay import _chosen

LIVE, BEFORE, ONE, TWO = (f"docs__{digit * 16}" for digit in "0123")


class Versions:
    def __init__(self, *names: str) -> None:
        self._names = names

    async def names(self) -> list[str]:
        return list(self._names)

    async def live(self) -> str:
        return LIVE

    async def describe(self, name: str) -> VersionInfo:
        return VersionInfo(name, 8, {"previous": BEFORE} if name == LIVE else {})


async def chosen(given: str | None, *names: str) -> str:
    return await _chosen(Versions(LIVE, BEFORE, *names), "docs", given)  # type: ignore[arg-type]


async def test_without_a_name_it_is_the_only_one_that_is_built():
    assert await chosen(None, ONE) == ONE
    with pytest.raises(MisfitError, match="begin one with: freshet replay run"):
        await chosen(None)
    with pytest.raises(MisfitError, match=f"name one of them: {ONE}, {TWO}"):
        await chosen(None, ONE, TWO)


@pytest.mark.parametrize("given", [TWO, "3" * 16])
async def test_a_version_is_known_by_its_name_and_by_its_fingerprint(given):
    assert await chosen(given, ONE, TWO) == TWO


@pytest.mark.parametrize(("given", "told"), [("nope", "has no version 'nope'"), (LIVE, "is live, and that is never")])
async def test_what_is_not_there_or_is_live_is_refused(given, told):
    with pytest.raises(FreshetError, match=told):
        await chosen(given, ONE)
