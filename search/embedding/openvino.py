"""Embedding on this machine's CPU with OpenVINO: any model that has an ONNX or OpenVINO file."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.base import Embedded, Model, Purpose, Vectors
from freshet.search.embedding.folder import ModelFolder, Pooling
from freshet.search.embedding.vectors import unit
from freshet.search.models.folder import Precision, weights_of
from freshet.search.models.openvino import Batch, Lane, Output, batches, compile_options, read_graph
from freshet.search.models.tokens import bare, exact_ends, not_unicode


class OpenVINOEmbedder:
    """A model in a folder. Queries have a lane of their own, so that none waits for a window of texts.

    `threads` 0 takes all cores. `precision` "auto" is bf16 where the processor computes in it, else f32; both give the
    same vectors to about 1e-4. Loading blocks for a second. Raises SettingsError where the folder holds no such model.
    """

    def __init__(
        self, folder: Path, *, name: str | None = None, threads: int = 0, precision: Precision = "auto"
    ) -> None:
        self._folder = ModelFolder.read(folder)
        path = self._folder.graph()
        tokenizer = Tokenizer.from_file(str(self._folder.tokenizer()))
        self._whole = bare(tokenizer)
        self._cutting = bare(tokenizer)
        self._cutting.enable_truncation(self._folder.max_tokens)
        self._prompts: Mapping[Purpose, str] = {
            "index": self._folder.document_prompt,
            "query": self._folder.query_prompt,
        }
        graph = read_graph(path)
        output = _output(graph, path)
        self._model = Model(
            provider="openvino",
            name=name or self._folder.name(*weights_of(path), self._folder.tokenizer()),
            dimension=_dimension(graph, output, self._folder),
            # The prompt takes its place in the window, so a text has that much less.
            max_tokens=self._folder.max_tokens - len(exact_ends(self._whole, self._folder.document_prompt)),
        )
        lane = partial(Lane, graph, output, operation="embed")
        self._lanes: Mapping[Purpose, Lane] = {
            "index": lane(compile_options(threads, precision, "THROUGHPUT")),
            "query": lane(compile_options(threads, precision, "LATENCY")),
        }

    @property
    def model(self) -> Model:
        return self._model

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `Embedder.embed`. When the caller is cancelled, the work ends with the batch in hand."""
        work = partial(self._encode, texts, purpose)
        return await self._lanes[purpose].submit(work)

    def encode(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `embed`, in the caller's thread."""
        return self._encode(texts, purpose, threading.Event())

    def token_ends(self, text: str) -> Sequence[int]:
        """As `Embedder.token_ends`: exact."""
        return exact_ends(self._whole, text)

    async def close(self) -> None:
        """Idempotent. What is being embedded ends with the batch in hand and a TransientError."""
        for lane in self._lanes.values():
            lane.close()

    def _encode(self, texts: Sequence[str], purpose: Purpose, abandoned: threading.Event) -> Embedded:
        if not texts:
            return Embedded(np.empty((0, self._model.dimension), np.float32), 0)
        encodings = self._tokenise([self._prompts[purpose] + text for text in texts])
        vectors = np.empty((len(texts), self._model.dimension), np.float32)
        for batch, output in self._lanes[purpose].run(batches(encodings, self._folder.max_tokens), abandoned):
            vectors[batch.rows] = _pool(batch, output, self._folder.pooling)
        return Embedded(vectors, sum(len(encoding.ids) for encoding in encodings))

    def _tokenise(self, texts: list[str]) -> list[Encoding]:
        try:
            return self._cutting.encode_batch_fast(texts)
        except TypeError as error:
            raise not_unicode(error) from error


def _pool(batch: Batch, output: Output, pooling: Pooling) -> Vectors:
    """One vector of unit length a text, of token vectors (n, length, d) or of what the graph pooled (n, d)."""
    if output.ndim == 2:
        vectors = output
    elif pooling == "cls":
        vectors = output[:, 0]
    else:  # a mask times the tokens is their sum; its scale does not matter
        vectors = np.matmul(batch.mask[:, None, :].astype(np.float32), output)[:, 0]
    return unit(vectors)


def _output(graph: Any, path: Path) -> int:
    """Which output to take: the sentence's own vector, else the token vectors."""
    for number, port in enumerate(graph.outputs):
        if "sentence_embedding" in port.get_names():
            return number
    for number, port in enumerate(graph.outputs):
        if port.get_partial_shape().rank.is_static and len(port.get_partial_shape()) == 3:
            return number
    raise SettingsError(f"{path} has no output with a vector for each token or sentence: is it an embedding model?")


def _dimension(graph: Any, output: int, folder: ModelFolder) -> int:
    last = graph.outputs[output].get_partial_shape()[-1]
    if last.is_static:
        return int(last.get_length())
    if folder.hidden_size is None:
        raise SettingsError(f"neither the graph nor a config.json in {folder.path} says how long a vector is")
    return folder.hidden_size
