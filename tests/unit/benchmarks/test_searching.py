from itertools import islice

from benchmarks.searching import figures, new_queries


def test_ratios_are_held_against_their_baselines():
    seconds = [0.030] * 98 + [0.040] * 2
    found = {each.name: each for each in figures(seconds, [0.020], 100.0, 50.0, [0.1] * 100)}
    assert found["searching.p50"].value == 30
    assert found["searching.ratio_to_parts"].value == 1.5
    assert found["searching.ratio_to_parts"].reached
    assert (found["searching.ratio_to_plain"].value, found["searching.ratio_to_plain"].reached) == (2, False)
    assert found["searching.ratio_while_indexing"].value == 2.5


def test_no_query_comes_twice():
    corpus = [{"text": " ".join(f"word{n}" for n in range(40))}, {"text": "short"}, {"text": ""}]
    queries = list(islice(new_queries(corpus), 500))
    assert len(set(queries)) == 500
    assert all(query.strip() for query in queries)
