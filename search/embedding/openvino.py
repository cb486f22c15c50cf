"""Embedding on this machine's CPU with OpenVINO: any model that has an ONNX or OpenVINO file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import openvino
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from freshet.schemas.errors import PermanentError, SettingsError, TransientError
from freshet.search.embedding.base import Embedded, Model, Purpose, Vectors
from freshet.search.embedding.folder import ModelFolder, weights_of
from freshet.search.embedding.tokens import bare, exact_ends, not_unicode
from freshet.search.embedding.vectors import unit

ov: Any = openvino  # its package states no types
Precision = Literal["auto", "f32", "bf16"]

# Tokens in one inference. Measured with 2 streams: from 512 up the rate is level to within 5 % (texts of 30 to 254
# tokens), while cancelling and closing wait for the batch in hand.
_BATCH_TOKENS: Final = 1024
# A length that was not seen before costs twice its time in compiling, and odd ones are slower ever after.
_LENGTH_STEP: Final = 8
_KNOWN_INPUTS: Final = {"input_ids", "attention_mask", "token_type_ids"}


class OpenVINOEmbedder:
    """A model in a folder. Queries have a lane of their own, so that none waits for a window of texts.

    `threads` 0 takes all cores. `precision` "auto" is bf16 where the processor computes in it, else f32; both give the
    same vectors to about 1e-4. Loading blocks for a second. Raises SettingsError where the folder holds no such model.
    """

    def __init__(
        self, folder: Path, *, name: str | None = None, threads: int = 0, precision: Precision = "auto"
    ) -> None:
        self._folder = ModelFolder.read(folder)
        graph = self._folder.graph()
        tokenizer = Tokenizer.from_file(str(self._folder.tokenizer()))
        self._whole = bare(tokenizer)
        self._cutting = bare(tokenizer)
        self._cutting.enable_truncation(self._folder.max_tokens)
        self._prompts: Mapping[Purpose, str] = {
            "index": self._folder.document_prompt,
            "query": self._folder.query_prompt,
        }
        graph_model = ov.Core().read_model(graph)
        output = _output(graph_model, graph)
        self._model = Model(
            provider="openvino",
            name=name or self._folder.name(*weights_of(graph), self._folder.tokenizer()),
            dimension=_dimension(graph_model, output, self._folder),
            # The prompt takes its place in the window, so a text has that much less.
            max_tokens=self._folder.max_tokens - len(exact_ends(self._whole, self._folder.document_prompt)),
        )
        config = _config(threads, precision)
        self._lanes: Mapping[Purpose, _Lane] = {
            "index": _Lane(graph_model, output, self._folder.pooling, {**config, "PERFORMANCE_HINT": "THROUGHPUT"}),
            "query": _Lane(graph_model, output, self._folder.pooling, {**config, "PERFORMANCE_HINT": "LATENCY"}),
        }

    @property
    def model(self) -> Model:
        return self._model

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `Embedder.embed`. When the caller is cancelled, the work ends with the batch in hand."""
        abandoned = threading.Event()
        work = partial(self.encode, texts, purpose=purpose, abandoned=abandoned)
        try:
            return await self._lanes[purpose].submit(work)
        except asyncio.CancelledError:
            abandoned.set()
            raise

    def encode(
        self, texts: Sequence[str], *, purpose: Purpose = "index", abandoned: threading.Event | None = None
    ) -> Embedded:
        """As `embed`, in the caller's thread."""
        if not texts:
            return Embedded(np.empty((0, self._model.dimension), np.float32), 0)
        encodings = self._tokenise([self._prompts[purpose] + text for text in texts])
        batches = list(_batches(encodings, self._folder.max_tokens))
        vectors = np.empty((len(texts), self._model.dimension), np.float32)
        for rows, batch in self._lanes[purpose].run(batches, abandoned or threading.Event()):
            vectors[rows] = batch
        return Embedded(vectors, sum(len(encoding.ids) for encoding in encodings))

    def token_ends(self, text: str) -> Sequence[int]:
        """As `Embedder.token_ends`: exact."""
        return exact_ends(self._whole, text)

    async def close(self) -> None:
        """Idempotent. What is being embedded ends with the batch in hand and a TransientError."""
        for lane in self._lanes.values():
            lane.close()

    def _tokenise(self, texts: list[str]) -> list[Encoding]:
        try:
            return self._cutting.encode_batch_fast(texts)
        except TypeError as error:
            raise not_unicode(error) from error


class _Batch:
    """Texts of about one length as the arrays that a graph takes, and their places in the window."""

    def __init__(self, rows: Sequence[int], encodings: Sequence[Encoding], length: int) -> None:
        self.rows = rows
        shape = (len(encodings), length)
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        self.inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros(shape, np.int64)}

    def pool(self, output: NDArray[np.float32], pooling: str) -> Vectors:
        """One vector of unit length a text, of token vectors (n, length, d) or of what the graph pooled (n, d)."""
        if output.ndim == 2:
            vectors = output
        elif pooling == "cls":
            vectors = output[:, 0]
        else:  # a mask times the tokens is their sum; its scale does not matter
            vectors = np.matmul(self.inputs["attention_mask"][:, None, :].astype(np.float32), output)[:, 0]
        return unit(vectors)


class _Lane:
    """One compilation of the graph, made at first use, with as many requests in flight as it has streams."""

    def __init__(self, graph: Any, output: int, pooling: str, config: Mapping[str, Any]) -> None:
        self._graph = graph
        self._output = output
        self._pooling = pooling
        self._config = config
        self._inputs = {name for port in graph.inputs for name in port.get_names()} & _KNOWN_INPUTS
        self._requests: list[Any] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="embedding")

    async def submit(self, work: partial[Embedded]) -> Embedded:
        if self._closed.is_set():
            raise _closed()
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def run(self, batches: Sequence[_Batch], abandoned: threading.Event) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Vectors by the places of their texts, batch after batch. One caller at a time."""
        with self._lock:
            requests = self._compiled()
            try:
                for number, batch in enumerate(batches):
                    if self._closed.is_set() or abandoned.is_set():
                        raise _closed()
                    if number >= len(requests):
                        yield self._collect(batches[number - len(requests)], requests[number % len(requests)])
                    inputs = {name: array for name, array in batch.inputs.items() if name in self._inputs}
                    # Copied, not shared: with shared inputs the process dies now and then (seen in 2026.4.1).
                    requests[number % len(requests)].start_async(inputs, share_inputs=False)
                for number in range(max(len(batches) - len(requests), 0), len(batches)):
                    yield self._collect(batches[number], requests[number % len(requests)])
            finally:
                for request in requests:
                    request.wait()

    def close(self) -> None:
        self._closed.set()
        self._executor.shutdown(wait=False)
        self._requests = []

    def _compiled(self) -> list[Any]:
        if not self._requests:
            compiled = ov.Core().compile_model(self._graph, "CPU", dict(self._config))
            # One more than there are streams, so that none is idle while we pool a result.
            streams = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
            self._requests = [compiled.create_infer_request() for _ in range(streams + 1)]
        return self._requests

    def _collect(self, batch: _Batch, request: Any) -> tuple[Sequence[int], Vectors]:
        try:
            request.wait()
        except RuntimeError as error:
            raise PermanentError(
                "embed", f"the model refused the texts: {error}", hint="is it a text model?"
            ) from error
        return batch.rows, batch.pool(request.get_output_tensor(self._output).data, self._pooling)


def _batches(encodings: Sequence[Encoding], window: int) -> Iterator[_Batch]:
    """The longest first, each batch padded to its own longest: sorting spares nearly half of the work."""
    order = sorted(range(len(encodings)), key=lambda row: -len(encodings[row].ids))
    start = 0
    while start < len(order):
        length = min(_round_up(len(encodings[order[start]].ids)), window)  # the model knows no places beyond its window
        rows = order[start : start + max(1, _BATCH_TOKENS // length)]
        yield _Batch(rows, [encodings[row] for row in rows], length)
        start += len(rows)


def _round_up(length: int) -> int:
    return -(-max(length, 1) // _LENGTH_STEP) * _LENGTH_STEP


def _output(graph: Any, path: Path) -> int:
    """Which output to take: the sentence's own vector, else the token vectors."""
    inputs = {next(iter(port.get_names()), "?") for port in graph.inputs}
    if unknown := inputs - _KNOWN_INPUTS:
        raise SettingsError(f"{path} wants inputs that a text model does not have: {', '.join(sorted(unknown))}")
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


def _config(threads: int, precision: Precision) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if threads:
        config["INFERENCE_NUM_THREADS"] = threads
    if precision != "auto":
        config["INFERENCE_PRECISION_HINT"] = precision
    return config


def _closed() -> TransientError:
    return TransientError("embed", "the model was closed or its caller gave up")
