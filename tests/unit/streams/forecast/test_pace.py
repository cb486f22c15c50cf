"""How fast a model is, and how many tokens it counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from freshet.schemas.errors import PermanentError
from freshet.search.embedding.base import Embedded, Purpose
from freshet.search.passages import Piece
from freshet.streams.forecast.pace import CALLS, MOST_TEXTS, WINDOW, Pace, measure
from tests.support.embedder import CountingEmbedder


class SlowEmbedder(CountingEmbedder):
    """Takes a second for each call, on a clock of its own, and counts so many tokens for each word and each text."""

    def __init__(self, *, per_word: float = 1.0, per_text: int = 0) -> None:
        super().__init__()
        self.now = 0.0
        self.per_word, self.per_text = per_word, per_text

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        self.now += 1.0
        found = await super().embed(texts, purpose=purpose)
        return Embedded(found.vectors, round(self.per_word * found.tokens) + self.per_text * len(texts))


def pieces(count: int) -> list[Piece]:
    texts = [" ".join(["word"] * (1 + number % 7)) for number in range(count)]
    return [Piece(text, text, len(text.split())) for text in texts]


async def told(embedder: SlowEmbedder, count: int):
    return await measure(embedder, pieces(count), advance=lambda _: None, clock=lambda: embedder.now)


async def test_without_texts_nothing_is_measured():
    assert await told(SlowEmbedder(), 0) is None


@pytest.mark.parametrize("count", [1, 5, 400, 5_000])
@pytest.mark.parametrize("special", [0, 2])
async def test_it_learns_how_many_tokens_a_model_is_given(count, special):
    found = await told(SlowEmbedder(per_text=special), count)
    texts, tokens = count, sum(each.tokens for each in pieces(count))
    assert found.counting.given(texts, tokens) == pytest.approx(tokens + special * texts, rel=0.01)


async def test_tokens_that_were_estimated_are_set_right():
    found = await told(SlowEmbedder(per_word=0.8), 1_000)
    assert found.counting.given(1_000, 4_000) == pytest.approx(3_200, rel=0.01)


async def test_rates_are_those_of_whole_calls_but_for_the_first_and_few_texts_are_embedded():
    embedder = SlowEmbedder()
    found = await told(embedder, 5_000)
    assert embedder.requests == CALLS + 1
    assert len(embedder.texts) <= MOST_TEXTS + 8
    assert found.pace.rates == pytest.approx([WINDOW * 4] * CALLS, rel=0.02)


async def test_a_slow_model_is_asked_no_longer_than_needed():
    embedder = SlowEmbedder()
    await measure(embedder, pieces(1_000), advance=lambda _: None, clock=lambda: embedder.now * 10)
    assert embedder.requests == 1 + 3


async def test_a_text_that_the_model_refuses_spoils_its_call_alone():
    embedder = SlowEmbedder()
    embedder.poison = "poison"
    texts = [*pieces(WINDOW), Piece("poison", "poison", 1), *pieces(2 * WINDOW)]
    found = await measure(embedder, texts, advance=lambda _: None, clock=lambda: embedder.now)
    assert found is not None
    assert len(found.pace.rates) == 3
    with pytest.raises(PermanentError):
        await measure(embedder, texts[WINDOW : WINDOW + 1], advance=lambda _: None)


def test_quartiles_lie_between_the_nearest_rates():
    assert Pace((10.0,)).quartiles == (10, 10, 10)
    assert Pace((10.0, 20.0)).quartiles == (12.5, 15, 17.5)
    assert Pace((1.0, 2.0, 3.0, 4.0, 5.0)).quartiles == (2, 3, 4)
