"""Reranking on this machine's CPU with OpenVINO: any cross-encoder that has an ONNX or OpenVINO file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from freshet.schemas.errors import SettingsError
from freshet.search.models.folder import ModelFiles, Precision, weights_of
from freshet.search.models.openvino import Lane, batches, compile_options, read_graph
from freshet.search.models.tokens import bare, not_unicode, seen
from freshet.search.rerank.base import RerankModel, Scores
from freshet.search.rerank.scores import sigmoid


class OpenVINOReranker:
    """A cross-encoder in a folder: `tokenizer.json`, which knows how pairs are joined, and the graph.

    `threads` and `precision` are as in OpenVINOEmbedder. Loading blocks for a second and scores one pair, so that no
    search does it. Raises SettingsError where the folder holds no model that gives one score for a pair.
    """

    def __init__(
        self, folder: Path, *, name: str | None = None, threads: int = 0, precision: Precision = "auto"
    ) -> None:
        files = ModelFiles.find(folder)
        path = files.graph()
        self._window = files.max_tokens
        self._tokenizer = bare(Tokenizer.from_file(str(files.tokenizer())))
        # It is the text that is cut, unless a query takes more than half of the window and would leave it no room.
        self._tokenizer.enable_truncation(self._window, strategy="longest_first")
        graph = read_graph(path)
        self._lane = Lane(
            graph, _output(graph, files), compile_options(threads, precision, "LATENCY"), operation="rerank"
        )
        self._model = RerankModel("openvino", name or files.name(*weights_of(path), files.tokenizer()))
        self._score("ready", ["ready"], threading.Event())

    @property
    def model(self) -> RerankModel:
        return self._model

    async def score(self, query: str, texts: Sequence[str]) -> Scores:
        """As `Reranker.score`. When the caller is cancelled, the work ends with the batch in hand."""
        if not texts:
            return np.empty(0, np.float32)
        return await self._lane.submit(partial(self._score, query, texts))

    async def close(self) -> None:
        """Idempotent. What is being scored ends with the batch in hand and a TransientError."""
        self._lane.close()

    def _score(self, query: str, texts: Sequence[str], abandoned: threading.Event) -> Scores:
        logits = np.empty(len(texts), np.float32)
        for batch, output in self._lane.run(batches(self._encode(query, texts), self._window), abandoned):
            logits[batch.rows] = output.reshape(len(batch.rows))
        return sigmoid(logits)

    def _encode(self, query: str, texts: Sequence[str]) -> list[Encoding]:
        asked = seen(query, self._window)
        try:
            return self._tokenizer.encode_batch_fast([(asked, seen(text, self._window)) for text in texts])
        except TypeError as error:
            raise not_unicode(error) from error


def _output(graph: Any, files: ModelFiles) -> int:
    """Which output holds the scores. Raises SettingsError where a pair gets another number of them than one."""
    named = [number for number, port in enumerate(graph.outputs) if "logits" in port.get_names()]
    number = named[0] if named else 0
    shape = graph.outputs[number].get_partial_shape()
    if shape.rank.is_dynamic or len(shape) > 2:
        raise SettingsError(f"the model in {files.path} gives no score for a pair of texts: is it a cross-encoder?")
    labels = _labels(shape, files)
    if labels != 1:
        raise SettingsError(f"the model in {files.path} tells {labels} labels apart; a reranker gives one score")
    return number


def _labels(shape: Any, files: ModelFiles) -> int:
    """By the graph, else by the model's description; a description that names none means two, as its makers read it."""
    if len(shape) == 1:
        return 1
    if shape[1].is_static:
        return int(shape[1].get_length())
    return len(files.config.get("id2label") or (0, 1))
