"""What every embedder keeps, whatever runs its model. A subclass gives the fixture `embedder`."""

import asyncio

import numpy as np
import pytest

from freshet.schemas.errors import PermanentError
from freshet.search.embedding.base import Embedder
from freshet.search.passages import SPECIAL_TOKENS

TEXTS = ["mice were fed", "the heart of a rat", "a", "vaccines prevent measles in children", "42"]
LONG = "heart " * 6_000


class EmbedderSuite:
    tolerance = 1e-5  # how far rounding may move a number of a unit vector; bf16 moves it further

    async def test_vectors_have_the_dimension_of_the_model_and_unit_length(self, embedder: Embedder):
        embedded = await embedder.embed(TEXTS)
        assert embedded.vectors.shape == (len(TEXTS), embedder.model.dimension)
        assert embedded.vectors.dtype == np.float32
        assert np.linalg.norm(embedded.vectors, axis=1) == pytest.approx(1, abs=1e-4)

    async def test_vectors_come_in_the_order_of_the_texts(self, embedder: Embedder):
        together = (await embedder.embed(TEXTS)).vectors
        alone = np.concatenate([(await embedder.embed([text])).vectors for text in TEXTS])
        assert np.abs(together - alone).max() < self.tolerance
        similarities = (together @ together.T)[~np.eye(len(TEXTS), dtype=bool)]
        assert similarities.max() < 0.99  # else a wrong order would not be seen

    async def test_a_big_window_keeps_its_order(self, embedder: Embedder):
        texts = [f"{'word ' * (n % 23)}{n}" for n in range(150)]
        vectors = (await embedder.embed(texts)).vectors
        turned = (await embedder.embed(texts[::-1])).vectors[::-1]
        assert np.abs(vectors - turned).max() < self.tolerance

    async def test_no_texts_give_no_vectors(self, embedder: Embedder):
        embedded = await embedder.embed([])
        assert embedded.vectors.shape == (0, embedder.model.dimension)
        assert embedded.tokens == 0

    async def test_equal_texts_get_equal_vectors(self, embedder: Embedder):
        first, _, second = (await embedder.embed(["a rat", "the heart", "a rat"])).vectors
        assert np.abs(first - second).max() < self.tolerance

    async def test_an_empty_text_gets_a_vector_like_any_other(self, embedder: Embedder):
        vectors = (await embedder.embed(["", "a rat", " \n "])).vectors
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)

    async def test_queries_get_vectors_too(self, embedder: Embedder):
        embedded = await embedder.embed(["which vaccine"], purpose="query")
        assert embedded.vectors.shape == (1, embedder.model.dimension)
        assert embedded.tokens > 0

    async def test_a_text_longer_than_the_window_is_cut_at_it(self, embedder: Embedder):
        embedded = await embedder.embed([LONG, "a rat"])
        longer = (await embedder.embed([LONG + "and more that nobody sees"])).vectors
        assert np.abs(embedded.vectors[0] - longer[0]).max() < self.tolerance
        assert embedded.tokens <= 2 * embedder.model.max_tokens

    async def test_a_text_that_is_no_unicode_is_refused_for_good(self, embedder: Embedder):
        with pytest.raises(PermanentError):
            await embedder.embed(["half a pair: \ud800"])

    async def test_a_refused_call_leaves_the_embedder_in_working_order(self, embedder: Embedder):
        with pytest.raises(PermanentError):
            await embedder.embed(["\udfff"])
        assert len((await embedder.embed(TEXTS)).vectors) == len(TEXTS)

    async def test_calls_at_the_same_time_do_not_mix(self, embedder: Embedder):
        windows = [[f"{'rat ' * n}number {n}", f"heart {n}"] for n in range(12)]
        alone = [(await embedder.embed(window)).vectors for window in windows]
        calls = (embedder.embed(window, purpose="query" if n % 3 == 0 else "index") for n, window in enumerate(windows))
        together = [embedded.vectors for embedded in await asyncio.gather(*calls)]
        for one, other in zip(alone, together, strict=True):
            assert np.abs(one - other).max() < self.tolerance

    async def test_the_event_loop_goes_on_while_it_works(self, embedder: Embedder):
        await embedder.embed(["warm"])
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticker = asyncio.ensure_future(tick())
        await embedder.embed([f"{'heart ' * 200}{n}" for n in range(24)])
        ticker.cancel()
        assert turns > 3  # on the loop it would be one or two

    async def test_a_cancelled_call_leaves_the_embedder_in_working_order(self, embedder: Embedder):
        call = asyncio.ensure_future(embedder.embed([f"{'heart ' * 200}{n}" for n in range(64)]))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len((await embedder.embed(TEXTS)).vectors) == len(TEXTS)

    def test_token_ends_ascend_and_cover_the_text(self, embedder: Embedder):
        for text in [*TEXTS, "Über 3.5 μg/ml, 2 日本語 and ñandú-like…", "  spaces   around  "]:
            ends = list(embedder.token_ends(text))
            assert ends == sorted(ends)
            assert ends[-1] == len(text.rstrip())
            assert ends[0] > 0

    def test_a_text_without_letters_has_no_tokens(self, embedder: Embedder):
        assert list(embedder.token_ends("")) == []
        assert list(embedder.token_ends(" \n\t")) == []

    async def test_token_ends_are_never_fewer_than_the_model_takes(self, embedder: Embedder):
        for text in ["a rat", "mice, fed.", "heart42 (b)", "measles"]:
            given = (await embedder.embed([text])).tokens
            assert len(embedder.token_ends(text)) + SPECIAL_TOKENS >= given

    async def test_a_text_cut_where_tokens_end_is_seen_to_its_last_token(self, embedder: Embedder):
        text = " ".join(str(n % 10) for n in range(embedder.model.max_tokens))
        ends = embedder.token_ends(text)
        fits = text[: ends[embedder.model.max_tokens - SPECIAL_TOKENS - 1]]
        last_word_changed = fits[:-1] + "x"
        one, other = (await embedder.embed([fits, last_word_changed])).vectors
        assert np.abs(one - other).max() > 0

    async def test_closing_twice_is_closing_once(self, embedder: Embedder):
        await embedder.close()
        await embedder.close()
