"""Running text models on this machine's CPU with OpenVINO: batches of texts of one length, several in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import openvino
from numpy.typing import NDArray
from tokenizers import Encoding

from freshet.schemas.errors import PermanentError, SettingsError, TransientError
from freshet.search.models.folder import Precision

ov: Any = openvino  # its package states no types
T = TypeVar("T")
Output = NDArray[np.float32]

# Tokens in one inference. Measured with 2 streams: from 512 up the rate is level to within 5 % (texts of 30 to 254
# tokens), while cancelling and closing wait for the batch in hand.
_BATCH_TOKENS: Final = 1024
# A length that was not seen before costs twice its time in compiling, and odd ones are slower ever after.
_LENGTH_STEP: Final = 8
_KNOWN_INPUTS: Final = {"input_ids", "attention_mask", "token_type_ids"}


class Batch:
    """Texts of about one length as the arrays that a graph takes, and their places in the window."""

    def __init__(self, rows: Sequence[int], encodings: Sequence[Encoding], length: int) -> None:
        self.rows = rows
        self.ids, self.types, self.mask = (np.zeros((len(encodings), length), np.int64) for _ in range(3))
        for row, encoding in enumerate(encodings):
            end = len(encoding.ids)
            self.ids[row, :end], self.types[row, :end], self.mask[row, :end] = encoding.ids, encoding.type_ids, 1

    @property
    def inputs(self) -> Mapping[str, NDArray[np.int64]]:
        return {"input_ids": self.ids, "attention_mask": self.mask, "token_type_ids": self.types}


class Lane:
    """One compilation of a graph, made at first use, with as many requests in flight as it has streams.

    `operation` names in errors what is done with it ("embed"). One thread works.
    """

    def __init__(self, graph: Any, output: int, config: Mapping[str, Any], *, operation: str) -> None:
        self._graph = graph
        self._output = output
        self._config = config
        self._operation = operation
        self._inputs = _inputs(graph)
        self._requests: list[Any] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=operation)

    async def submit(self, work: Callable[[threading.Event], T]) -> T:
        """What `work` gives in the lane's thread. It is handed what is set when its caller is cancelled."""
        if self._closed.is_set():
            raise self._given_up()
        abandoned = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, abandoned)
        except asyncio.CancelledError:
            abandoned.set()
            raise

    def run(self, batches: Sequence[Batch], abandoned: threading.Event) -> Iterator[tuple[Batch, Output]]:
        """What the graph makes of each batch, good until the next is asked for. One caller at a time.

        Raises TransientError where the lane was closed or the caller gave up, PermanentError for what is refused.
        """
        with self._lock:
            requests = self._compiled()
            try:
                for number, batch in enumerate(batches):
                    if self._closed.is_set() or abandoned.is_set():
                        raise self._given_up()
                    request = requests[number % len(requests)]
                    if number >= len(requests):
                        yield batches[number - len(requests)], self._collect(request)
                    inputs = {name: array for name, array in batch.inputs.items() if name in self._inputs}
                    # Copied, not shared: with shared inputs the process dies now and then (seen in 2026.4.1).
                    request.start_async(inputs, share_inputs=False)
                for number in range(max(len(batches) - len(requests), 0), len(batches)):
                    yield batches[number], self._collect(requests[number % len(requests)])
            finally:
                for request in requests:
                    request.wait()

    def close(self) -> None:
        """Idempotent. What is being done ends with the batch in hand and a TransientError."""
        self._closed.set()
        self._executor.shutdown(wait=False)
        self._requests = []

    def _compiled(self) -> list[Any]:
        if not self._requests:
            compiled = ov.Core().compile_model(self._graph, "CPU", dict(self._config))
            # One more than there are streams, so that none is idle while a result is looked at.
            streams = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
            self._requests = [compiled.create_infer_request() for _ in range(streams + 1)]
        return self._requests

    def _collect(self, request: Any) -> Output:
        try:
            request.wait()
        except RuntimeError as error:
            message = f"the model refused the texts: {error}"
            raise PermanentError(self._operation, message, hint="is it a text model?") from error
        output: Output = request.get_output_tensor(self._output).data
        return output

    def _given_up(self) -> TransientError:
        return TransientError(self._operation, "the model was closed or its caller gave up")


def batches(encodings: Sequence[Encoding], window: int) -> list[Batch]:
    """The longest first, each batch padded to its own longest: sorting spares nearly half of the work."""
    order = sorted(range(len(encodings)), key=lambda row: -len(encodings[row].ids))
    found: list[Batch] = []
    start = 0
    while start < len(order):
        length = min(_round_up(len(encodings[order[start]].ids)), window)  # the model knows no places beyond its window
        rows = order[start : start + max(1, _BATCH_TOKENS // length)]
        found.append(Batch(rows, [encodings[row] for row in rows], length))
        start += len(rows)
    return found


def read_graph(path: Path) -> Any:
    """A text model's graph from its file. Raises SettingsError for one that wants what a text does not have."""
    graph = ov.Core().read_model(path)
    names = {next(iter(port.get_names()), "?") for port in graph.inputs}
    if unknown := names - _KNOWN_INPUTS:
        raise SettingsError(f"{path} wants inputs that a text model does not have: {', '.join(sorted(unknown))}")
    return graph


def compile_options(threads: int, precision: Precision, hint: str) -> dict[str, Any]:
    """What OpenVINO is told; `hint` is LATENCY (one stream on all threads) or THROUGHPUT."""
    options: dict[str, Any] = {"PERFORMANCE_HINT": hint}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    if precision != "auto":
        options["INFERENCE_PRECISION_HINT"] = precision
    return options


def _inputs(graph: Any) -> set[str]:
    return {name for port in graph.inputs for name in port.get_names()} & _KNOWN_INPUTS


def _round_up(length: int) -> int:
    return -(-max(length, 1) // _LENGTH_STEP) * _LENGTH_STEP
