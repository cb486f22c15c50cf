"""What every reranker keeps, whatever runs its model. A subclass gives the fixture `reranker`."""

import asyncio

import numpy as np
import pytest

from freshet.schemas.errors import PermanentError
from freshet.search.rerank.base import Reranker

QUERY = "mice"
TEXTS = ["mice were fed", "the heart of a rat", "a", "measles in children", "42"]
MANY = [f"{'word ' * (n % 5)}{n}" for n in range(70)]
LONG = "heart " * 3_000


class RerankerSuite:
    tolerance = 1e-5  # how far rounding may move a score

    async def test_scores_are_one_for_each_text_from_0_to_1(self, reranker: Reranker):
        scores = await reranker.score(QUERY, TEXTS)
        assert scores.shape == (len(TEXTS),)
        assert scores.dtype == np.float32
        assert ((scores >= 0) & (scores <= 1)).all()

    async def test_scores_come_in_the_order_of_the_texts(self, reranker: Reranker):
        together = await reranker.score(QUERY, TEXTS)
        alone = np.concatenate([await reranker.score(QUERY, [text]) for text in TEXTS])
        assert np.abs(together - alone).max() < self.tolerance
        assert np.diff(np.sort(together)).min() > self.tolerance  # else a wrong order would not be seen

    async def test_many_texts_keep_their_order(self, reranker: Reranker):
        scores = await reranker.score(QUERY, MANY)
        turned = (await reranker.score(QUERY, MANY[::-1]))[::-1]
        assert scores.shape == (len(MANY),)
        assert np.abs(scores - turned).max() < self.tolerance

    async def test_the_score_is_of_query_and_text_together(self, reranker: Reranker):
        one, other = await reranker.score("mice", TEXTS), await reranker.score("children", TEXTS)
        assert np.argsort(one).tolist() != np.argsort(other).tolist()

    async def test_no_texts_give_no_scores(self, reranker: Reranker):
        assert (await reranker.score(QUERY, [])).shape == (0,)

    async def test_equal_texts_get_equal_scores(self, reranker: Reranker):
        first, _, second = await reranker.score(QUERY, ["a rat", "the heart", "a rat"])
        assert abs(first - second) < self.tolerance

    async def test_an_empty_text_gets_a_score_like_any_other(self, reranker: Reranker):
        assert np.isfinite(await reranker.score(QUERY, ["", "a rat"])).all()

    async def test_a_text_longer_than_the_window_is_cut_at_it(self, reranker: Reranker):
        one, other = await reranker.score(QUERY, [LONG, LONG + "and more that nobody sees"])
        assert abs(one - other) < self.tolerance

    async def test_a_query_longer_than_the_window_leaves_room_for_the_text(self, reranker: Reranker):
        scores = await reranker.score(LONG, TEXTS)
        assert scores.max() - scores.min() > self.tolerance

    async def test_a_long_query_and_a_long_text_take_no_memory_without_end(self, reranker: Reranker):
        assert np.isfinite(await reranker.score(LONG, [LONG] * 8)).all()

    async def test_what_is_no_unicode_is_refused_for_good_and_breaks_nothing(self, reranker: Reranker):
        for query, texts in [(QUERY, ["half a pair: \ud800"]), ("\udfff", TEXTS)]:
            with pytest.raises(PermanentError):
                await reranker.score(query, texts)
        assert len(await reranker.score(QUERY, TEXTS)) == len(TEXTS)

    async def test_calls_at_the_same_time_do_not_mix(self, reranker: Reranker):
        calls = [(f"rat {n}", [f"{'rat ' * n}number {n}", f"heart {n}"]) for n in range(12)]
        alone = [await reranker.score(query, texts) for query, texts in calls]
        together = await asyncio.gather(*(reranker.score(query, texts) for query, texts in calls))
        for one, other in zip(alone, together, strict=True):
            assert np.abs(one - other).max() < self.tolerance

    async def test_the_event_loop_goes_on_while_it_works(self, reranker: Reranker):
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticker = asyncio.ensure_future(tick())
        await reranker.score(QUERY, MANY * 4)
        ticker.cancel()
        assert turns > 3  # on the loop it would be one or two

    async def test_a_cancelled_call_leaves_the_reranker_in_working_order(self, reranker: Reranker):
        call = asyncio.ensure_future(reranker.score(QUERY, MANY * 4))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(await reranker.score(QUERY, TEXTS)) == len(TEXTS)

    async def test_it_tells_which_model_it_is(self, reranker: Reranker):
        assert reranker.model.provider
        assert reranker.model.name

    async def test_closing_twice_is_closing_once(self, reranker: Reranker):
        await reranker.close()
        await reranker.close()
