"""The forecast of a build against the build that the real indexer makes of the same log."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record, Rules
from freshet.schemas.positions import Order
from freshet.streams.again import wrap
from freshet.streams.forecast.forecast import Build, forecast
from freshet.streams.forecast.looking import Looks
from freshet.streams.forecast.rehearsal import Rehearsal, Totals
from freshet.streams.forecast.sampling import Sample
from tests.support.embedder import CountingEmbedder
from tests.unit.streams.forecast.building import TOPICS, Vectors, build, foretell, log_of, upsert
from tests.unit.streams.test_both_topics import arrived, record_of

TWO_PERCENT = 0.02
WORDS = [f"w{number}" for number in range(3_000)]


def prose(dice: random.Random, least: int = 3, most: int = 60) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(least, most)))


def history(dice: random.Random, documents: int) -> list[tuple[str, bytes | None]]:
    """A log as years leave it: edits, repeats, other metadata, ends, new beginnings, copies, and what is no event."""
    events: list[tuple[str, bytes | None]] = []
    texts: dict[str, str] = {}
    for _ in range(documents * 2):
        key = f"doc-{dice.randrange(documents)}"
        kind = dice.random()
        before = texts.get(key)
        if before is None or kind < 0.15:
            texts[key] = prose(dice)
        elif kind < 0.4:  # an edit at the end: the passages before it stay
            texts[key] = f"{before} {prose(dice, 1, 8)}"
        elif kind < 0.5:  # what another document says
            texts[key] = texts[dice.choice(list(texts))]
        elif kind < 0.6:
            del texts[key]
            events.append((key, dice.choice([None, b'{"type": "delete", "id": "%s"}' % key.encode()])))
            continue
        elif kind < 0.65:
            events.append((key, b"{"))
            continue
        several = dice.randint(1, 3) if dice.random() < 0.2 else 1  # what comes at once is collapsed
        events += [(key, upsert(key, texts[key], price=dice.randint(0, 3))) for _ in range(several)]
    return events


states = st.one_of(
    st.just("bad"),
    st.none(),
    st.tuples(st.sampled_from(["x", "x y z", "p " * 9 + "q " * 9, ""]), st.sampled_from(["d", "e"])),
)
logs = st.lists(st.tuples(st.sampled_from("abc"), states, st.integers(0, 3), st.booleans()), min_size=1, max_size=12)


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("earlier", [False, True])
@given(log=logs, events=st.integers(1, 5), most_bytes=st.integers(1, 400), dice=st.randoms(use_true_random=False))
@settings(max_examples=40)
async def test_where_the_sample_is_everything_the_forecast_is_what_the_build_takes(
    order, log, events, most_bytes, dice, *, earlier
):
    records = [record_of(at, each, order) for at, each in enumerate(log)]
    copies = [wrap(each, Again(Why.HEALED), TOPICS.again) for each in records if dice.random() < 0.2]
    both = [arrived(each, at) for at, each in enumerate(copies)] + records
    built = await build(both, order=order, events=events, most_bytes=most_bytes, earlier=earlier)
    with TemporaryDirectory() as folder:
        told = await foretell(both, Path(folder), order=order, events=events, most_bytes=most_bytes)
    assert told.embed.value == pytest.approx(built.tokens, abs=1e-6)
    assert told.embed.error == 0
    live = [each for each in built.points.ledger.values() if not each.deleted]
    assert told.totals.live == len(live)
    assert told.totals.documents == len(built.points.ledger)
    assert round(told.passages.value) == sum(len(each.passages) for each in live)


@pytest.mark.parametrize("seed", range(2))
async def test_from_a_part_of_the_documents_the_tokens_are_foretold_within_two_percent(tmp_path, seed):
    records = log_of(history(random.Random(seed), 3_000), partitions=3)
    built = await build(records)
    told = await foretell(records, tmp_path, sample=Sample(most_documents=1_000))
    assert told.sampled == 1_000 < told.totals.documents / 2
    assert told.embed.value == pytest.approx(built.tokens, rel=TWO_PERCENT)
    assert told.embed.low < built.tokens < told.embed.high
    passages = sum(len(each.passages) for each in built.points.ledger.values())
    assert told.passages.value == pytest.approx(passages, rel=3 * TWO_PERCENT)


async def test_where_workers_cut_smaller_batches_it_is_no_more_than_what_is_told(tmp_path):
    records = log_of(history(random.Random(3), 200))
    told, every_event = await foretell(records, tmp_path), await build(records, events=1)
    assert told.embed.value < every_event.tokens <= told.embed.value + told.replaced


async def test_what_the_live_version_or_the_cache_holds_is_not_embedded(tmp_path):
    records = log_of(history(random.Random(7), 300))
    before = await build(records)
    (tmp_path / "1").mkdir()
    cached = await foretell(records, tmp_path / "1", vectors=Vectors(before.cache, before.points))
    assert cached.embed.value == 0
    assert cached.measured is None
    assert cached.taken.value == 0
    assert cached.cached == cached.tokens
    (tmp_path / "2").mkdir()
    taken = await foretell(records, tmp_path / "2", vectors=Vectors(None, before.points))
    assert taken.cached.value == 0
    assert 0 < taken.taken.value < taken.tokens.value  # states that were replaced are no more in the live version
    assert taken.embed.value == pytest.approx(taken.tokens.value - taken.taken.value)


async def test_an_empty_log_takes_nothing(tmp_path):
    told = await foretell([], tmp_path)
    assert (told.embed.value, told.passages.value, told.times.embedding.high) == (0, 0, 0)


def plain(at: int) -> Record:
    key = b"%080d" % at  # too long for the parser to remember it
    return Record(TOPICS.documents, 0, at, 1.0, key, b'{"type":"upsert","id":"%b","text":"%b"}' % (key, key))


def peak(folder: Path, documents: int) -> int:
    """The most memory that a rehearsal takes."""
    sample = Sample(most_documents=200)
    tracemalloc.start()
    try:
        with Rehearsal(
            folder / str(documents),
            rules=Rules(),
            topics=TOPICS,
            sample=sample,
            batch_bytes=100_000,
        ) as rehearsal:
            for start in range(0, documents, 200):
                rehearsal.add([plain(at) for at in range(start, start + 200)])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_documents(tmp_path):
    few, many = 1_000, 4_000
    grown = peak(tmp_path, many) - peak(tmp_path, few)
    assert grown < 16 * (many - few), "so little would not even hold a digest of each document"


@pytest.mark.parametrize(
    ("recorded", "likely"),
    [
        (None, 400 / 2_500),
        ({"events": 500, "seconds": 10.0, "tokens": 0}, 20.0),
        ({"events": 500, "seconds": 0.05, "tokens": 900}, 0.1),
        ({"events": 500, "seconds": 10.0, "tokens": 900}, 400 / 2_500),
        ({"events": 0, "seconds": 0.1, "tokens": 900}, 400 / 2_500),
        ("strange", 400 / 2_500),
    ],
)
def test_writing_lasts_as_the_last_build_did_where_it_was_recorded(recorded, likely):
    totals = Totals(events=1_000, documents=400, live=400, live_bytes=10, first_bytes=10)
    looks = Looks(most=0)
    told = forecast(
        totals, looks, None, model=CountingEmbedder().model, read_seconds=1.0, build=Build.of({"build": recorded})
    )
    assert told.passages.value == 0
    assert told.times.writing.likely == pytest.approx(likely)
    assert told.times.writing.low <= told.times.writing.likely <= told.times.writing.high
