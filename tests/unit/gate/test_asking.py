"""Two versions are asked the same; one whose model is spoilt shows it."""

from itertools import count

import numpy as np
import pytest

from freshet.gate.asking import ROUNDS, Way, ask_both
from freshet.gate.questions import Question, of_documents
from freshet.gate.verdict import Limits, agrees
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedded, Model
from freshet.search.fusion import Fusion
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveVersion
from freshet.search.snapshots import Snapshots
from tests.unit.search.http.world import DIMENSION, VERSION, MemoryReader, WordEmbedder

WAY = Way(100, Fusion.MINMAX, {"lang": Kind.KEYWORD})
TOPICS = ("penguins", "lenses", "engines", "gardens", "bridges")
DOCUMENTS = 300


class Spoilt(WordEmbedder):
    """A model with shuffled weights: each text's vector is of the right kind, and says nothing of it."""

    async def embed(self, texts, *, purpose="index"):  # noqa: ARG002
        vectors = np.stack([shuffled(text) for text in texts])
        return Embedded(vectors, len(texts))


def shuffled(text):
    random = np.random.default_rng(list(text.encode()))
    vector = random.normal(size=DIMENSION).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def reader(vector=None):
    random = np.random.default_rng(0)
    found = MemoryReader()
    found.fields = WAY.fields
    for number in range(DOCUMENTS):
        words = " ".join(random.choice([f"{topic}{n}" for topic in TOPICS for n in range(12)], 12))
        found.put(f"d{number}", words, title=" ".join(words.split()[:3]), lang="en" if number % 2 else "de")
    if vector is not None:
        for id_, passage in found.stored.items():
            found.stored[id_] = type(passage)(
                passage.id, passage.key, passage.text, 0, passage.rank, vector(passage.text), passage.terms
            )
    return found


class Documents:
    """What questions are made of, in pages."""

    def __init__(self, found, page=7):
        self.found, self.page = found, page
        self.passages = found.passages

    async def records(self):
        records = list(self.found.records.values())
        for start in range(0, len(records), self.page):
            yield records[start : start + self.page]


def side(found, embedder=None):
    info = VersionInfo(VERSION, DIMENSION, {})
    return LiveVersion(info, found, embedder or WordEmbedder(), Bm25(), Snapshots(found))


async def test_a_version_with_a_spoilt_model_is_refused_and_an_equal_one_is_not():
    live = reader()
    questions = await of_documents(Documents(live), most=50)
    equal = await ask_both(side(live), side(reader()), questions, WAY)
    spoilt = await ask_both(side(live), side(reader(shuffled), Spoilt()), questions, WAY)
    assert agrees(equal, Limits()).value == 1
    check = agrees(spoilt, Limits())
    assert check.passed is False
    assert check.value is not None
    assert check.value < Limits().overlap
    assert f"{check.value:.2f}" in check.figure


async def test_filters_tenants_and_order_are_those_of_searches():
    found = reader()
    question = Question(
        "penguins1 lenses2",
        filters=Filter.model_validate({"must": [{"key": "metadata.lang", "match": {"value": "de"}}]}),
    )
    (asked,) = await ask_both(side(found), side(found), [question], WAY)
    assert asked.live.found
    assert all(int(id_[1:]) % 2 == 0 for id_ in asked.live.found)
    assert asked.live.found == asked.candidate.found


def noting(order, name, nearest):
    async def noted(*args, **kwargs):
        order.append(name)
        return await nearest(*args, **kwargs)

    return noted


async def test_they_are_asked_in_turns_and_the_fastest_answer_counts():
    """A pause of the machine, or who comes first, must not decide."""
    order: list[str] = []
    ticks = count()
    live, candidate = reader(), reader()
    for name, each in (("live", live), ("candidate", candidate)):
        each.nearest = noting(order, name, each.nearest)
    asked = await ask_both(
        side(live), side(candidate), [Question("penguins1"), Question("lenses2")], WAY, clock=lambda: next(ticks) ** 2
    )
    there, back = ["live", "candidate"], ["candidate", "live"]
    assert order == there + back + back + there + there + back
    assert len(order) == 2 * ROUNDS * len(asked)
    first = asked[0].live, asked[0].candidate
    assert [each.seconds for each in first] == [1, 5]  # of 0²…1² and 2²…3²; the other rounds took longer


async def test_what_a_model_cannot_take_finds_nothing():
    """A search with it would be refused, and it must be held against the version."""
    short = WordEmbedder()
    short.model = Model("test", "short", DIMENSION, 4)
    found = reader()
    (asked,) = await ask_both(side(found), side(found, short), [Question("penguins1 lenses2")], WAY)
    assert asked.live.found
    assert asked.candidate.found == ()


@pytest.mark.parametrize("most", [1, 7, 30, 1_000])
async def test_questions_are_made_of_as_many_documents_as_are_wanted(most):
    found = reader()
    found.put("ended", deleted=True, title="gone")
    questions = await of_documents(Documents(found), most=most)
    assert len(questions) == min(most, DOCUMENTS)
    assert questions == (await of_documents(Documents(found), most=most))
    assert "gone" not in {each.text for each in questions}
