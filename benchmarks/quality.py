"""How good searches are, held against the same searches done plainly, and against documents that are taken whole.

The service's part is that of `freshet evaluate`. `plain` is exact over the same passages; `whole` takes each document
as one, cut at the end of the model's window for its vector, as published figures do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure
from benchmarks.plain import Words, best, fused, ranked
from benchmarks.stack import Given
from freshet.cli.output import print_table, warn
from freshet.cli.progress import progress_bar
from freshet.evaluation.beir import Judged, read_folder
from freshet.evaluation.evaluating import Parts, evaluate, rules
from freshet.evaluation.measuring import MEASURES, NDCG, mean, measure
from freshet.evaluation.opening import open_parts
from freshet.evaluation.runs import choose
from freshet.schemas.events import Upsert
from freshet.schemas.http import MAX_LIMIT
from freshet.search.bm25 import Bm25
from freshet.search.passages import split
from freshet.search.query import normalise
from freshet.search.terms import content_stems
from freshet.settings import Search, load_settings
from freshet.wiring.parts import identity

MODES = ("sparse", "dense", "hybrid")  # what the plain search can do, too
NEAR: Final = 0.005
BELOW: Final = 0.01
CACHE_BYTES: Final = 4 << 30  # both sides embed the same passages, which is to be done once
# By trec_eval, with documents as wholes, with bm25s and sentence-transformers (docs/quality.md).
KNOWN: Final[Mapping[str, Mapping[str, float]]] = {
    "scifact": {"sparse": 0.679, "dense": 0.648, "hybrid": 0.728},
    "cranfield": {"sparse": 0.425, "dense": 0.428, "hybrid": 0.471},
}
Means = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Texts:
    """What is searched: texts as they are embedded and weighed, each with the document that it belongs to."""

    owners: NDArray[np.str_]
    texts: Sequence[str]


async def run(given: Given) -> list[Figure]:
    settings = load_settings()
    settings = settings.model_copy(
        update={
            "search": Search(),
            "embedding": settings.embedding.model_copy(update={"cache_bytes": CACHE_BYTES}),
        }
    )
    if given.source is None:
        raise ValueError("quality needs a folder")
    judged = read_folder(given.source, rules=rules(settings))
    async with open_parts(settings, bar=progress_bar, say=warn) as parts:
        service = {
            each.name: each.measures
            for each in (await evaluate(judged, choose(",".join(MODES), reranks=False), parts)).runs
        }
        text = identity(parts.settings, parts.passages.model).text
        passages = _passages(judged, parts)
        plain = await _plainly(judged, passages, text, parts)
        documents = _documents(judged)
        lengths = [len(content_stems(each)) for each in documents.texts]
        whole = await _plainly(judged, documents, replace(text, average_length=round(float(np.mean(lengths)))), parts)
    stems = [len(content_stems(each)) for each in passages.texts]
    warn(f"a passage has {np.mean(stems):.0f} words on average, a document {np.mean(lengths):.0f}, without stop words")
    _show(service, plain, whole)
    return figures(judged.name, service, plain, whole)


def figures(
    corpus: str, service: Mapping[str, Means], plain: Mapping[str, Means], whole: Mapping[str, Means]
) -> list[Figure]:
    """By way of asking: the measures with those of the plain search beside them, and how far they are apart."""
    found, known = [], KNOWN.get(corpus, {})
    for name, measures in service.items():
        prefix = f"quality-{corpus}.{name}"
        for each in MEASURES:
            goal = f">={known[name] - BELOW:.3f}" if each == NDCG and name in known else None
            short = each.replace("@", "")
            found.append(Figure(f"{prefix}_{short}", measures[each], each, goal=goal, baseline=plain[name][each]))
            found.append(Figure(f"{prefix}_whole_{short}", whole[name][each], each))
        apart = abs(measures[NDCG] - plain[name][NDCG])
        found.append(Figure(f"{prefix}_from_plain", apart, NDCG, goal=f"<={NEAR}"))
    return found


async def _plainly(judged: Judged, given: Texts, text: Bm25, parts: Parts) -> dict[str, Means]:
    vectors = (await parts.passages.embed(given.texts)).vectors
    asked = [normalise(query.text) for query in judged.queries]
    queries = (await parts.queries.embed(asked, purpose="query")).vectors
    words, length = Words(given.texts, text), parts.settings.search.list_length
    found: dict[str, dict[str, list[str]]] = {mode: {} for mode in MODES}
    for query, vector, each in zip(judged.queries, queries, asked, strict=True):
        dense = best((vectors @ vector).astype(np.float64), given.owners, length=length)
        sparse = best(words.scores(each), given.owners, length=length, above=0.0)
        for name, scores in zip(MODES, (sparse, dense, fused([dense, sparse])), strict=True):
            found[name][query.id] = ranked(scores, length=MAX_LIMIT)
    return {name: mean(measure(judged.grades, rankings)) for name, rankings in found.items()}


def _passages(judged: Judged, parts: Parts) -> Texts:
    recipe = identity(parts.settings, parts.passages.model).recipe
    cut = [(each.id, split(each.title, each.text, recipe, parts.passages.token_ends)) for each in _upserts(judged)]
    pieces = [(id_, piece.embedded) for id_, several in cut for piece in several]
    return Texts(np.array([id_ for id_, _ in pieces]), [text for _, text in pieces])


def _documents(judged: Judged) -> Texts:
    whole = [(each.id, f"{each.title}. {each.text}" if each.title else each.text) for each in _upserts(judged)]
    return Texts(np.array([id_ for id_, _ in whole]), [text for _, text in whole])


def _upserts(judged: Judged) -> list[Upsert]:
    return [Upsert.model_validate_json(each.value or b"") for each in judged.documents]


def _show(service: Mapping[str, Means], *others: Mapping[str, Means]) -> None:
    columns = ("search", "measure", "service", "plain", "difference", "documents as wholes")
    rows: list[Sequence[Any]] = []
    for name, measures in service.items():
        for each in MEASURES:
            plain, whole = (other[name][each] for other in others)
            apart = measures[each] - plain
            rows.append((name, each, f"{measures[each]:.4f}", f"{plain:.4f}", f"{apart:+.4f}", f"{whole:.4f}"))
    print_table(columns, rows, right=columns[2:])
