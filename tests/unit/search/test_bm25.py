from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search.bm25 import K1, B, Bm25
from freshet.search.sparse import SparseVector, term_id
from freshet.search.statistics import TermStatistics
from freshet.search.terms import content_stems

ENGLISH = Bm25(("en",), average_length=10)
WORDS = ["router", "reset", "cable", "lamp", "the", "of", "東京都", "café"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)


def statistics_of(texts: list[str], number: int = 1) -> TermStatistics:
    counts = Counter(term_id(stem) for text in texts for stem in set(content_stems(text)))
    terms = sorted(counts)
    numbers = np.array([counts[term] for term in terms], np.uint32)
    return TermStatistics(number, len(texts), len(texts), np.array(terms, np.uint32), numbers)


def bm25(query: str, text: str, texts: list[str]) -> float:
    """The formula as the books have it, with ENGLISH's average length."""
    stems, total = content_stems(text), 0.0
    for stem in set(content_stems(query)):
        count, df = stems.count(stem), sum(stem in content_stems(each) for each in texts)
        idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
        total += idf * count * (K1 + 1) / (count + K1 * (1 - B + B * len(stems) / 10))
    return total


@given(st.lists(TEXTS, min_size=1, max_size=8), st.lists(st.sampled_from(["router", "reset", "cable"]), min_size=1))
def test_the_inner_product_is_the_bm25_score(texts: list[str], asked: list[str]):
    query = ENGLISH.query(" ".join(asked), statistics_of(texts))
    for text in texts:
        score = query.dot(ENGLISH.passage(text, {}))
        assert score == pytest.approx(bm25(" ".join(asked), text, texts), rel=1e-5, abs=1e-6)


@given(st.text())
def test_any_text_has_weights_that_an_index_takes(text: str):
    vector = ENGLISH.passage(text, {})
    assert (np.diff(vector.indices.astype(np.int64)) > 0).all()
    assert len(vector.indices) == len(vector.values)
    assert np.isfinite(vector.values).all()
    assert (vector.values > 0).all()


def test_without_statistics_all_terms_of_a_query_weigh_the_same():
    assert set(ENGLISH.query("reset the router", None).values) == {1.0}
    assert len(ENGLISH.query("reset the router", None).indices) == 2


def test_a_query_without_words_weighs_nothing():
    assert not ENGLISH.query("?!", None)
    assert not ENGLISH.query("?!", statistics_of(["router"]))


def test_a_query_is_stemmed_in_every_language_and_a_document_in_its_own():
    both = Bm25(("en", "de"))
    german, english = both.passage("die Häuser", {"lang": "de-AT"}), both.passage("the houses", {})
    query = both.query("Häuser", None)
    assert query.dot(german) > 0
    assert both.query("house", None).dot(english) > 0
    assert ENGLISH.query("Haus", None).dot(ENGLISH.passage("die Häuser", {"lang": "de"})) == 0
    assert both.query("Haus", None).dot(german) > 0


@pytest.mark.parametrize("lang", [None, 7, "xx", "", ["de"], "fr"])
def test_a_document_of_no_known_language_is_one_of_the_first(lang: object):
    both = Bm25(("de", "en"))
    assert both.passage("Häuser", {"lang": lang}).indices.tolist() == both.passage("Häuser", {}).indices.tolist()


def test_other_languages_or_lengths_make_another_fingerprint():
    recipes = [Bm25(), Bm25(("en", "de")), Bm25(("de", "en")), Bm25(average_length=80)]
    assert len({recipe.fingerprint for recipe in recipes}) == len(recipes)
    assert Bm25().fingerprint == Bm25().fingerprint


WEIGHTS = st.dictionaries(st.integers(0, 2**32 - 1), st.floats(0.125, 9, width=32), max_size=20)


@given(WEIGHTS, WEIGHTS)
def test_the_inner_product_of_sparse_vectors_is_that_of_dense_ones(one: dict[int, float], other: dict[int, float]):
    expected = sum(value * other.get(index, 0.0) for index, value in one.items())
    assert SparseVector.of(one).dot(SparseVector.of(other)) == pytest.approx(expected, rel=1e-4)


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_a_rarer_term_never_weighs_less_and_an_unseen_one_most(texts: list[str]):
    statistics = statistics_of(texts)
    order = sorted(range(len(statistics.terms)), key=lambda at: statistics.counts[at])
    weights = statistics.idf([int(statistics.terms[at]) for at in order] or [1])
    assert weights == sorted(weights, reverse=True)
    assert all(weight > 0 for weight in weights)
    assert statistics.idf([term_id("never seen")])[0] >= weights[0]
