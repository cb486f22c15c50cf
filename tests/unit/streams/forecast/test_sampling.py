"""A sample of documents holds everything of some, nothing of others, and no more than it may."""

from __future__ import annotations

import random
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.events import Event, Upsert
from freshet.streams.forecast.sampling import Sample

Events = list[tuple[str, int]]  # key and length of the text


def fill(sample: Sample, events: Events) -> None:
    for at, (key, length) in enumerate(events):
        body = Upsert(type="upsert", id=key, text="x" * length)
        sample.note(name(key), Event(key, None, key, 0, at, 1.0, body), [body], body)


def name(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=16).digest()


events = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=30)


@given(events=events, most=st.integers(1, 9))
def test_of_the_documents_with_the_lowest_digests_it_has_every_event(events, most):
    sample = Sample(most_documents=most)
    fill(sample, events)
    chosen = sorted({key for key, _ in events}, key=name)[:most]
    assert [each.key for each in sample.documents] == chosen
    for document in sample.documents:
        lengths = [length for key, length in events if key == document.key]
        assert [len(each.text) for each in (*document.first, *document.later)] == lengths
        assert document.last is not None
        assert len(document.last.text) == lengths[-1]


@given(events=events, most=st.integers(1, 40), dice=st.randoms(use_true_random=False))
def test_it_holds_no_more_bytes_than_it_may_but_always_a_document(events, most, dice):
    sample = Sample(most_bytes=most)
    fill(sample, events)
    chosen = sorted({key for key, _ in events}, key=name)
    assert [each.key for each in sample.documents] == chosen[: len(sample)]
    assert len(sample) >= min(len(chosen), 1)
    assert len(sample) <= 1 or sum(each.bytes for each in sample.documents) <= most


def test_no_kind_of_document_is_preferred():
    """The share of long documents in the sample is that in the log, whenever they come."""
    dice, sample = random.Random(5), Sample(most_documents=1_000)
    log = [(f"doc-{number}", 90 if number < 5_000 else 10) for number in range(20_000)]
    dice.shuffle(log)
    fill(sample, log)
    share = sum(each.first[0].text == "x" * 90 for each in sample.documents) / len(sample)
    assert 0.2 < share < 0.3
